package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // the zones of the world are in the program: a small board may have none
)

// WindowKind says how a window is written down.
type WindowKind string

// Kinds of windows. A kind of a later release is an error when it is read, never a window that is open.
const (
	Always WindowKind = "always" // needs no clock
	Dates  WindowKind = "dates"  // from a date and time to another
	Weekly WindowKind = "weekly" // the same hours on some days of every week, if dates are given between them
	Count  WindowKind = "count"  // as often as Uses says, if dates are given between them
)

// WindowKinds are all of them.
func WindowKinds() []WindowKind { return []WindowKind{Always, Dates, Weekly, Count} }

// Window is a time in which a code opens. Dates and hours are what a calendar and a clock on the wall say:
// they are moments only in the zone of the house, where an hour can be missing or come twice. A window begins
// with the first and ends with the second of such an hour: what a guest was told holds. Where an edge lies in
// an hour that is missing, it is the moment at which the clocks are put forward.
type Window struct {
	Kind  WindowKind `json:"kind"`
	From  WallTime   `json:"from,omitzero"`  // the first minute
	To    WallTime   `json:"to,omitzero"`    // the first minute that is not in it any more
	Days  Days       `json:"days,omitzero"`  // Weekly: the days on which it begins
	Begin DayTime    `json:"begin,omitzero"` // Weekly: the first minute of those days
	End   DayTime    `json:"end,omitzero"`   // Weekly: the first minute after it; not later than Begin: on the next day
	Uses  int        `json:"uses,omitempty"` // Count: how many times, 1 or more
	Zone  string     `json:"zone,omitempty"` // such as Europe/Paris, where there are dates or hours
}

// MaxUses bounds Uses.
const MaxUses = 10_000

// ErrWindow is wrapped by errors about windows that say nothing.
var ErrWindow = errors.New("this is no window")

func (w Window) dated() bool { return !w.From.IsZero() || !w.To.IsZero() }

// Check reports what is wrong with a window. The error wraps ErrWindow.
func (w Window) Check() error {
	if w.Kind != Weekly && (w.Days != 0 || w.Begin != 0 || w.End != 0) {
		return fmt.Errorf("%w: only a weekly one has days and hours", ErrWindow)
	}
	if w.Kind != Count && w.Uses != 0 {
		return fmt.Errorf("%w: only one of the kind count has uses", ErrWindow)
	}
	switch w.Kind {
	case Always:
		if w != (Window{Kind: Always}) {
			return fmt.Errorf("%w: always has no dates", ErrWindow)
		}
		return nil
	case Dates:
	case Weekly:
		if w.Days == 0 || w.Days > Everyday || w.Begin < 0 || w.Begin >= EndOfDay || w.End < 0 || w.End > EndOfDay {
			return fmt.Errorf("%w: a weekly one has days and two times of day", ErrWindow)
		}
	case Count:
		if w.Uses < 1 || w.Uses > MaxUses {
			return fmt.Errorf("%w: it opens 1 to %d times", ErrWindow, MaxUses)
		}
		if !w.dated() && w.Zone == "" {
			return nil
		}
	default:
		return fmt.Errorf("%w: of the kind %.32q", ErrWindow, w.Kind)
	}
	if w.Kind == Weekly && !w.dated() {
		_, err := w.zone()
		return err
	}
	start, end, err := w.Bounds()
	if err == nil && !start.Before(end) {
		return fmt.Errorf("%w: it ends before it begins", ErrWindow)
	}
	return err
}

func (w Window) zone() (*time.Location, error) {
	if w.Zone == "" || w.Zone == "Local" {
		return nil, fmt.Errorf("%w: it names no zone, such as Europe/Paris", ErrWindow)
	}
	zone, err := time.LoadLocation(w.Zone)
	if err != nil {
		return nil, fmt.Errorf("%w: no such zone: %.64q", ErrWindow, w.Zone)
	}
	return zone, nil
}

// Bounds returns the moments between which a window with dates is open: from start on, until before end.
// Where the clocks are put forward over one of them, it is the moment at which that happens. Where an hour
// comes twice, it begins with the first and ends with the second: what a guest was told holds.
func (w Window) Bounds() (start, end time.Time, err error) {
	zone, err := w.zone()
	if err != nil {
		return start, end, err
	}
	if !w.From.valid() || !w.To.valid() {
		return start, end, fmt.Errorf("%w: a date and a time is missing", ErrWindow)
	}
	start, _ = w.From.moments(zone)
	_, end = w.To.moments(zone)
	return start, end, nil
}

