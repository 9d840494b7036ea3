package copies

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
)

// place finds a slot that is seen to be empty. A copy without one is failed, or waits.
func (l *lock) place(ctx context.Context, c Copy, id string, keys device.Keys) (Copy, error) {
	c.Code, c.Lock = id, l.id
	if c.State == "" {
		c.State = Pending
	}
	taken := map[int]bool{}
	for _, other := range l.k.of(l.id) {
		if other.Code == id || other.Slot == 0 {
			continue
		}
		taken[other.Slot] = true
		if have, err := l.k.o.Source.Keys(other.Code); err == nil && l.traits.OneLength && len(have) != len(keys) && other.Written {
			return Copy{}, l.cannot(ctx, c, id, fmt.Sprintf("all codes on this lock have one length, and another one has %d digits", len(have)))
		}
	}
	reads, same := 0, l.same(keys)
	for _, n := range l.places(same) {
		if seen, bad := l.foreign[n]; taken[n] || bad && n != same && time.Since(seen) < again {
			continue
		}
		if reads++; reads > mostReads {
			return Copy{}, l.k.keep(c) // it goes on from here: what was seen is remembered
		}
		s, err := l.read(ctx, n)
		switch {
		case err != nil:
			return Copy{}, l.unsure(c, err)
		case s.Use == device.SlotEmpty, shows(s, keys):
			c.Slot, c.Why = n, ""
			return c, l.k.keep(c)
		}
		l.strange(n, s)
	}
	clear(l.foreign) // the next time it is looked at all of them again
	c.State, c.Why, c.due = Failed, "the lock has no free slot", time.Now().Add(retry(c.Tries+1))
	c.Tries++
	return Copy{}, l.k.keep(c)
}

// remove clears a slot that is ours, and looks.
func (l *lock) remove(ctx context.Context, c Copy) error {
	switch {
	case !c.Written || c.Slot == 0:
		return l.k.forget(c)
	case time.Now().Before(c.due) && c.State == Removing:
		return nil
	}
	c.State = Removing
	if err := l.k.keep(c); err != nil {
		return err
	}
	s, err := l.read(ctx, c.Slot)
	if err != nil {
		return l.unsure(c, err)
	}
	switch {
	case s.Use == device.SlotEmpty:
		return l.k.forget(c)
	case s.Keys != "" && !l.ours(c, s.Keys): // it is somebody else's by now
		l.strange(c.Slot, s)
		return l.k.forget(c)
	case !within(&l.clears, mostClears):
		return nil
	}
	l.clears = append(l.clears, time.Now())
	err = l.call(ctx, func(ctx context.Context) error { return l.slots.ClearSlot(ctx, c.Slot) })
	if err != nil && !errors.Is(err, device.ErrUnsure) {
		return l.unsure(c, err)
	}
	if s, err = l.read(ctx, c.Slot); err != nil {
		return l.unsure(c, err)
	}
	if s.Use == device.SlotEmpty {
		return l.k.forget(c)
	}
	c.Tries++
	c.Why, c.due = "the lock did not clear it", time.Now().Add(retry(c.Tries))
	return l.k.keep(c)
}

// ours reports whether digits in the slot of a copy are those that were written there, as far as that is known.
func (l *lock) ours(c Copy, shown device.Keys) bool {
	if keys, err := l.k.o.Source.Keys(c.Code); err == nil {
		return shown == keys
	}
	return c.Mark == "" || c.Mark == l.k.o.Source.Mark(shown)
}
