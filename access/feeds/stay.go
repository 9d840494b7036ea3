package feeds

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/access"
)

// Stay is a reservation: somebody comes, from then to then. As JSON it is the record that the store keeps.
type Stay struct {
	ID           string          `json:"id"`
	Calendar     string          `json:"calendar"`
	UID          string          `json:"uid,omitempty"`
	Confirmation string          `json:"confirmation,omitempty"`
	Name         string          `json:"name,omitempty"`
	Phone        string          `json:"phone,omitempty"`
	Arrives      access.WallTime `json:"arrives"` // check-in at the property
	Leaves       access.WallTime `json:"leaves"`  // check-out
	Window       access.Window   `json:"window"`  // in which its code opens
	Code         string          `json:"code,omitempty"`
	Person       string          `json:"person,omitempty"`
	Policy       Policy          `json:"policy,omitempty"` // its code was made by
	Told         time.Time       `json:"told,omitzero"`    // when somebody was shown the code to tell it
	Spare        time.Time       `json:"spare,omitzero"`   // when somebody was shown the code in reserve that it was given
	Missing      int             `json:"missing,omitempty"`
	MissedAt     time.Time       `json:"missed_at,omitzero"`
	Cancelled    time.Time       `json:"cancelled,omitzero"`
	ByOwner      bool            `json:"by_owner,omitempty"` // cancelled by an owner: no feed brings it back
	Kept         bool            `json:"kept,omitempty"`     // left the feed after it had begun: it stays until its end
	ByHand       bool            `json:"by_hand,omitempty"`  // an owner entered it: no feed says anything of it
}

// ErrStay is wrapped by errors about stays that cannot be.
var ErrStay = errors.New("this is no stay")

// Check reports what is wrong with a stay. The error wraps ErrStay.
func (s Stay) Check() error {
	if s.ID == "" || s.Calendar == "" || s.Window.Kind != access.Dates || !s.Arrives.Valid() || !s.Leaves.Valid() {
		return ErrStay
	}
	if err := s.Window.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrStay, err)
	}
	return nil
}

// UnmarshalJSON reads a stored record and refuses what is no stay.
func (s *Stay) UnmarshalJSON(data []byte) error {
	type plain Stay
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrStay, err)
	}
	if err := Stay(read).Check(); err != nil {
		return err
	}
	*s = Stay(read)
	return nil
}

// Bounds are the moments between which its code opens.
func (s Stay) Bounds() (start, end time.Time) {
	start, end, err := s.Window.Bounds()
	if err != nil {
		return time.Time{}, time.Time{} // Check refuses it
	}
	return start, end
}

// Begun reports whether its code opens by now, or did.
func (s Stay) Begun(now time.Time) bool { start, _ := s.Bounds(); return !now.Before(start) }

// Over reports whether its code never opens again.
func (s Stay) Over(now time.Time) bool { _, end := s.Bounds(); return !now.Before(end) }

// Fixed reports whether its code may not change any more: somebody was told it, it opens, or it is one that
// the guest knows without being told.
func (s Stay) Fixed(now time.Time) bool {
	return !s.Told.IsZero() || s.Begun(now) || s.Policy == Last4
}

// ByHand is a stay that an owner enters. Dates without a time of day have the property's times of check-in and
// check-out. The error wraps ErrStay or access.ErrWindow.
func (c Calendar) ByHand(start, end Edge) (Stay, error) {
	c.Times = true
	s := Stay{Calendar: c.ID, ByHand: true}
	if !start.At.Valid() || !end.At.Valid() {
		return s, fmt.Errorf("%w: it has a day of arrival and one of departure", ErrStay)
	}
	s.Arrives, s.Leaves, s.Window = c.window(Entry{Start: start, End: end})
	if s.Leaves.Sub(s.Arrives) > maxStay {
		return s, fmt.Errorf("%w: it is longer than a year", ErrStay)
	}
	return s, s.Window.Check()
}

// ParseEdge reads a day (2026-07-01) or a minute (2026-07-01T16:00) at the property. The error wraps ErrStay.
func ParseEdge(text string) (Edge, error) {
	if at, err := access.ParseWallTime(text + "T00:00"); err == nil {
		return Edge{At: at}, nil
	}
	at, err := access.ParseWallTime(text)
	if err != nil {
		return Edge{}, fmt.Errorf("%w: a day looks like 2026-07-01, or with a time as 2026-07-01T16:00", ErrStay)
	}
	return Edge{At: at, Timed: true}, nil
}

// window is when the code of an entry opens, and what check-in and check-out are.
func (c Calendar) window(e Entry) (arrives, leaves access.WallTime, w access.Window) {
	arrives, leaves = e.Start.At.At(c.CheckIn), e.End.At.At(c.CheckOut)
	if e.Start.Timed && c.Times {
		arrives = e.Start.At
	}
	switch {
	case e.End.Timed && c.Times:
		leaves = e.End.At
	case e.End.Timed && e.End.At.At(0) == e.Start.At.At(0): // a few hours of one day: until check-out of the next
		leaves = e.End.At.AddDays(1).At(c.CheckOut)
	}
	w = access.Window{Kind: access.Dates, From: arrives.Add(-c.Early), To: leaves.Add(c.Late), Zone: c.Zone}
	return arrives, leaves, w
}
