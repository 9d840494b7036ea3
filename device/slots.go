package device

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// CodeSlots is an optional capability of a Bolt: a lock that keeps codes of its own, in numbered slots.
// Nothing of it moves the bolt. Each call asks the lock once and never repeats a write: whoever keeps the
// copies decides what is tried again. An error that wraps ErrUnsure says that the lock may have taken the
// write; every other one that it did not, and ErrCodeRefused that it never will. errors.ErrUnsupported says
// that the lock holds no codes.
type CodeSlots interface {
	// SlotTraits tells what the lock takes, as far as it says so itself.
	SlotTraits(ctx context.Context) (SlotTraits, error)
	// WriteSlot puts keys into slot n. It returns when the lock accepted them, which is no proof that
	// it keeps them: ReadSlot is.
	WriteSlot(ctx context.Context, n int, keys Keys) error
	// ClearSlot empties slot n. Clearing an empty one is no error.
	ClearSlot(ctx context.Context, n int) error
	// ReadSlot asks the lock what is in slot n.
	ReadSlot(ctx context.Context, n int) (Slot, error)
}

// ErrCodeRefused is wrapped when a lock does not take these digits: their number, a rule of its maker, or
// another slot that holds the same. To try them again is of no use.
var ErrCodeRefused = errors.New("the lock does not take this code")

// SlotTraits are the limits of a lock's slots.
type SlotTraits struct {
	First, Last        int  // numbers of the slots, both included
	MinDigits          int  // 0: it does not say
	MaxDigits          int  // 0: it does not say
	ReadsBack          bool // it shows the digits it keeps, not only that there are some
	OneLength          bool // all its codes have one length, as on locks that take a code as soon as it is long enough
	SleepsBetweenCalls bool // a battery device that answers when it wakes; a call may take minutes
}

// SlotUse is what a slot holds.
type SlotUse uint8

// Uses of a slot.
const (
	SlotUnknown SlotUse = iota
	SlotEmpty
	SlotUsed
	SlotDisabled // it holds a code that opens nothing
)

// Slot is one observation of a slot.
type Slot struct {
	Use   SlotUse
	Keys  Keys      // what it holds; empty unless the lock shows it
	Taken time.Time // when the lock was asked
}

// slotActor begins the actor of a cause that is a slot.
const slotActor = "slot:"

// SlotActor is the Actor of a CauseCode for a lock that tells which of its slots was used: "slot:3". A driver
// knows no codes. Whoever keeps the copies of codes in the lock puts the id of the code in its place before
// the reading reaches the lock, because a slot may belong to somebody else tomorrow; where nobody does, the
// slot is what is shown and written.
func SlotActor(n int) string { return fmt.Sprintf("%s%d", slotActor, n) }

// ParseSlotActor is the reverse of SlotActor.
func ParseSlotActor(actor string) (n int, ok bool) {
	digits, ok := strings.CutPrefix(actor, slotActor)
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || SlotActor(n) != actor {
		return 0, false
	}
	return n, true
}
