package device

import (
	"context"
	"time"
)

// CodeSlots is an optional capability of a Bolt: a lock that keeps codes of its own, in numbered slots.
// Nothing of it moves the bolt. Each call asks the lock once and never repeats a write: whoever keeps the
// copies decides what is tried again. An error that wraps ErrUnsure says that the lock may have taken the
// write; every other one that it did not.
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
