package device

// NoticeCode is a stable word for a problem of a device that its owner should hear of.
type NoticeCode string

// Notice codes. A problem is raised with On and cleared without.
const (
	NoticeSuspended  NoticeCode = "suspended"         // two moves failed, or two unattended closes were obstructed
	NoticeFailed     NoticeCode = "move-failed"       // the last move did not end as it should
	NoticeFault      NoticeCode = "sensor-fault"      // what the driver knows to be wrong; Detail has its words
	NoticeDisagree   NoticeCode = "contacts-disagree" // two contacts say what cannot be at once; Detail has the driver's words
	NoticeBounces    NoticeCode = "contact-bounces"   // a contact changes again and again
	NoticeAway       NoticeCode = "unavailable"       // the driver does not answer
	NoticeJournal    NoticeCode = "journal-failed"    // a row was not written
	NoticeMemory     NoticeCode = "memory-failed"     // what must survive a restart was not kept, or not found
	NoticeDriver     NoticeCode = "driver-failed"     // a call failed, panicked or hung
	NoticeUnsure     NoticeCode = "outcome-unsure"    // the driver may have acted
	NoticeUnreleased NoticeCode = "relay-unreleased"  // the output did not come to rest
	NoticeWarning    NoticeCode = "warning-failed"    // light or sound did not do as told
	NoticeInterlock  NoticeCode = "interlock-held"    // it has not been seen closed for five minutes, and keeps its mantrap shut
	NoticeRelock     NoticeCode = "not-relocked"      // the lock could not lock itself
)

// Notice is a problem that began or ended.
type Notice struct {
	Device string
	Code   NoticeCode
	On     bool
	Detail string
}