// Span is a stretch of time: from Start on, until before End. A zero Start lies before everything, a zero
// End after it.
type Span struct {
	Start, End time.Time
	// Notes say what the clocks of the zone do to its edges, for people; none on an ordinary day.
	Notes []string
}

// Has reports whether a moment lies in it.
func (s Span) Has(at time.Time) bool {
	return !at.Before(s.Start) && (s.End.IsZero() || at.Before(s.End))
}

// Next returns the stretch in which the window is open at a moment, or else the next one after it; ok is
// false if it never opens again. It does not count uses. The error wraps ErrWindow.
func (w Window) Next(at time.Time) (s Span, ok bool, err error) {
	switch {
	case w.Kind == Always, w.Kind == Count && !w.dated():
		return Span{}, true, nil
	case w.Kind == Weekly:
		return w.nextWeekly(at)
	case w.Kind != Dates && w.Kind != Count:
		return s, false, fmt.Errorf("%w: of the kind %.32q", ErrWindow, w.Kind)
	}
	s, err = w.dates()
	return s, err == nil && at.Before(s.End), err
}

// dates is Bounds with what there is to say about it.
func (w Window) dates() (s Span, err error) {
	if s.Start, s.End, err = w.Bounds(); err != nil {
		return s, err
	}
	if !s.Start.Before(s.End) {
		return s, fmt.Errorf("%w: it ends before it begins", ErrWindow)
	}
	zone := s.Start.Location()
	s.note(w.From.notes(zone, edgeBegin))
	s.note(w.To.notes(zone, edgeEnd))
	return s, nil
}

func (s *Span) note(what string) {
	if what != "" {
		s.Notes = append(s.Notes, what)
	}
}

// weekAhead is how many days nextWeekly looks ahead: a week, and one more for a day that is left out of the
// calendar or an opening of no length.
const weekAhead = 15

// nextWeekly looks at each day on which it may begin, the day before yesterday first: an opening across
// midnight lasts 24 hours at most, and a night in which the clocks are put back an hour or two more.
func (w Window) nextWeekly(at time.Time) (Span, bool, error) {
	zone, err := w.zone()
	if err != nil {
		return Span{}, false, err
	}
	limit := Span{}
	if w.dated() {
		if limit, err = w.dates(); err != nil {
			return Span{}, false, err
		}
		if !at.Before(limit.End) {
			return Span{}, false, nil
		}
	}
	from := later(at, limit.Start).In(zone)
	today := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	for day := -2; day <= weekAhead; day++ {
		date := today.AddDate(0, 0, day)
		if !w.Days.Has(date.Weekday()) {
			continue
		}
		s := w.on(date, zone).within(limit)
		if s.Start.Before(s.End) && at.Before(s.End) {
			return s, true, nil
		}
	}
	return Span{}, false, nil // it is over before another one of its days comes
}

// on is the opening that begins on a date.
func (w Window) on(date time.Time, zone *time.Location) Span {
	begin, end := WallOf(date.Add(time.Duration(w.Begin)*time.Minute)), WallOf(date.Add(time.Duration(w.End)*time.Minute))
	if w.End <= w.Begin {
		end = WallOf(date.AddDate(0, 0, 1).Add(time.Duration(w.End) * time.Minute))
	}
	s := Span{}
	s.Start, _ = begin.moments(zone)
	_, s.End = end.moments(zone)
	s.note(begin.notes(zone, edgeBegin))
	s.note(end.notes(zone, edgeEnd))
	return s
}

// within is the part of s that lies in the limit, which may be unlimited.
func (s Span) within(limit Span) Span {
	if limit.End.IsZero() {
		return s
	}
	s.Start = later(s.Start, limit.Start)
	if limit.End.Before(s.End) {
		s.End = limit.End
	}
	return s
}

// firstDay is the moment from which its weeks count: the dates' beginning, or that of all time.
func (w Window) firstDay() time.Time {
	if !w.dated() {
		return time.Time{}
	}
	start, _, _ := w.Bounds()
	return start
}

// ends returns the moment from which it never opens again, if there is one.
func (w Window) ends() (time.Time, bool) {
	if !w.dated() {
		return time.Time{}, false
	}
	_, end, err := w.Bounds()
	return end, err == nil
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
