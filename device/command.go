package device

import (
	"errors"
	"time"
)

// Action is what somebody wants a device to do.
type Action uint8

// Actions.
const (
	ActionNone Action = iota
	ActionOpen
	ActionClose
	ActionStop
	ActionLock
	ActionUnlock
)

// Command asks a device to act. It is a level, not a pulse: what is true already is not done again.
type Command struct {
	Action  Action
	Cause   Cause
	Untold  bool      // whoever asks has not been told of the device's last change: what it asked before, it repeats
	Confirm bool      // a person looked at the door and wants this one pulse although its state is not known
	Arrived time.Time // when the face received it; zero means now. Dropped 5 s later if it is still not owed
}

// Answer is what became of an accepted command. At most one of Already and Warning is set.
type Answer struct {
	Intent  int64 // the journal's number of the intent (or of the warning); 0 with Already
	Already bool  // the device is there, or on its way there
	Warning bool  // the warning has begun; the close follows it, or is given up
}

// RefusalCode is a stable word for why a command was refused; scripts and faces depend on it.
type RefusalCode string

// Refusal codes.
const (
	RefusedUnavailable RefusalCode = "unavailable"      // the device does not answer
	RefusedUnknown     RefusalCode = "unknown-position" // a toggle on a guess
	RefusedStale       RefusalCode = "stale-reading"    // no fresh reading within a second
	RefusedBouncing    RefusalCode = "bouncing"         // the contact did not come to rest within 2 s
	RefusedMoving      RefusalCode = "moving"           // not now: the door moves or may move
	RefusedTooSoon     RefusalCode = "too-soon"         // less than 2 s after the last edge
	RefusedBusy        RefusalCode = "busy"             // another command is in flight
	RefusedRate        RefusalCode = "rate-limited"     // more than 10 owed pulses in 10 s from one controller
	RefusedExpired     RefusalCode = "expired"          // waited longer than 5 s
	RefusedUnattended  RefusalCode = "unattended-close" // this door does not close without a person at it
	RefusedObstructed  RefusalCode = "obstructed"
	RefusedSuspended   RefusalCode = "suspended"      // two failed moves: confirm in person
	RefusedFailed      RefusalCode = "failed-lately"  // the same target failed less than 30 s ago
	RefusedLockedOut   RefusalCode = "locked-out"     // the owner locked remote operation out
	RefusedNoStop      RefusalCode = "cannot-stop"    // the opener has no stop, or a pulse would reverse it
	RefusedDoorOpen    RefusalCode = "door-open"      // a bolt is not thrown on an open door
	RefusedInterlock   RefusalCode = "interlock"      // the other door of the mantrap is not closed
	RefusedUnsupported RefusalCode = "not-supported"  // this device cannot do that at all
	RefusedRole        RefusalCode = "not-permitted"  // this controller may not
	RefusedJournal     RefusalCode = "journal-failed" // the intent could not be written: nothing moved
	RefusedDriver      RefusalCode = "driver-failed"  // the driver said that nothing was energised
	RefusedUnsure      RefusalCode = "outcome-unsure" // the driver may have acted; it is never tried again by itself
	RefusedAborted     RefusalCode = "aborted"        // something changed during the warning
	RefusedJammed      RefusalCode = "jammed"
)

// Refusal is the error of every command that was not done. Why is one line for the person who asked,
// Remedy one line that says what to do.
type Refusal struct {
	Device string
	Code   RefusalCode
	Why    string
	Remedy string
	Err    error // the cause underneath, if there is one
}

func (r *Refusal) Error() string {
	s := r.Device + ": " + r.Why
	if r.Err != nil {
		s += ": " + r.Err.Error()
	}
	return s
}

func (r *Refusal) Unwrap() error { return r.Err }

// Sentinels that drivers wrap.
var (
	// ErrUnavailable: the device cannot be reached; nothing was energised.
	ErrUnavailable = errors.New("device is unavailable")
	// ErrUnsure: the order was sent and the answer is lost; the device may have acted.
	ErrUnsure = errors.New("the device may have acted")
)
