package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Limits of guessing at one keypad.
const (
	FreeMisses = 5 // wrong tries in a row before it stops to listen
	MaxGuesses = 35
	GuessSpan  = 24 * time.Hour
	MaxWait    = time.Hour
)

// Lockout counts the wrong tries at one keypad. The fifth in a row closes it for a minute, each one more for
// twice as long as the last, an hour at most; and whatever happens in between, no more than 35 wrong tries
// fit into 24 hours. Only time that the process saw go by counts: neither a calendar nor a power cut ends a
// wait. Other ways through the door do not know of it. The zero value has seen nothing.
//
//	            wrong, 5th in a row or later; or the 35th in 24 h
//	listening ------------------------------------------------------> closed (1, 2, 4 ... 60 min)
//	    ^  |right: the row begins anew, the 24 h do not                  |
//	    +--+<------------------------------------------------------------+  the wait is over
type Lockout struct {
	row    int         // wrong tries since the last right one, or since a day without any
	tries  []time.Time // wrong tries of the last 24 h, the oldest first
	until  time.Time   // closed before
	trying bool        // an entry began that nothing was heard of yet
}

// Wait returns for how long the keypad does not listen; 0: it does.
func (l *Lockout) Wait(now time.Time) time.Duration {
	l.forget(now)
	wait := l.until.Sub(now)
	if len(l.tries) >= MaxGuesses {
		wait = max(wait, GuessSpan-now.Sub(l.tries[len(l.tries)-MaxGuesses]))
	}
	return max(wait, 0)
}

// Begin says that somebody began to type. Kept on the disk, it lets a power cut between the last key and
// the light count as a wrong try. It reports whether that is new.
func (l *Lockout) Begin() bool {
	was := l.trying
	l.trying = true
	return !was
}

// Settle says that what began was a code, but one that opens nothing now: neither a wrong try nor a right one.
// It reports whether that changed anything.
func (l *Lockout) Settle() bool {
	was := l.trying
	l.trying = false
	return was
}

// Miss counts a wrong try and returns for how long the keypad is closed now.
func (l *Lockout) Miss(now time.Time) time.Duration {
	l.forget(now)
	l.trying = false
	l.row++
	l.tries = append(l.tries, now)
	if over := l.row - FreeMisses; over >= 0 {
		l.until = now.Add(min(time.Minute<<min(over, 10), MaxWait))
	}
	return l.Wait(now)
}

// Hit says that a right code was typed: the row ends. The tries of the last 24 hours stay, so that a guest
// with a code of his own cannot buy himself guesses with it. It reports whether that changed anything.
func (l *Lockout) Hit() bool {
	changed := l.row > 0 || l.trying
	l.row, l.trying = 0, false
	return changed
}

// Quiet reports whether there is nothing to remember.
func (l *Lockout) Quiet(now time.Time) bool {
	l.forget(now)
	return l.row == 0 && len(l.tries) == 0 && !l.trying && !l.until.After(now)
}

// forget drops what is older than 24 hours.
func (l *Lockout) forget(now time.Time) {
	for len(l.tries) > 0 && now.Sub(l.tries[0]) >= GuessSpan {
		l.tries = l.tries[1:]
	}
	if len(l.tries) == 0 {
		l.row = 0
	}
}

// lockoutRecord holds durations, no times: what the clock says after a restart changes nothing.
type lockoutRecord struct {
	Version int             `json:"version"`
	Row     int             `json:"row"`
	Wait    time.Duration   `json:"wait"`
	Ages    []time.Duration `json:"ages"`
	Trying  bool            `json:"trying,omitempty"`
}

// ErrLockout is wrapped when a stored record is no count of tries.
var ErrLockout = errors.New("damaged count of wrong tries")

// Record is what the store keeps. Ages grow only while a process keeps writing them down.
func (l *Lockout) Record(now time.Time) []byte {
	wait := l.Wait(now)
	r := lockoutRecord{Version: 1, Row: l.row, Wait: max(min(wait, l.until.Sub(now)), 0), Trying: l.trying}
	for _, t := range l.tries {
		r.Ages = append(r.Ages, now.Sub(t))
	}
	text, err := json.Marshal(r)
	if err != nil {
		return nil // numbers and a flag: there is no such error
	}
	return text
}

// RestoreLockout continues after a restart, with the whole of the wait that was left. A try that had begun
// counts as wrong: whoever cuts the power before the light is no better off than with it. Of a damaged
// record nothing is believed but the worst that keeps an owner waiting for no more than an hour.
func RestoreLockout(record []byte, now time.Time) (*Lockout, error) {
	var r lockoutRecord
	err := json.Unmarshal(record, &r)
	if err == nil {
		err = r.check()
	}
	if err != nil {
		return &Lockout{row: FreeMisses + 6, tries: []time.Time{now}, until: now.Add(MaxWait)}, fmt.Errorf("%w: %w", ErrLockout, err)
	}
	l := &Lockout{row: r.Row, until: now.Add(r.Wait)}
	for _, age := range r.Ages {
		l.tries = append(l.tries, now.Add(-age))
	}
	if r.Trying {
		l.Miss(now)
	}
	return l, nil
}

func (r *lockoutRecord) check() error {
	if r.Version != 1 || r.Row < 0 || r.Wait < 0 || r.Wait > MaxWait || len(r.Ages) > 2*MaxGuesses {
		return errors.New("a number in it cannot be")
	}
	for i, age := range r.Ages {
		if age < 0 || age > GuessSpan || i > 0 && age > r.Ages[i-1] {
			return errors.New("the tries in it are in no order")
		}
	}
	return nil
}
