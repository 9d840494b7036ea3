package apitest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/loquet/loquet/api"
)

// Stays are calendars and guests in memory; the zero value is empty.
type Stays struct {
	Fail  error // what everything answers
	Known []api.Stay

	mu        sync.Mutex
	calendars []api.Calendar
	addresses map[string]string
}

var _ api.Stays = (*Stays)(nil)

// Calendars lists the calendars.
func (s *Stays) Calendars(context.Context) ([]api.Calendar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calendars), s.Fail
}

// AddCalendar adds a calendar: calendar-1, calendar-2 ...
func (s *Stays) AddCalendar(_ context.Context, r api.CalendarRequest) (api.Calendar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := api.Calendar{ID: fmt.Sprintf("calendar-%d", len(s.calendars)+1), Name: r.Name, Address: "https://example.org/...", Zone: "Europe/Paris", Doors: r.Doors,
		CheckIn: "15:00", CheckOut: "11:00", Policy: "random", Ahead: 30}
	if s.addresses == nil {
		s.addresses = map[string]string{}
	}
	c.NoCode = s.noCode(c)
	s.addresses[c.ID] = r.URL
	s.calendars = append(s.calendars, c)
	return c, s.Fail
}

// noCode are the doors without a keypad: the gate.
func (s *Stays) noCode(c api.Calendar) []string {
	return slices.DeleteFunc(slices.Clone(c.Doors), func(door string) bool { return door != "gate" })
}

// Address is where a calendar is fetched from.
func (s *Stays) Address(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addresses[id]
}

func (s *Stays) calendar(id string) (int, error) {
	i := slices.IndexFunc(s.calendars, func(c api.Calendar) bool { return c.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("calendar %s: %w", id, api.ErrNotFound)
	}
	return i, s.Fail
}

// ChangeCalendar changes a calendar's name, address, doors and whether it is paused.
func (s *Stays) ChangeCalendar(_ context.Context, id string, c api.CalendarChange) (api.Calendar, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.calendar(id)
	if err != nil {
		return api.Calendar{}, err
	}
	if c.Name != nil {
		s.calendars[i].Name = *c.Name
	}
	if c.URL != nil {
		s.addresses[id] = *c.URL
	}
	if c.Doors != nil {
		s.calendars[i].Doors = *c.Doors
		s.calendars[i].NoCode = s.noCode(s.calendars[i])
	}
	if c.Paused != nil {
		s.calendars[i].Paused = *c.Paused
	}
	return s.calendars[i], nil
}

// RemoveCalendar removes a calendar.
func (s *Stays) RemoveCalendar(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.calendar(id)
	if err != nil {
		return err
	}
	s.calendars = slices.Delete(s.calendars, i, i+1)
	return nil
}

// FetchCalendar knows the calendars that there are.
func (s *Stays) FetchCalendar(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.calendar(id)
	return err
}

// Stays lists Known.
func (s *Stays) Stays(context.Context) ([]api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Known), s.Fail
}

func (s *Stays) stay(id string) (int, error) {
	i := slices.IndexFunc(s.Known, func(k api.Stay) bool { return k.ID == id })
	if i < 0 {
		return 0, fmt.Errorf("stay %s: %w", id, api.ErrNotFound)
	}
	return i, s.Fail
}

// TellStay tells Made.
func (s *Stays) TellStay(_ context.Context, id string) (api.StayMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := s.stay(id)
	if err != nil {
		return api.StayMessage{}, err
	}
	return api.StayMessage{Stay: id, Text: "Hello, your code is " + Made + ".\n", PIN: Made}, nil
}

// CancelStay cancels a stay.
func (s *Stays) CancelStay(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.stay(id)
	if err == nil {
		s.Known[i].State = "cancelled"
	}
	return err
}

// EraseStay removes a stay.
func (s *Stays) EraseStay(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.stay(id)
	if err == nil {
		s.Known = slices.Delete(s.Known, i, i+1)
	}
	return err
}

// AddStay adds a stay: by-hand-1, by-hand-2 ... It is there for ever.
func (s *Stays) AddStay(_ context.Context, r api.StayRequest) (api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.calendar(r.Calendar); err != nil {
		return api.Stay{}, err
	}
	stay := api.Stay{ID: fmt.Sprintf("by-hand-%d", len(s.Known)), Calendar: r.Calendar, Name: r.Name, Confirmation: r.From + " " + r.To, State: "coming", ByHand: true, Ready: true}
	s.Known = append(s.Known, stay)
	return stay, s.Fail
}

// ChangeStay changes the name of a stay.
func (s *Stays) ChangeStay(_ context.Context, id string, c api.StayChange) (api.Stay, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i, err := s.stay(id)
	if err != nil {
		return api.Stay{}, err
	}
	if c.Name != nil {
		s.Known[i].Name = *c.Name
	}
	return s.Known[i], nil
}
