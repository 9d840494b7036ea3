package stays

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// Stays implements api.Stays: those to come first, in order.
func (s *Stays) Stays(context.Context) ([]api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return nil, err
	}
	var out []api.Stay
	for _, stay := range s.stays {
		out = append(out, s.stayOf(stay))
	}
	slices.SortFunc(out, func(a, b api.Stay) int { return cmp.Or(a.Arrives.Compare(b.Arrives), cmp.Compare(a.ID, b.ID)) })
	return out, nil
}

func (s *Stays) stayOf(stay feeds.Stay) api.Stay {
	start, end := stay.Bounds()
	zone := start.Location()
	arrives, _ := stay.Arrives.In(zone)
	leaves, _ := stay.Leaves.In(zone)
	out := api.Stay{ID: stay.ID, Calendar: stay.Calendar, Name: stay.Name, Confirmation: stay.Confirmation, Arrives: arrives, Leaves: leaves, From: start, Until: end,
		CodeID: stay.Code, Person: stay.Person, ByHand: stay.ByHand, Policy: string(stay.Policy), Missing: stay.Missing > 0, Fallback: s.fallback(stay)}
	out.Why, _ = s.why(stay)
	if !stay.Told.IsZero() {
		out.Told = stay.Told.In(s.o.Zone())
	}
	out.Ready = out.Why == ""
	now := guess(s.o.Clock.Moment())
	switch {
	case !stay.Cancelled.IsZero():
		out.State, out.Ready, out.Why = "cancelled", false, ""
	case stay.Over(now):
		out.State, out.Ready, out.Why = "over", false, ""
	case stay.Begun(now):
		out.State = "here"
	case stay.Code != "":
		out.State = "coming"
	default:
		out.State = "planned"
	}
	if s.o.Copies != nil && stay.Code != "" {
		out.Copies = s.o.Copies(stay.Code)
	}
	return out
}

func (s *Stays) find(id string) (int, error) {
	if err := s.known(); err != nil {
		return 0, err
	}
	i := slices.IndexFunc(s.stays, func(stay feeds.Stay) bool { return stay.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("stay %.64q: %w", id, errUnknown)
	}
	return i, nil
}

// TellStay implements api.Stays. That the code was told is on the disk before anybody sees it.
func (s *Stays) TellStay(_ context.Context, id string) (api.StayMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return api.StayMessage{}, err
	}
	stay := s.stays[i]
	c, ok := s.calendars[stay.Calendar]
	if stay.Code == "" || !ok || !stay.Cancelled.IsZero() {
		return api.StayMessage{}, &api.Error{Status: http.StatusConflict, Code: "no-code", Title: "The stay has no code", Why: "it is cancelled, or its time has not come",
			Remedy: "codes are made some days ahead: loquet calendars change --ahead says how many"}
	}
	l, err := s.o.Ledger()
	if err != nil {
		return api.StayMessage{}, err
	}
	s.sort(l)
	tell := stay.Code
	spare, instead := s.instead(stay)
	if instead {
		tell = spare.ID
	}
	secret, err := l.Reveal(tell)
	if err != nil {
		return api.StayMessage{}, err
	}
	text := c.Calendar.MessageText(stay, secret.Keys, c.Calendar.Doors)
	if instead && !stay.Told.IsZero() && (stay.Spare.IsZero() || stay.Told.Before(stay.Spare)) {
		text = feeds.NewCodeNote + text
	}
	if instead {
		text += s.alsoTell(l, c.Calendar, stay.Code, spare.ID)
	}
	now := s.o.Clock.Moment().Now.UTC().Truncate(time.Second)
	if stay.Told.IsZero() || instead && stay.Spare.IsZero() {
		if instead {
			stay.Spare = now
		}
		if stay.Told.IsZero() {
			stay.Told = now
		}
		if err := s.put(i, stay); err != nil {
			return api.StayMessage{}, err
		}
		s.wake()
	}
	return api.StayMessage{Stay: id, Text: text, PIN: string(secret.Keys), Fallback: instead}, nil
}

func (s *Stays) put(i int, stay feeds.Stay) error {
	next := slices.Clone(s.stays)
	next[i] = stay
	return s.save(next)
}

// CancelStay implements api.Stays. A feed that still has it brings it back no more.
func (s *Stays) CancelStay(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return err
	}
	l, err := s.o.Ledger()
	if err != nil {
		return err
	}
	at := s.o.Clock.Moment()
	stay := s.stays[i]
	stay.Cancelled, stay.ByOwner = at.Now.UTC(), true
	if err := s.put(i, stay); err != nil {
		return err
	}
	defer s.wake()
	c, ok := s.calendars[stay.Calendar]
	if !ok || stay.Code == "" {
		return nil
	}
	s.dirty = true
	s.sort(l)
	_, err = s.code(l, c.Calendar, &stay, at) // nobody is told that it is taken back before it is
	return err
}

// EraseStay implements api.Stays. What is left is what keeps its calendar from bringing it back.
func (s *Stays) EraseStay(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.find(id)
	if err != nil {
		return err
	}
	l, err := s.o.Ledger()
	if err != nil {
		return err
	}
	stay := s.stays[i]
	next := slices.Clone(s.stays)
	next[i].Name, next[i].Phone, next[i].Code, next[i].Person = "", "", "", ""
	next[i].Cancelled, next[i].ByOwner = s.o.Clock.Moment().Now.UTC(), true
	if stay.ByHand { // nothing brings it back
		next = slices.Delete(next, i, i+1)
	}
	if err := s.dismiss(next, []feeds.Stay{stay}); err != nil {
		return err
	}
	s.o.Board.Clear(health.StayNotReady, id)
	s.o.Board.Clear(health.StayFallback, id)
	s.dirty = true
	s.wake()
	return s.erase(l)
}
