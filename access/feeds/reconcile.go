package feeds

import (
	"fmt"
	"time"

	"github.com/loquet/loquet/access"
)

// MissedApart is how long two complete feeds must be apart for a stay that is in neither to be cancelled.
const MissedApart = 30 * time.Minute

const missesToCancel = 2

// ChangeKind is what happened to a stay.
type ChangeKind string

// Kinds of changes.
const (
	Came      ChangeKind = "new"
	Moved     ChangeKind = "moved" // other dates: another window, the same code
	Renamed   ChangeKind = "edited"
	Missed    ChangeKind = "missing"
	Withdrawn ChangeKind = "cancelled"
	Returned  ChangeKind = "returned" // it was cancelled or missing and is in the feed again
)

// Change is what happened to a stay.
type Change struct {
	Kind ChangeKind
	Stay Stay
	Was  Stay
}

// Reconcile brings stays up to what a feed says, without touching the slices it is given. Stays of other
// calendars stay as they are. newID names a stay that is new. Nothing is cancelled while nobody knows the time.
//
// A stay is the same as before if the feed has its UID; else, because channels give a moved reservation
// another one, if it has its confirmation; else, because some channels give every entry another one each
// time, if it has its dates and was there until now: who books the dates of a cancelled stay is somebody else.
func Reconcile(c Calendar, stays []Stay, f Feed, at access.Moment, newID func() string) (next []Stay, changes []Change, warnings []string) {
	known := at.Trust != access.TrustFloor
	now := at.Now
	if now.Before(at.Floor) {
		now = at.Floor
	}
	next = append([]Stay(nil), stays...)
	r := round{c: c, f: f, next: next, found: map[int]bool{}, taken: map[int]int{}}
	r.match()
	nonempty := len(f.Entries) > 0 || !r.anyAhead(now)
	for i, e := range f.Entries {
		if e.Kind != Reservation {
			continue
		}
		if n, ok := r.taken[i]; ok {
			if change, ok := r.update(n, e, now); ok {
				changes = append(changes, change)
			}
			continue
		}
		s, err := c.stay(e)
		switch {
		case err != nil:
			warnings = append(warnings, err.Error())
			continue
		case s.Over(now):
			continue
		}
		s.ID = newID()
		r.next = append(r.next, s)
		changes = append(changes, Change{Kind: Came, Stay: s})
	}
	if !f.Whole || !nonempty || !known {
		return r.next, changes, warnings
	}
	for n := range stays {
		if change, ok := r.missing(n, now); ok {
			changes = append(changes, change)
		}
	}
	return r.next, changes, warnings
}

// stay is a new stay of an entry.
func (c Calendar) stay(e Entry) (Stay, error) {
	s := Stay{Calendar: c.ID, UID: e.UID, Confirmation: e.Confirmation, Name: e.Name, Phone: e.Phone}
	s.Arrives, s.Leaves, s.Window = c.window(e)
	if s.Leaves.Sub(s.Arrives) > maxStay {
		return s, fmt.Errorf("a reservation from %s is longer than a year and gets no code", s.Arrives)
	}
	if err := s.Window.Check(); err != nil {
		return s, fmt.Errorf("a reservation from %s gets no code: %w", s.Arrives, err)
	}
	return s, nil
}

// round is one comparison of stays and a feed.
type round struct {
	c     Calendar
	f     Feed
	next  []Stay
	found map[int]bool // stays that are in the feed
	taken map[int]int  // by entry: the stay that it is
}

// match finds the stay of each entry: by UID first, so that two stays never become one.
func (r *round) match() {
	same := []func(s Stay, e Entry) bool{
		func(s Stay, e Entry) bool {
			return s.UID != "" && s.UID == e.UID && (s.Confirmation == "" || e.Confirmation == "" || s.Confirmation == e.Confirmation)
		},
		func(s Stay, e Entry) bool { return s.Confirmation != "" && s.Confirmation == e.Confirmation },
		func(s Stay, e Entry) bool {
			_, _, w := r.c.window(e)
			return s.Missing == 0 && s.Cancelled.IsZero() && w == s.Window && (s.Confirmation == "" || e.Confirmation == "") && (s.Name == e.Name || s.Name == "" || e.Name == "")
		},
	}
	for _, rule := range same {
		for i, e := range r.f.Entries {
			if _, done := r.taken[i]; done || e.Kind != Reservation {
				continue
			}
			for n, s := range r.next {
				if s.Calendar == r.c.ID && !s.ByHand && !r.found[n] && rule(s, e) {
					r.found[n], r.taken[i] = true, n
					break
				}
			}
		}
	}
}

// update takes in what the feed says of a stay that is known.
func (r *round) update(n int, e Entry, now time.Time) (Change, bool) {
	was := r.next[n]
	if was.ByOwner {
		return Change{}, false
	}
	s := was
	if fresh, err := r.c.stay(e); err == nil {
		s.Arrives, s.Leaves, s.Window = fresh.Arrives, fresh.Leaves, fresh.Window
	}
	s.UID, s.Confirmation = e.UID, either(e.Confirmation, was.Confirmation)
	s.Name = either(e.Name, was.Name)
	if e.Phone != "" && !was.Fixed(now) {
		s.Phone = e.Phone
	}
	s.Missing, s.MissedAt, s.Cancelled, s.Kept = 0, time.Time{}, time.Time{}, false
	r.next[n] = s
	change := Change{Stay: s, Was: was}
	switch {
	case !was.Cancelled.IsZero() || was.Missing > 0 || was.Kept:
		change.Kind = Returned
	case s.Window != was.Window:
		change.Kind = Moved
	case s != was:
		change.Kind = Renamed
	default:
		return change, false
	}
	return change, true
}

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// missing counts a stay that is not in a complete feed. One that has begun stays until its end: channels drop
// those from their feeds.
func (r *round) missing(n int, now time.Time) (Change, bool) {
	was := r.next[n]
	if was.Calendar != r.c.ID || was.ByHand || r.found[n] || !was.Cancelled.IsZero() || was.Over(now) {
		return Change{}, false
	}
	s := was
	switch {
	case was.Begun(now):
		s.Kept, s.Missing, s.MissedAt = true, 0, time.Time{}
		r.next[n] = s
		return Change{}, false
	case was.Missing > 0 && now.Sub(was.MissedAt) < MissedApart:
		return Change{}, false
	}
	s.Missing++
	s.MissedAt = now.UTC()
	change := Change{Kind: Missed, Was: was}
	if s.Missing >= missesToCancel {
		s.Cancelled, change.Kind = now.UTC(), Withdrawn
	}
	r.next[n] = s
	change.Stay = s
	return change, true
}

// anyAhead reports whether a stay of the calendar is still to come: then an empty feed says nothing.
func (r *round) anyAhead(now time.Time) bool {
	for _, s := range r.next {
		if s.Calendar == r.c.ID && !s.ByHand && s.Cancelled.IsZero() && !s.Over(now) {
			return true
		}
	}
	return false
}
