package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// WindowKind says how a window is written down.
type WindowKind string

// Kinds of windows. A kind of a later release is an error when it is read, never a window that is open.
const (
	Always WindowKind = "always"
	Dates  WindowKind = "dates"
)

// Window is a time in which a code opens. Dates are what a calendar on the wall says: they are moments
// only in the zone of the house, where an hour can be missing or come twice.
type Window struct {
	Kind WindowKind `json:"kind"`
	From WallTime   `json:"from,omitzero"` // Dates: the first minute
	To   WallTime   `json:"to,omitzero"`   // Dates: the first minute that is not in it any more
	Zone string     `json:"zone,omitempty"`
}

// ErrWindow is wrapped by errors about windows that say nothing.
var ErrWindow = errors.New("this is no window")

// Check reports what is wrong with a window. The error wraps ErrWindow.
func (w Window) Check() error {
	switch w.Kind {
	case Always:
		if !w.From.IsZero() || !w.To.IsZero() || w.Zone != "" {
			return fmt.Errorf("%w: always has no dates", ErrWindow)
		}
		return nil
	case Dates:
		start, end, err := w.Bounds()
		if err == nil && !start.Before(end) {
			return fmt.Errorf("%w: it ends before it begins", ErrWindow)
		}
		return err
	}
	return fmt.Errorf("%w: of the kind %.32q", ErrWindow, w.Kind)
}

// Bounds returns the moments between which a window of dates is open: from start on, until before end.
// Where the clocks are put forward over one of them, it is the moment at which that happens. Where an hour
// comes twice, it begins with the first and ends with the second: what a guest was told holds.
func (w Window) Bounds() (start, end time.Time, err error) {
	if w.Zone == "" || w.Zone == "Local" {
		return start, end, fmt.Errorf("%w: it names no zone, such as Europe/Paris", ErrWindow)
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return start, end, fmt.Errorf("%w: no such zone: %.64q", ErrWindow, w.Zone)
	}
	if !w.From.valid() || !w.To.valid() {
		return start, end, fmt.Errorf("%w: a date and a time is missing", ErrWindow)
	}
	start, _ = w.From.moments(zone)
	_, end = w.To.moments(zone)
	return start, end, nil
}

// WallTime is a date and a minute as a clock on the wall shows it, in no zone: 2026-07-01T15:00.
type WallTime struct {
	Year, Month, Day, Hour, Minute int
}

const wallLayout = "2006-01-02T15:04"

// ParseWallTime reads a wall time. The error wraps ErrWindow.
func ParseWallTime(s string) (WallTime, error) {
	t, err := time.Parse(wallLayout, s)
	if err != nil {
		return WallTime{}, fmt.Errorf("%w: a time looks like 2026-07-01T15:00", ErrWindow)
	}
	w := WallOf(t)
	if !w.valid() {
		return WallTime{}, fmt.Errorf("%w: years are from 2000 to 9998", ErrWindow)
	}
	return w, nil
}

// WallOf is what the clock on a wall in t's zone shows at t.
func WallOf(t time.Time) WallTime {
	return WallTime{Year: t.Year(), Month: int(t.Month()), Day: t.Day(), Hour: t.Hour(), Minute: t.Minute()}
}

// IsZero reports whether no time is meant.
func (w WallTime) IsZero() bool { return w == WallTime{} }

func (w WallTime) String() string { return w.utc().Format(wallLayout) }

// MarshalText writes it as String does.
func (w WallTime) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText is the reverse.
func (w *WallTime) UnmarshalText(text []byte) error {
	read, err := ParseWallTime(string(text))
	if err != nil {
		return err
	}
	*w = read
	return nil
}

func (w WallTime) valid() bool { return w.Year >= 2000 && w.Year <= 9998 && WallOf(w.utc()) == w }

func (w WallTime) utc() time.Time {
	return time.Date(w.Year, time.Month(w.Month), w.Day, w.Hour, w.Minute, 0, 0, time.UTC)
}

// moments returns the first and the last moment at which the wall shows this. They differ where an hour
// comes twice; where it never shows it, both are the moment at which the clocks are put forward. time.Date
// does not say which of the possible answers it gives.
func (w WallTime) moments(zone *time.Location) (first, last time.Time) {
	naive := w.utc()
	// No zone is further than 14 h from UTC: a day earlier and a day later lie on both sides.
	_, before := naive.Add(-24 * time.Hour).In(zone).Zone()
	_, after := naive.Add(24 * time.Hour).In(zone).Zone()
	a := naive.Add(-time.Duration(before) * time.Second).In(zone)
	b := naive.Add(-time.Duration(after) * time.Second).In(zone)
	fitsA, fitsB := WallOf(a) == w, WallOf(b) == w
	switch {
	case fitsA && fitsB:
		return a, b
	case fitsA:
		return a, a
	case fitsB:
		return b, b
	}
	put, _ := a.ZoneBounds() // a was counted with the old offset: it lies behind the change
	return put, put
}

// UnmarshalJSON reads a stored window and refuses what is none. The error wraps ErrWindow.
func (w *Window) UnmarshalJSON(data []byte) error {
	type plain Window
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrWindow, err)
	}
	if err := Window(read).Check(); err != nil {
		return err
	}
	*w = Window(read)
	return nil
}
