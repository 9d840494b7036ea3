package stays

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// soonest is how soon a calendar is asked again because somebody wants it.
const soonest = 10 * time.Second

// mostCalendars bounds them.
const mostCalendars = 50

// Calendars implements api.Stays.
func (s *Stays) Calendars(context.Context) ([]api.Calendar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return nil, err
	}
	var out []api.Calendar
	for _, id := range slices.Sorted(maps.Keys(s.calendars)) {
		out = append(out, s.calendarOf(s.calendars[id]))
	}
	return out, nil
}

func (s *Stays) calendarOf(c *calendar) api.Calendar {
	k := c.Calendar
	out := api.Calendar{ID: k.ID, Name: k.Name, Zone: k.Zone, Doors: doorsOf(k), Groups: k.Groups, CheckIn: k.CheckIn.String(), CheckOut: k.CheckOut.String(),
		Early: length(k.Early), Late: length(k.Late), Times: k.Times, Policy: string(k.Policy), Prefix: k.Prefix, Digits: k.Digits,
		Ahead: cmp.Or(k.Ahead, feeds.DefaultAhead), Grace: length(k.Grace), Cleaning: k.Cleaners, Message: k.Message, Paused: k.Paused,
		Problem: c.problem, Warnings: c.warnings, Address: "..."}
	if address, err := s.address(c); err == nil {
		out.Address = feeds.Redact(address)
	}
	if c.Sealed == nil {
		out.Address = ""
	}
	if l, err := s.o.Ledger(); err == nil && s.o.Opens != nil {
		out.NoCode = slices.Compact(slices.Sorted(slices.Values(slices.DeleteFunc(allDoors(k, l.House()), s.o.Opens))))
	}
	if !c.fetched.IsZero() {
		out.Fetched = c.fetched.In(s.o.Zone())
	}
	now := guess(s.o.Clock.Moment())
	for _, stay := range s.stays {
		if stay.Calendar == k.ID && stay.Cancelled.IsZero() && !stay.Over(now) {
			out.Stays++
		}
	}
	return out
}

