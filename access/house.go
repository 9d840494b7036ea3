package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"
)

// House is what of a house decides beside the code.
type House struct {
	Groups   []DoorGroup
	Holidays []Holiday
}

// DoorGroup is a set of doors with a name, such as the front door and the door of one flat: codes that name
// the group follow it when a door is added. As JSON it is the record that the store keeps.
type DoorGroup struct {
	ID    string   `json:"id"`
	Name  string   `json:"name"`
	Doors []string `json:"doors"`
}

// ErrHouse is wrapped by errors about groups of doors and holidays.
var ErrHouse = errors.New("this cannot be in a house")

// Check reports what is wrong with a group. The error wraps ErrHouse.
func (g DoorGroup) Check() error {
	switch {
	case !validID(g.ID):
		return fmt.Errorf("%w: the id of a group has 1 to %d letters, digits or dashes", ErrHouse, maxID)
	case g.Name == "" || len(g.Name) > maxName || !utf8.ValidString(g.Name) || slices.ContainsFunc([]rune(g.Name), unicode.IsControl):
		return fmt.Errorf("%w: the name of a group has 1 to %d bytes of text", ErrHouse, maxName)
	case len(g.Doors) == 0 || len(g.Doors) > maxDoors || slices.ContainsFunc(g.Doors, func(d string) bool { return !validID(d) }):
		return fmt.Errorf("%w: a group has 1 to %d doors", ErrHouse, maxDoors)
	}
	return nil
}

// UnmarshalJSON reads a stored record and refuses what is no group.
func (g *DoorGroup) UnmarshalJSON(data []byte) error {
	type plain DoorGroup
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrHouse, err)
	}
	if err := DoorGroup(read).Check(); err != nil {
		return err
	}
	*g = DoorGroup(read)
	return nil
}

// Holiday is a time in which keypads let in only owners, or everybody as usual although a longer holiday says
// otherwise: the holiday schedules of a Matter lock (Matter 1.4 5.2.6.22) and an owner's own. It never keeps
// an owner out, and none applies while nobody knows the time.
type Holiday struct {
	ID    string      `json:"id"`
	From  WallTime    `json:"from"`
	To    WallTime    `json:"to"`
	Zone  string      `json:"zone"`
	Mode  HolidayMode `json:"mode"`
	Doors []string    `json:"doors,omitzero"` // nil: all
}

// HolidayMode is what a holiday does.
type HolidayMode string

// Modes of holidays.
const (
	HolidayOwners HolidayMode = "owners" // only owners come in by code
	HolidayUsual  HolidayMode = "usual"  // everything is as on other days
	// HolidayNoWeekly is a day off: weekly windows do not hold, so nobody comes to work; guests with dates come in.
	HolidayNoWeekly HolidayMode = "no-weekly"
)

func (h Holiday) window() Window { return Window{Kind: Dates, From: h.From, To: h.To, Zone: h.Zone} }

// Check reports what is wrong with a holiday. The error wraps ErrHouse.
func (h Holiday) Check() error {
	switch {
	case !validID(h.ID):
		return fmt.Errorf("%w: the id of a holiday has 1 to %d letters, digits or dashes", ErrHouse, maxID)
	case h.Mode != HolidayOwners && h.Mode != HolidayUsual && h.Mode != HolidayNoWeekly:
		return fmt.Errorf("%w: a holiday is of the mode %s, %s or %s", ErrHouse, HolidayOwners, HolidayNoWeekly, HolidayUsual)
	case len(h.Doors) > maxDoors || slices.ContainsFunc(h.Doors, func(d string) bool { return !validID(d) }):
		return fmt.Errorf("%w: the doors of a holiday are not doors", ErrHouse)
	}
	if err := h.window().Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrHouse, err)
	}
	return nil
}

// UnmarshalJSON reads a stored record and refuses what is no holiday.
func (h *Holiday) UnmarshalJSON(data []byte) error {
	type plain Holiday
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrHouse, err)
	}
	if err := Holiday(read).Check(); err != nil {
		return err
	}
	*h = Holiday(read)
	return nil
}

// holiday returns the stretch of the holiday at a door at a moment, and what it does; HolidayUsual if there is none. Of
// several, the one that began last decides.
func (h House) holiday(door string, at time.Time) (s Span, mode HolidayMode) {
	mode = HolidayUsual
	for _, one := range h.Holidays {
		if one.Doors != nil && !slices.Contains(one.Doors, door) {
			continue
		}
		span, err := one.window().dates()
		if err != nil || !span.Has(at) || span.Start.Before(s.Start) {
			continue
		}
		s, mode = span, one.Mode
	}
	return s, mode
}
