package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// CodeKind says what a person holds out to a keypad.
type CodeKind string

// Kinds of codes.
const (
	PIN      CodeKind = "pin"
	CardCode CodeKind = "card"
)

// other is what opens together with a code of that kind.
func (k CodeKind) other() string {
	if k == PIN {
		return "a card"
	}
	return "a PIN"
}

// Code is what lets a person in: when, and through which doors. It holds no digits; those are sealed, and
// found by a tag. As JSON it is the record that the store keeps.
type Code struct {
	ID      string        `json:"id"`
	Person  string        `json:"person"` // the person's id
	Kind    CodeKind      `json:"kind"`
	Length  int           `json:"length"` // digits of a PIN, bits of a card
	Windows []Window      `json:"windows"`
	Doors   []string      `json:"doors,omitzero"`  // nil: all doors of the keypad; empty: none but those of Groups
	Groups  []string      `json:"groups,omitzero"` // ids of door groups whose doors it opens, too
	Grace   time.Duration `json:"grace,omitempty"`
	Created time.Time     `json:"created,omitzero"`
	Revoked bool          `json:"revoked,omitempty"`
	Duress  bool          `json:"duress,omitempty"` // opens as any other, and tells the owner in silence
	// Spare says that locks hold the code before its window: it waits there for a guest whose own code does not get onto
	// a lock in time.
	Spare bool `json:"spare,omitempty"`
	Both  bool `json:"both,omitempty"` // opens only with the other kind of code of the same person: a PIN with a card, a card with a PIN
}

// MaxGrace bounds Grace: for how long a code with dates opens although the clock was lost.
const MaxGrace = 24 * time.Hour

const maxWindows = 64

// ErrCode is wrapped by errors about codes that cannot be.
var ErrCode = errors.New("this is no code")

// Errors of looking for a code.
var (
	ErrUnknownCode = errors.New("there is no such code")
	ErrDamaged     = errors.New("a record of people and codes cannot be read")
)

// Match is a code that was found, and whose it is.
type Match struct {
	Person Person
	Code   Code
	House  House
}

// Check reports what is wrong with a code. The error wraps ErrCode.
func (c Code) Check() error {
	if err := c.checkRest(); err != nil {
		return err
	}
	for _, w := range c.Windows {
		if err := w.Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrCode, err)
		}
	}
	return nil
}

// checkRest is Check without the windows, whose zones are read from files.
func (c Code) checkRest() error {
	switch {
	case !validID(c.ID):
		return fmt.Errorf("%w: the id has 1 to %d letters, digits or dashes", ErrCode, maxID)
	case !validID(c.Person):
		return fmt.Errorf("%w: it belongs to nobody", ErrCode)
	case c.Kind != PIN && c.Kind != CardCode:
		return fmt.Errorf("%w: the kind is pin or card", ErrCode)
	case c.Kind == PIN && (c.Length < MinDigits || c.Length > MaxDigits), c.Length < 1, c.Length > MaxCardBits:
		return fmt.Errorf("%w: its length is %d", ErrCode, c.Length)
	case len(c.Windows) == 0 || len(c.Windows) > maxWindows:
		return fmt.Errorf("%w: it has %d windows; one that opens at any time says always", ErrCode, len(c.Windows))
	case c.Grace < 0 || c.Grace > MaxGrace:
		return fmt.Errorf("%w: the grace is 0 to %s", ErrCode, MaxGrace)
	case len(c.Groups) > 0 && c.Doors == nil: // a program that knows no groups must not take it for all doors
		return fmt.Errorf("%w: with groups it is not for all doors", ErrCode)
	case len(c.Groups) > maxDoors || slices.ContainsFunc(c.Groups, func(g string) bool { return !validID(g) }):
		return fmt.Errorf("%w: its groups of doors are none", ErrCode)
	case c.Both && c.Counted(): // two codes would be used, and one of them counted
		return fmt.Errorf("%w: one that opens only with a second one cannot be counted", ErrCode)
	case c.counts() > 1:
		return fmt.Errorf("%w: only one of its windows may count uses", ErrCode)
	case len(c.Doors) > maxDoors || slices.ContainsFunc(c.Doors, func(d string) bool { return !validID(d) }):
		return fmt.Errorf("%w: its doors are not doors", ErrCode)
	}
	return nil
}

// Permanent reports whether the code opens at any time. Such a code needs no clock.
func (c Code) Permanent() bool {
	return slices.ContainsFunc(c.Windows, func(w Window) bool { return w.Kind == Always })
}

// Counted reports whether it matters how often the code was used.
func (c Code) Counted() bool { return c.counts() > 0 }

func (c Code) counts() (n int) {
	for _, w := range c.Windows {
		if w.Kind == Count {
			n++
		}
	}
	return n
}

// Ends returns the moment from which the code never opens again; ok is false if there is none.
func (c Code) Ends() (at time.Time, ok bool) {
	for _, w := range c.Windows {
		end, ok := w.ends()
		if !ok {
			return time.Time{}, false
		}
		at = later(at, end)
	}
	return at, !at.IsZero()
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// Reaches reports whether the door is among those it opens in a house with these groups of doors.
func (c Code) Reaches(door string, groups ...DoorGroup) bool {
	if c.Doors == nil || slices.Contains(c.Doors, door) {
		return true
	}
	return slices.ContainsFunc(groups, func(g DoorGroup) bool {
		return slices.Contains(c.Groups, g.ID) && slices.Contains(g.Doors, door)
	})
}

// UnmarshalJSON reads a stored record. It ignores fields of later releases, and refuses everything that
// could open more than was meant: an unknown kind of window, no window, a door that is none.
func (c *Code) UnmarshalJSON(data []byte) error {
	type plain Code
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrCode, err)
	}
	if err := Code(read).Check(); err != nil {
		return err
	}
	*c = Code(read)
	return nil
}
