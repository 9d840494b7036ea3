package access

import (
	"fmt"
	"strings"
	"time"
)

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

// Valid reports whether there is such a date and time.
func (w WallTime) Valid() bool { return w.valid() }

// Add counts on as if no clock were ever changed: what the wall shows so much later on an ordinary day.
func (w WallTime) Add(d time.Duration) WallTime { return WallOf(w.utc().Add(d)) }

// AddDays is the same time of day so many days later.
func (w WallTime) AddDays(n int) WallTime { return WallOf(w.utc().AddDate(0, 0, n)) }

// Sub is the reverse of Add.
func (w WallTime) Sub(other WallTime) time.Duration { return w.utc().Sub(other.utc()) }

// At is that date at another time of day.
func (w WallTime) At(d DayTime) WallTime {
	return WallOf(time.Date(w.Year, time.Month(w.Month), w.Day, 0, 0, 0, 0, time.UTC).Add(time.Duration(d) * time.Minute))
}

// In returns the first moment at which a wall in the zone shows this; where it never does, the moment at which
// the clocks are put forward over it. The error wraps ErrWindow.
func (w WallTime) In(zone *time.Location) (time.Time, error) {
	if !w.valid() {
		return time.Time{}, fmt.Errorf("%w: there is no such date", ErrWindow)
	}
	first, _ := w.moments(zone)
	return first, nil
}

// notes says what the clocks of the zone do to this moment, as a window's edge: empty on every ordinary day.
func (w WallTime) notes(zone *time.Location, edge string) string {
	first, last := w.moments(zone)
	switch {
	case WallOf(first) != w:
		return fmt.Sprintf("its %s, %s, is in an hour that the clocks leave out: it is at %s", edge, w, stamp(first))
	case first.Equal(last):
		return ""
	case edge == edgeBegin:
		return fmt.Sprintf("its %s, %s, comes twice that night: the first one counts", edge, w)
	}
	return fmt.Sprintf("its %s, %s, comes twice that night: the second one counts", edge, w)
}

// Words of the edges of a window.
const (
	edgeBegin = "beginning"
	edgeEnd   = "end"
)

// DayTime is a minute of a day as a clock on the wall shows it, in minutes since midnight: 0 to 1440. As text
// it is 15:04; the midnight at the end of the day is 24:00.
type DayTime int

// EndOfDay is the midnight at the end of a day.
const EndOfDay DayTime = 24 * 60

// ParseDayTime reads 15:04. The error wraps ErrWindow.
func ParseDayTime(s string) (DayTime, error) {
	if s == "24:00" {
		return EndOfDay, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, fmt.Errorf("%w: a time of day looks like 09:30", ErrWindow)
	}
	return DayTime(t.Hour()*60 + t.Minute()), nil
}

func (d DayTime) String() string { return fmt.Sprintf("%02d:%02d", int(d)/60, int(d)%60) }

// MarshalText writes it as String does.
func (d DayTime) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the reverse.
func (d *DayTime) UnmarshalText(text []byte) error {
	read, err := ParseDayTime(string(text))
	if err != nil {
		return err
	}
	*d = read
	return nil
}

// Days are days of the week: bit 0 is Sunday, bit 6 Saturday, as in a week day schedule of a Matter lock
// (Matter 1.4 5.2.6.2, DaysMaskMap).
type Days uint8

// Everyday are all days of the week.
const Everyday Days = 1<<7 - 1

func dayNames() [7]string { return [7]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// ParseDays reads days with commas between: "mon,wed,fri", "mon-fri", "daily". The error wraps ErrWindow.
func ParseDays(s string) (Days, error) {
	if strings.EqualFold(s, "daily") {
		return Everyday, nil
	}
	var days Days
	for part := range strings.SplitSeq(strings.ToLower(s), ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		first, ok := dayNumber(from)
		last, ok2 := first, true
		if isRange {
			last, ok2 = dayNumber(to)
		}
		if !ok || !ok2 {
			return 0, fmt.Errorf("%w: days look like mon,wed or mon-fri or daily", ErrWindow)
		}
		for d := first; ; d = (d + 1) % 7 {
			days |= 1 << d
			if d == last {
				break
			}
		}
	}
	return days, nil
}

func dayNumber(s string) (int, bool) {
	for i, name := range dayNames() {
		if s == name {
			return i, true
		}
	}
	return 0, false
}

// Has reports whether the day is among them.
func (d Days) Has(day time.Weekday) bool { return d&(1<<day) != 0 }

func (d Days) String() string {
	if d == Everyday {
		return "daily"
	}
	var out []string
	for i := range 7 {
		day := (i + 1) % 7 // a week begins on Monday for whoever reads it
		if d.Has(time.Weekday(day)) {
			out = append(out, dayNames()[day])
		}
	}
	return strings.Join(out, ",")
}

// MarshalText writes it as String does.
func (d Days) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is the reverse.
func (d *Days) UnmarshalText(text []byte) error {
	read, err := ParseDays(string(text))
	if err != nil {
		return err
	}
	*d = read
	return nil
}
