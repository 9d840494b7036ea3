package device

import "time"

// steady is a value of a sensor that counts as the truth once it has not changed for a while.
type steady[T comparable] struct {
	raw     T
	since   time.Time // when raw last changed
	truth   T
	truthAt time.Time // when raw became what the truth is now
	settled bool      // raw is the truth

	changes [restlessChanges]time.Time // the last ones
	count   int                        // how many there were
	loud    bool                       // it changes again and again
}

// A contact that changes so often in so little time is loose: a door that moves changes it twice. It is
// quiet again when it has not changed for a while.
const (
	restlessChanges = 8
	restlessTime    = 5 * time.Second
	quietTime       = 10 * time.Second
)

// see takes in an observation, and reports whether it differs from the one before.
func (s *steady[T]) see(now time.Time, v T) bool {
	if v == s.raw && !s.since.IsZero() {
		return false
	}
	s.raw, s.since, s.settled = v, now, false
	oldest := &s.changes[s.count%restlessChanges]
	if s.count >= restlessChanges && now.Sub(*oldest) < restlessTime {
		s.loud = true
	}
	*oldest = now
	s.count++
	return true
}

// restless reports whether the value changes again and again.
func (s *steady[T]) restless(now time.Time) bool {
	if s.loud && !now.Before(s.quietAt()) {
		s.loud = false
	}
	return s.loud
}

// quietAt is when a restless value counts as quiet if it does not change; zero if it is not restless.
func (s *steady[T]) quietAt() time.Time {
	if !s.loud {
		return time.Time{}
	}
	return s.changes[(s.count-1)%restlessChanges].Add(quietTime)
}

// doubt makes the value wait again, although it did not change.
func (s *steady[T]) doubt(now time.Time) { s.since, s.settled = now, false }

// settle makes the value the truth if it has been still for long enough, and reports whether it has
// become so now.
func (s *steady[T]) settle(now time.Time, still time.Duration) bool {
	if s.settled || s.since.IsZero() || now.Sub(s.since) < still {
		return false
	}
	s.truth, s.truthAt, s.settled = s.raw, s.since, true
	return true
}

// due is when it settles; zero if it has.
func (s *steady[T]) due(still time.Duration) time.Time {
	if s.settled || s.since.IsZero() {
		return time.Time{}
	}
	return s.since.Add(still)
}

// taken is when a reading was taken: one that does not say so is no fresher than the one before, and
// none comes from the future.
func taken(now, at, before time.Time) time.Time {
	switch {
	case at.IsZero():
		return before
	case at.After(now):
		return now
	}
	return at
}
