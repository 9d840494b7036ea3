package slots

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/device"
)

// Found is what locks hold that no code of the house put there.
func (s *Slots) Found() []copies.Found { return s.k.Found() }

// Going are codes that were taken back and may still be on a lock, also where nobody has begun to take them off it.
func (s *Slots) Going() []copies.Copy {
	l, err := s.o.Ledger()
	return slices.DeleteFunc(s.k.Copies(""), func(c copies.Copy) bool {
		if err != nil || c.State == copies.Removing || !c.Written {
			return c.State != copies.Removing
		}
		_, known := l.Code(c.Code)
		return known
	})
}

// Leave notes that the owner knows what is in a slot.
func (s *Slots) Leave(lock string, slot int) error { return s.k.Leave(lock, slot) }

// Reveal reads what is in a slot once more; it waits for the lock.
func (s *Slots) Reveal(ctx context.Context, lock string, slot int) (device.Keys, error) {
	return s.k.Digits(ctx, lock, slot)
}

// Clear takes what was found off the lock; it waits for it.
func (s *Slots) Clear(ctx context.Context, lock string, slot int) error {
	s.o.Log.Info().Str("device", lock).Int("slot", slot).Msg("an unknown code is taken off a lock, as the owner says")
	return s.k.Clear(ctx, lock, slot)
}

// strangers are what the owner has not decided about, in words by lock.
func (s *Slots) strangers() map[string]string {
	places := map[string][]string{}
	for _, f := range s.k.Found() {
		if !f.Left {
			places[f.Lock] = append(places[f.Lock], fmt.Sprint(f.Slot))
		}
	}
	out := map[string]string{}
	for lock, list := range places {
		word := "place "
		if len(list) > 1 {
			word = "places "
		}
		out[lock] = word + strings.Join(list, ", ")
	}
	return out
}