func length(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// AddCalendar implements api.Stays.
func (s *Stays) AddCalendar(_ context.Context, r api.CalendarRequest) (api.Calendar, error) {
	k := feeds.Calendar{ID: newID(), Name: r.Name, Zone: r.Zone, Doors: r.Doors, Groups: r.Groups, CheckIn: feeds.DefaultCheckIn, CheckOut: feeds.DefaultCheckOut,
		Times: r.Times, Policy: feeds.Policy(cmp.Or(r.Policy, string(feeds.Random))), Prefix: r.Prefix, Digits: r.Digits, Ahead: r.Ahead, Cleaners: r.Cleaning, Message: r.Message}
	if k.Zone == "" {
		if k.Zone = s.o.Zone().String(); k.Zone == "Local" {
			return api.Calendar{}, &api.Error{Status: http.StatusUnprocessableEntity, Code: "no-zone", Title: "Nobody said where the house is", Field: "zone",
				Why: "dates need the time zone of the property", Remedy: "send zone, such as Europe/Paris, or add zone: under home: in the configuration and reload"}
		}
	}
	err := fill(&k, r.CheckIn, r.CheckOut, r.Early, r.Late, r.Grace)
	if err == nil && r.URL != "" {
		err = feeds.CheckURL(r.URL)
	}
	if err != nil {
		return api.Calendar{}, explain(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return api.Calendar{}, err
	}
	if len(s.calendars) >= mostCalendars {
		return api.Calendar{}, explain(fmt.Errorf("%w: there are %d already", feeds.ErrCalendar, mostCalendars))
	}
	c, err := s.keep(k, r.URL)
	return c, explain(err)
}

// fill reads what is text in a request; empty leaves what is there.
func fill(k *feeds.Calendar, in, out, early, late, grace string) (err error) {
	for text, into := range map[*string]*access.DayTime{&in: &k.CheckIn, &out: &k.CheckOut} {
		if *text != "" && err == nil {
			*into, err = access.ParseDayTime(*text)
		}
	}
	for text, into := range map[*string]*time.Duration{&early: &k.Early, &late: &k.Late, &grace: &k.Grace} {
		if *text != "" && err == nil {
			if *into, err = time.ParseDuration(*text); err != nil {
				err = fmt.Errorf("%w: times before and after look like 30m or 2h", feeds.ErrCalendar)
			}
		}
	}
	if err != nil {
		return err
	}
	return k.Check()
}

// keep writes a calendar down and begins with it anew.
func (s *Stays) keep(k feeds.Calendar, address string) (api.Calendar, error) {
	l, err := s.o.Ledger()
	if err != nil {
		return api.Calendar{}, err
	}
	for _, id := range k.Cleaners {
		code, ok := l.Code(id)
		if person, known := l.Whose(id); !ok || !known || person.Kind == access.Owner {
			return api.Calendar{}, fmt.Errorf("%w: code %.64q is not one that can open between stays only", feeds.ErrCalendar, code.ID)
		}
	}
	have := map[string]bool{}
	for _, g := range l.House().Groups {
		have[g.ID] = true
	}
	for _, g := range k.Groups {
		if !have[g] {
			return api.Calendar{}, fmt.Errorf("%w: there is no group of doors %.64q", feeds.ErrCalendar, g)
		}
	}
	var sealed []byte // nothing of a property whose guests are entered by hand
	if address != "" {
		if sealed, err = l.SealText(calendarKeys+k.ID, address); err != nil {
			return api.Calendar{}, err
		}
	}
	r := record{Calendar: k, Sealed: sealed}
	value, err := json.Marshal(r)
	if err != nil {
		return api.Calendar{}, err
	}
	if err := s.o.Space.Apply(map[string][]byte{calendarKeys + k.ID: value}); err != nil {
		return api.Calendar{}, err
	}
	next := &calendar{record: r, since: time.Now()}
	if was := s.calendars[k.ID]; was != nil {
		if was.cancel != nil {
			was.cancel()
		}
		next.good, next.fetched = was.good, was.fetched
	}
	s.calendars[k.ID] = next
	s.wake()
	return s.calendarOf(next), nil
}

// ChangeCalendar implements api.Stays.
func (s *Stays) ChangeCalendar(_ context.Context, id string, change api.CalendarChange) (api.Calendar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return api.Calendar{}, err
	}
	c, ok := s.calendars[id]
	if !ok {
		return api.Calendar{}, fmt.Errorf("calendar %.64q: %w", id, errUnknown)
	}
	address, err := s.address(c)
	if change.URL != nil {
		address, err = *change.URL, feeds.CheckURL(*change.URL)
	}
	if err != nil {
		return api.Calendar{}, explain(err)
	}
	k := c.Calendar
	set(&k.Name, change.Name)
	set(&k.Doors, change.Doors)
	set(&k.Groups, change.Groups)
	set(&k.Times, change.Times)
	set(&k.Prefix, change.Prefix)
	set(&k.Digits, change.Digits)
	set(&k.Ahead, change.Ahead)
	set(&k.Cleaners, change.Cleaning)
	set(&k.Message, change.Message)
	set(&k.Paused, change.Paused)
	if change.Policy != nil {
		k.Policy = feeds.Policy(*change.Policy)
	}
	text := func(p *string) string {
		if p == nil {
			return ""
		}
		return cmp.Or(*p, "0s")
	}
	if err := fill(&k, text(change.CheckIn), text(change.CheckOut), text(change.Early), text(change.Late), text(change.Grace)); err != nil {
		return api.Calendar{}, explain(err)
	}
	out, err := s.keep(k, address)
	return out, explain(err)
}

func set[T any](into *T, what *T) {
	if what != nil {
		*into = *what
	}
}

// RemoveCalendar implements api.Stays.
func (s *Stays) RemoveCalendar(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.known(); err != nil {
		return err
	}
	c, ok := s.calendars[id]
	if !ok {
		return fmt.Errorf("calendar %.64q: %w", id, errUnknown)
	}
	l, err := s.o.Ledger()
	if err != nil {
		return err
	}
	var rest, gone []feeds.Stay
	for _, stay := range s.stays {
		if stay.Calendar == id {
			gone = append(gone, stay)
		} else {
			rest = append(rest, stay)
		}
	}
	if err := s.relinquish(l, c.Calendar); err != nil {
		return err
	}
	if err := s.dismiss(rest, gone, calendarKeys+id); err != nil {
		return err
	}
	for _, stay := range gone {
		s.o.Board.Clear(health.StayNotReady, stay.ID)
		s.o.Board.Clear(health.StayFallback, stay.ID)
	}
	if c.cancel != nil {
		c.cancel()
	}
	delete(s.calendars, id)
	s.o.Board.Clear(health.CalendarStale, id)
	s.dirty = true
	s.wake()
	return s.erase(l)
}

// FetchCalendar implements api.Stays.
func (s *Stays) FetchCalendar(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.calendars[id]
	switch {
	case !ok:
		return fmt.Errorf("calendar %.64q: %w", id, errUnknown)
	case c.Sealed == nil:
		return &api.Error{Status: http.StatusConflict, Code: "no-address", Title: "There is no calendar", Why: "the guests of this property are entered by hand",
			Remedy: "give it the export link of a channel: loquet calendars address"}
	case c.Calendar.Paused:
		return &api.Error{Status: http.StatusConflict, Code: "paused", Title: "The calendar is paused", Why: "it is not fetched", Remedy: "let it go on: loquet calendars resume"}
	}
	if now := time.Now(); c.next.Sub(now) > 0 && now.Sub(c.good) > soonest {
		c.next = now
	}
	s.wake()
	return nil
}

// explain turns what cannot be into an answer. None of the errors holds the address of a calendar.
func explain(err error) error {
	if errors.Is(err, feeds.ErrCalendar) || errors.Is(err, feeds.ErrStay) || errors.Is(err, access.ErrWindow) {
		return &api.Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Title: "This cannot be", Why: err.Error(), Remedy: "change it and send it again", Err: err}
	}
	return err
}
