package homekit

// Mistakes that a test build can be told to make (see seeds).
const (
	seedForgotten      = "failures-forgotten"        // of pair-setup, at a restart
	seedNoLease        = "slow-peer-kept"            // nothing bounds the time of a request
	seedCalendar       = "idle-by-the-calendar"      // which session may be sent away
	seedTornIsUnpaired = "pairable-on-a-torn-record" // what cannot be read was never there
)
