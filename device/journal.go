package device

import (
	"context"
	"time"
)

// EntryKind is what a journal row says.
type EntryKind uint8

// Kinds of journal rows.
const (
	EntryNone     EntryKind = iota
	EntryWarning            // the warning before an unattended close began
	EntryIntent             // an output is about to be energised
	EntryStarted            // it was energised, or the device accepted
	EntryReleased           // it is at rest again
	EntryOutcome            // what the sensors said in the end
	EntryObserved           // a change that nobody here asked for
	EntryRefused            // a command that was refused
	EntryNote               // everything else an owner wants to find: suspended, confirmed, declared, gap
)

// Outcome is how a move ended.
type Outcome uint8

// Outcomes.
const (
	OutcomeNone         Outcome = iota
	OutcomeReached              // the sensors saw the target
	OutcomeTimedOut             // they did not, in time
	OutcomeContradicted         // they saw the opposite
	OutcomeUnknown              // nobody can tell (a restart lay between)
	OutcomeAborted              // given up before anything was energised
)

// Entry is one row for the journal: ids, never names or digits.
type Entry struct {
	Kind      EntryKind
	Device    string
	Action    Action
	Cause     Cause
	Intent    int64 // Started, Released, Outcome: the number of the intent they belong to
	Outcome   Outcome
	Code      RefusalCode // Refused: why
	Confirmed bool
	Detail    string // a fixed word or two from the code, never user input
	State     string // the state after it, as a word ("closed", "unsecured"); empty if it does not apply
}

// Journal is the history that must hold an intent before a relay may move.
type Journal interface {
	// Record writes the entry so that it survives a killed process, and returns its number, which
	// is never used again. Durability against a power cut follows without being waited for.
	Record(ctx context.Context, e Entry) (seq int64, err error)
}

// Memory keeps the little that a device must not forget over a restart. It is never touched on the
// way to a relay.
type Memory interface {
	Recall(ctx context.Context, device string) (Remembered, error)
	Remember(ctx context.Context, device string, r Remembered) error
}

// Remembered is what a device keeps over a restart. The zero value is a device that is new.
type Remembered struct {
	Opens     []time.Duration `json:"opens,omitempty"`  // the last six measured travel times
	Closes    []time.Duration `json:"closes,omitempty"` // the same, closing
	Failures  int             `json:"failures,omitempty"`
	Suspended bool            `json:"suspended,omitempty"`
	LockedOut bool            `json:"locked_out,omitempty"`
	Obstructs int             `json:"obstructs,omitempty"` // unattended closes in a row that were obstructed
}

// new reports whether nothing is remembered.
func (r *Remembered) new() bool {
	return len(r.Opens)+len(r.Closes)+r.Failures+r.Obstructs == 0 && !r.Suspended && !r.LockedOut
}
