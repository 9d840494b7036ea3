package device

import (
	"context"
	"fmt"
	"time"
)

// Keypad is a keypad, a card reader or both, on the outside of a door. It decides nothing.
type Keypad interface {
	// Entries delivers what people type and hold against it, in order. A slow reader makes the keypad
	// drop what is new, never what came before. A closed channel means that it is unavailable.
	Entries(ctx context.Context) <-chan KeypadEntry
	// Feedback shows a verdict: a light, a sound. Keypads without either return nil.
	Feedback(ctx context.Context, v Verdict) error
}

// KeypadWatcher is a Keypad that tells how it is.
type KeypadWatcher interface {
	// Watch delivers the state whenever it changes, the first one on subscription, the newest to a slow
	// reader. The channel ends with ctx or with the keypad.
	Watch(ctx context.Context) <-chan KeypadStatus
}

// KeypadStatus is what is known about a keypad that tells.
type KeypadStatus struct {
	Online bool   // it answers, and what it says can be believed
	Tamper bool   // its case was opened or it was taken off the wall
	Power  bool   // it tells that its power fails
	Why    string // why it is not online, for people
}

// KeypadInstaller is a Keypad that shares a key of its own with the bridge.
type KeypadInstaller interface {
	// Install lets a keypad that has no key yet, or was replaced, get one, until that time or until it has
	// one. Whoever is on its cable meanwhile could read the key: only an owner asks for it.
	Install(ctx context.Context) (until time.Time, err error)
}

// Keys are keys in the order they were pressed: 0 to 9, * and #. They never print themselves: what is typed
// at a door is a secret, also where it is wrong, because it is often nearly right.
type Keys string

// Format keeps the keys out of every log and error; it tells how many there are.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "%d keys", len(k)) }

// MarshalText keeps them out of records too. What must keep them seals them.
func (k Keys) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(k)), nil }

// Card is what a card says: its bits, the first one highest, filled up with zeros. It is a number that
// anybody near the reader's cable can copy, and it is kept like a secret all the same.
type Card struct {
	Bits int
	Data []byte
}

// Format keeps the number out of every log and error.
func (c Card) Format(f fmt.State, _ rune) { _, _ = fmt.Fprintf(f, "card of %d bits", c.Bits) }

// MarshalText keeps it out of records.
func (c Card) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(c)), nil }

// KeypadEntry is one thing that happened at a keypad: keys, one or several as the keypad delivers them, or
// a card.
type KeypadEntry struct {
	Keys    Keys
	Card    *Card
	Arrived time.Time // when it was pressed or held; zero means now
}

// Verdict is what became of an entry, as far as the person at the keypad may know.
type Verdict struct {
	Kind VerdictKind
	Wait time.Duration // VerdictLocked: until the keypad listens again
}

// VerdictKind is the sort of a verdict.
type VerdictKind uint8

// Kinds of verdicts.
const (
	VerdictNone    VerdictKind = iota
	VerdictGranted             // the door was told to open
	VerdictWrong               // no code; by now the try is on the disk
	VerdictNotNow              // a code, but not for this door at this time
	VerdictClock               // a code with dates, and nobody knows what time it is
	VerdictLocked              // the keypad does not listen for a while
	VerdictFailed              // a code, but the door refused or the bridge could not read its records
	VerdictMore                // half of what opens: the card is wanted after the PIN, or the PIN after the card
)

func (k VerdictKind) String() string {
	return word(k, []string{"none", "granted", "wrong", "not-now", "clock-unknown", "locked", "failed", "more"})
}

// Why an entry at a keypad was refused.
const (
	RefusedWrongCode RefusalCode = "wrong-code"     // there is no such code
	RefusedRevoked   RefusalCode = "revoked"        // it was taken back
	RefusedDoor      RefusalCode = "not-this-door"  // it is not for a door of this keypad
	RefusedTime      RefusalCode = "outside-window" // not at this time
	RefusedUsedUp    RefusalCode = "used-up"        // it was used as often as it may be
	RefusedClock     RefusalCode = "clock-unknown"  // nobody knows whether it is that time
	RefusedGuessing  RefusalCode = "keypad-locked"  // too many wrong tries
	RefusedHalf      RefusalCode = "needs-both"     // only one of the PIN and the card that it wants
	RefusedDamaged   RefusalCode = "damaged-record" // the record of the code or its person cannot be read
)
