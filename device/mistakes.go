package device

// Mistakes that a test build can be told to make (see seeds).
const (
	seedEarlyAnswer = "answered-before-intent" // nothing is written down yet
	seedSameValue   = "pulse-for-the-same-value"
	seedUnwarned    = "close-without-warning"
	seedOldReading  = "old-reading-trusted"
	seedRetry       = "order-sent-again" // when its answer is lost
	seedNoExpiry    = "old-command-obeyed"
	seedFastEdges   = "edges-too-close"
	seedNoToken     = "mantrap-ignored"
	seedCalendar    = "warning-by-the-calendar"
	seedDreams      = "sleep-by-the-calendar"
	seedReplay      = "intent-replayed" // by bridge; a device that knows of the run before would refuse it
)
