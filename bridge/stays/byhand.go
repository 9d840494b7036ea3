package stays

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"unicode"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
)

// AddStay implements api.Stays: a guest whom no calendar knows.
func (s *Stays) AddStay(_ context.Context, r api.StayRequest) (api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return api.Stay{}, err
	}
	c, ok := s.calendars[r.Calendar]
	if !ok {
		return api.Stay{}, fmt.Errorf("property %.64q: %w", r.Calendar, errUnknown)
	}
	if len(s.stays) >= mostStays {
		return api.Stay{}, explain(fmt.Errorf("%w: there are %d already", feeds.ErrStay, mostStays))
	}
	stay, err := s.byHand(c.Calendar, r.From, r.To)
	if err == nil {
		stay.ID, stay.Name, stay.Confirmation = newID(), r.Name, r.Confirmation
		stay.Phone, err = phone(r.Phone)
	}
	if err == nil {
		err = named(stay.Name, stay.Confirmation)
	}
	if err != nil {
		return api.Stay{}, explain(err)
	}
	return s.enter(len(s.stays), stay, c.Calendar)
}

// ChangeStay implements api.Stays. Its code follows: a new window, and new digits only as long as nobody knows them.
func (s *Stays) ChangeStay(_ context.Context, id string, r api.StayChange) (api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return api.Stay{}, err
	}
	was := s.stays[i]
	c, ok := s.calendars[was.Calendar]
	switch {
	case !was.ByHand || !ok:
		return api.Stay{}, &api.Error{Status: http.StatusConflict, Code: "from-calendar", Title: "The stay comes from a calendar", Why: "its channel says when this guest comes",
			Remedy: "change the reservation at the channel: the next calendar tells it"}
	case !was.Cancelled.IsZero():
		return api.Stay{}, &api.Error{Status: http.StatusConflict, Code: "cancelled", Title: "The stay is cancelled", Why: "its code was taken back", Remedy: "add it anew: loquet stays add"}
	}
	text := func(p *string, is access.WallTime) string {
		if p == nil {
			return is.String()
		}
		return *p
	}
	stay := was
	fresh, err := s.byHand(c.Calendar, text(r.From, was.Arrives), text(r.To, was.Leaves))
	if err == nil {
		stay.Arrives, stay.Leaves, stay.Window = fresh.Arrives, fresh.Leaves, fresh.Window
		set(&stay.Name, r.Name)
		err = named(stay.Name)
	}
	if err == nil && r.Phone != nil && !was.Fixed(guess(s.o.Clock.Moment())) {
		stay.Phone, err = phone(*r.Phone)
	}
	if err != nil {
		return api.Stay{}, explain(err)
	}
	return s.enter(i, stay, c.Calendar)
}

// byHand is a stay between two days or times, as they are written.
func (s *Stays) byHand(c feeds.Calendar, from, to string) (feeds.Stay, error) {
	start, err := feeds.ParseEdge(from)
	if err != nil {
		return feeds.Stay{}, err
	}
	end, err := feeds.ParseEdge(to)
	if err != nil {
		return feeds.Stay{}, err
	}
	stay, err := c.ByHand(start, end)
	if err == nil && stay.Over(guess(s.o.Clock.Moment())) {
		err = fmt.Errorf("%w: it is over already", feeds.ErrStay)
	}
	return stay, err
}

// enter writes one stay down and gives it its code at once, where that is due.
func (s *Stays) enter(i int, stay feeds.Stay, c feeds.Calendar) (api.Stay, error) {
	next := append([]feeds.Stay(nil), s.stays...)
	if i == len(next) {
		next = append(next, stay)
	}
	next[i] = stay
	if err := s.save(next); err != nil {
		return api.Stay{}, err
	}
	if l, err := s.o.Ledger(); err == nil {
		s.rename(l, stay)
		s.sort(l)
		changed, err := s.code(l, c, &stay, s.o.Clock.Moment())
		if err != nil {
			s.notes[stay.ID] = err.Error() // it is tried again every minute
		}
		s.dirty = s.dirty || changed
		if err := s.put(i, stay); err != nil {
			return api.Stay{}, err
		}
	}
	s.wake()
	return s.stayOf(stay), nil
}

// rename gives the guest's person the name of the stay.
func (s *Stays) rename(l *ledger.Ledger, stay feeds.Stay) {
	for _, p := range l.People() {
		if p.ID == stay.Person && stay.Name != "" && p.Name != stay.Name {
			// A name that is not kept opens no door less.
			_, _ = l.ChangePerson(p.ID, func(p *access.Person) { p.Name = stay.Name })
		}
	}
}

// phone is the last four digits of a number.
func phone(text string) (string, error) {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	switch {
	case text == "":
		return "", nil
	case len(digits) < 4:
		return "", fmt.Errorf("%w: of a phone the last four digits are needed", feeds.ErrStay)
	}
	return digits[len(digits)-4:], nil
}

// named refuses names that cannot be shown.
func named(names ...string) error {
	for _, n := range names {
		if api.CleanName(n) != n || strings.ContainsFunc(n, unicode.IsControl) {
			return fmt.Errorf("%w: a name has up to 64 bytes of text", feeds.ErrStay)
		}
	}
	return nil
}
