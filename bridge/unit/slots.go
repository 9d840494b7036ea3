package unit

import "github.com/loquet/loquet/device"

// slots are those of a lock that keeps codes, with a word when it can be reached again.
type slots struct {
	device.CodeSlots
	back  chan struct{} // holds one
	there bool          // when it was seen last; the actor's
}

func newSlots(s device.CodeSlots) *slots { return &slots{CodeSlots: s, back: make(chan struct{}, 1)} }

// Back tells it: codes are brought to the lock at once then.
func (s *slots) Back() <-chan struct{} { return s.back }

// seen notes whether the lock can be reached. It never waits.
func (s *slots) seen(there bool) {
	if s == nil {
		return
	}
	back := there && !s.there
	if s.there = there; !back {
		return
	}
	select {
	case s.back <- struct{}{}:
	default:
	}
}

// Slots are those of the locks that keep codes of their own.
func Slots(units []*Unit) map[string]device.CodeSlots {
	out := map[string]device.CodeSlots{}
	for _, u := range units {
		if u.slots != nil && !u.Ended {
			out[u.ID] = u.slots
		}
	}
	return out
}
