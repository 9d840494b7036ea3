package copies

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/device"
)

// Found is what a slot holds that no code of the house put there: somebody typed it at the lock itself, or another
// system wrote it.
type Found struct {
	Lock   string    `json:"lock"`
	Slot   int       `json:"slot"`
	Off    bool      `json:"off,omitempty"`    // it opens nothing: the lock says so
	Digits int       `json:"digits,omitempty"` // how many it has; 0: the lock does not show them
	Mark   string    `json:"mark,omitempty"`   // of its digits
	First  time.Time `json:"first"`            // when it was seen first
	Seen   time.Time `json:"seen"`             // when it was seen last, to the day
	Left   bool      `json:"left,omitempty"`   // the owner knows of it
}

// foundState marks a Found among copies. A release that knows no Found takes it for a copy of a code that is gone and
// that no slot holds, and forgets it.
const foundState State = "found"

// record is a Found as it is stored.
type record struct {
	Code  string `json:"code"`
	State State  `json:"state"`
	Found
}

func (f Found) key() string { return f.Lock + "/" + device.SlotActor(f.Slot) }

// Errors of what an owner asks for about a slot.
var (
	ErrNothingFound = errors.New("nothing unknown is known to be in that place of that lock")
	ErrOtherNow     = errors.New("the place of the lock holds something else by now")
	ErrNotShown     = errors.New("the lock does not show the digits of this code")
	ErrOff          = errors.New("the lock has switched this code off")
	ErrNotCleared   = errors.New("the lock did not clear it")
	ErrNoAnswer     = errors.New("the lock does not answer")
)

// Found is what no code of the house put into the slots of locks, in their order.
func (k *Keeper) Found() (out []Found) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, slots := range k.found {
		for _, f := range slots {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Or(cmp.Compare(a.Lock, b.Lock), a.Slot-b.Slot) })
	return out
}

// Leave notes that the owner knows what is in a slot: it stays, and is complained of no more until it is another.
func (k *Keeper) Leave(lock string, slot int) error {
	f, ok := k.foundIn(lock, slot)
	if !ok {
		return ErrNothingFound
	}
	f.Left = true
	return k.find(f)
}

// Digits reads what is in a slot once more, for the owner who gives it to somebody: the code of those digits that names
// the lock is taken to be there then. It waits for the lock.
func (k *Keeper) Digits(ctx context.Context, at string, slot int) (keys device.Keys, err error) {
	return keys, k.ask(ctx, at, func(ctx context.Context, l *lock) error {
		s, err := l.confirm(ctx, slot)
		switch {
		case err != nil:
			return err
		case s.Use == device.SlotEmpty:
			return ErrOtherNow
		case s.Use == device.SlotDisabled:
			return ErrOff
		case s.Keys == "":
			return ErrNotShown
		}
		keys = s.Keys
		return nil
	})
}

// Clear empties a slot of what no code of the house put there. Nothing but an owner's order does that. It waits for the
// lock, and fails where the slot holds something else than what was found.
func (k *Keeper) Clear(ctx context.Context, at string, slot int) error {
	return k.ask(ctx, at, func(ctx context.Context, l *lock) error {
		s, err := l.confirm(ctx, slot)
		if err != nil || s.Use == device.SlotEmpty {
			return err
		}
		err = l.call(ctx, func(ctx context.Context) error { return l.slots.ClearSlot(ctx, slot) })
		if err != nil && !errors.Is(err, device.ErrUnsure) {
			return errors.Join(ErrNoAnswer, err)
		}
		if s, err = l.read(ctx, slot); err != nil {
			return errors.Join(ErrNoAnswer, err)
		}
		if s.Use != device.SlotEmpty {
			return ErrNotCleared
		}
		return nil
	})
}

// order is what the goroutine of a lock does for somebody who waits.
type order struct {
	do    func(ctx context.Context) error
	reply chan error // has room for one
}

// ask lets the goroutine of a lock do something, and waits for it.
func (k *Keeper) ask(ctx context.Context, at string, do func(ctx context.Context, l *lock) error) error {
	k.mu.Lock()
	l := k.locks[at]
	k.mu.Unlock()
	if l == nil {
		return fmt.Errorf("%w: it is not there", ErrNoAnswer)
	}
	o := order{func(ctx context.Context) error { return do(ctx, l) }, make(chan error, 1)}
	gone := fmt.Errorf("%w in time", ErrNoAnswer)
	select {
	case l.orders <- o:
	case <-ctx.Done():
		return gone
	case <-l.done:
		return gone
	}
	select {
	case err := <-o.reply:
		return err
	case <-ctx.Done():
		return gone
	case <-l.done:
		return gone
	}
}

func (k *Keeper) foundIn(lock string, slot int) (Found, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f, ok := k.found[lock][slot]
	return f, ok
}

// find remembers what was found. What the disk does not take is known until the next start.
func (k *Keeper) find(f Found) error {
	value, err := json.Marshal(record{device.SlotActor(f.Slot), foundState, f})
	if err == nil {
		err = k.o.Space.Apply(map[string][]byte{f.key(): value})
	}
	if err != nil {
		k.o.Failed(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.putFound(f)
	return err
}

func (k *Keeper) putFound(f Found) {
	if k.found[f.Lock] == nil {
		k.found[f.Lock] = map[int]Found{}
	}
	k.found[f.Lock][f.Slot] = f
}

// unfound forgets what was found in a slot: it is empty, or a code's.
func (k *Keeper) unfound(lock string, slot int) {
	f, ok := k.foundIn(lock, slot)
	if !ok {
		return
	}
	if err := k.o.Space.Apply(map[string][]byte{f.key(): nil}); err != nil {
		k.o.Failed(err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.found[lock], slot)
}

// recall reads a record back; it reports whether it is one of what was found.
func (k *Keeper) recall(value []byte) bool {
	var r record
	if json.Unmarshal(value, &r) != nil || r.State != foundState || r.Lock == "" {
		return false
	}
	k.putFound(r.Found)
	return true
}
