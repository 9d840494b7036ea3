package feeds

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/emersion/go-ical"

	"github.com/loquet/loquet/access"
)

// Limits of a feed.
const (
	MaxFeed  = 1 << 20 // bytes
	maxLine  = 16 << 10
	maxEntry = 5000
	maxDepth = 4
	maxStay  = 366 * 24 * time.Hour
)

// ErrNotCalendar is wrapped by Parse for what is no calendar, or not all of one.
var ErrNotCalendar = errors.New("this is no whole calendar")

// Feed is what a calendar said.
type Feed struct {
	Channel Channel
	Entries []Entry // that say who comes or that nobody may
	// Whole says that every entry could be read: only then does it mean anything that one is missing.
	Whole    bool
	Warnings []string // about entries that could not be read; without their text
}

// Edge is the beginning or the end of an entry as the wall at the property shows it.
type Edge struct {
	At    access.WallTime
	Timed bool // it has a time of day of its own; else At is at midnight
}

// Entry is one event of a calendar.
type Entry struct {
	UID          string
	Kind         EntryKind
	Start, End   Edge
	Confirmation string // the channel's number of the reservation
	Name         string // of the guest, as far as the channel tells
	Phone        string // the last four digits
	sequence     int
}

// EntryKind is what an entry means.
type EntryKind string

// Kinds of entries.
const (
	Reservation EntryKind = "reservation"
	Block       EntryKind = "block" // nobody may book; nobody comes
	Cancelled   EntryKind = "cancelled"
	noise       EntryKind = "" // a part of something else
)

// Parse reads a calendar for a property in a zone. The error wraps ErrNotCalendar; then nothing is known, not
// even that nobody comes.
func Parse(text []byte, zone *time.Location) (Feed, error) {
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if err := inspect(text); err != nil {
		return Feed{}, err
	}
	cal, err := decode(text)
	if err != nil {
		return Feed{}, err
	}
	product, _ := cal.Props.Text(ical.PropProductID)
	f := Feed{Channel: channelOf(product), Whole: true}
	events := cal.Events()
	if len(events) > maxEntry {
		return Feed{}, fmt.Errorf("%w: it has more than %d entries", ErrNotCalendar, maxEntry)
	}
	at := map[string]int{} // by UID
	for i := range events {
		e, err := f.read(&events[i], zone)
		if err != nil {
			f.Whole = false
			f.Warnings = append(f.Warnings, fmt.Sprintf("entry %d: %s", i+1, err))
			continue
		}
		if e.Kind == noise {
			continue
		}
		if was, twice := at[e.UID]; twice && e.UID != "" {
			if e.sequence >= f.Entries[was].sequence {
				f.Entries[was] = e
			}
			continue
		}
		at[e.UID] = len(f.Entries)
		f.Entries = append(f.Entries, e)
	}
	return f, nil
}

// decode takes a calendar apart. The decoder panics on some lines that end too soon, such as "A;B=": they
// are what cannot be read, and no reason to fall over.
func decode(text []byte) (cal *ical.Calendar, err error) {
	defer func() {
		if recover() != nil {
			cal, err = nil, fmt.Errorf("%w: a line in it cannot be read", ErrNotCalendar)
		}
	}()
	cal, err = ical.NewDecoder(bytes.NewReader(slices.Concat(bytes.TrimSpace(text), []byte("\r\n")))).Decode()
	if err != nil {
		return nil, fmt.Errorf("%w: a line in it cannot be read", ErrNotCalendar)
	}
	return cal, nil
}

// inspect refuses what is no whole calendar before anything takes it apart, and what would take too long.
func inspect(text []byte) error {
	if len(text) > MaxFeed {
		return fmt.Errorf("%w: it is larger than 1 MiB", ErrNotCalendar)
	}
	text = bytes.TrimSpace(text)
	upper := bytes.ToUpper(text)
	switch {
	case len(text) == 0:
		return fmt.Errorf("%w: it is empty", ErrNotCalendar)
	case bytes.HasPrefix(upper, []byte("<")):
		return fmt.Errorf("%w: it is a web page", ErrNotCalendar)
	case !bytes.HasPrefix(upper, []byte("BEGIN:VCALENDAR")):
		return fmt.Errorf("%w: it does not begin as one", ErrNotCalendar)
	case !bytes.HasSuffix(upper, []byte("END:VCALENDAR")):
		return fmt.Errorf("%w: it breaks off", ErrNotCalendar)
	}
	depth, length := 0, 0
	for line := range bytes.Lines(upper) {
		line = bytes.TrimRight(line, "\r\n")
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			length += len(line)
		} else {
			length = len(line)
		}
		switch {
		case length > maxLine:
			return fmt.Errorf("%w: a line in it is longer than %d bytes", ErrNotCalendar, maxLine)
		case bytes.HasPrefix(line, []byte("BEGIN:")):
			depth++
		case bytes.HasPrefix(line, []byte("END:")):
			depth--
		}
		if depth > maxDepth {
			return fmt.Errorf("%w: its parts are nested too deep", ErrNotCalendar)
		}
	}
	if depth != 0 {
		return fmt.Errorf("%w: it breaks off", ErrNotCalendar)
	}
	return nil
}

// read takes one event apart. Errors hold none of its text.
func (f *Feed) read(event *ical.Event, zone *time.Location) (e Entry, err error) {
	text := func(name string) string {
		s, _ := event.Props.Text(name)
		return s
	}
	summary, description := text(ical.PropSummary), text(ical.PropDescription)
	e.UID = clip(text(ical.PropUID), 256)
	if event.Props.Get(ical.PropRecurrenceRule) != nil || event.Props.Get(ical.PropRecurrenceDates) != nil {
		return e, errors.New("it comes again and again, which no stay does")
	}
	if e.Start, e.End, err = edges(event, zone); err != nil {
		return e, err
	}
	if p := event.Props.Get(ical.PropSequence); p != nil {
		e.sequence, _ = p.Int()
	}
	e.Kind, e.Name = f.Channel.classify(summary, description)
	e.Confirmation = confirmation(description)
	e.Phone = phone(description)
	if e.Kind == Block && e.Confirmation != "" && f.Channel != Airbnb {
		e.Kind = Reservation // a block that carries a reservation is one
	}
	if strings.EqualFold(text(ical.PropStatus), "CANCELLED") {
		e.Kind = Cancelled
	}
	return e, nil
}

func edges(event *ical.Event, zone *time.Location) (start, end Edge, err error) {
	if start, err = edge(event.Props.Get(ical.PropDateTimeStart), zone); err != nil {
		return start, end, err
	}
	p := event.Props.Get(ical.PropDateTimeEnd)
	switch d := event.Props.Get(ical.PropDuration); {
	case p != nil:
		end, err = edge(p, zone)
	case d != nil:
		var length time.Duration
		if length, err = d.Duration(); err == nil {
			end = Edge{start.At.Add(min(length, 2*maxStay)), start.Timed}
		}
	case !start.Timed:
		end = Edge{start.At.AddDays(1), false}
	default:
		err = errors.New("it has no end")
	}
	switch length := end.At.Sub(start.At); {
	case err != nil:
		return start, end, errors.New("its dates cannot be read")
	case length <= 0 && (start.Timed || end.Timed || length < 0):
		return start, end, errors.New("it ends before it begins")
	case length == 0:
		end = Edge{start.At.AddDays(1), false}
	}
	return start, end, nil
}

// edge reads a date, a time of the property's wall, or a moment somewhere else.
func edge(p *ical.Prop, zone *time.Location) (Edge, error) {
	if p == nil {
		return Edge{}, errors.New("it has no beginning")
	}
	if len(p.Value) == len("20260901") {
		t, err := time.Parse("20060102", p.Value)
		return checked(access.WallOf(t), false, err)
	}
	if t, err := time.Parse("20060102T150405Z", p.Value); err == nil {
		return checked(access.WallOf(t.In(zone)), true, nil)
	}
	t, err := time.Parse("20060102T150405", p.Value)
	if err != nil {
		return Edge{}, err
	}
	wall := access.WallOf(t)
	if name := p.Params.Get(ical.ParamTimezoneID); name != "" && name != zone.String() {
		if other, err := time.LoadLocation(strings.TrimPrefix(name, "/")); err == nil && other != time.Local {
			if at, err := wall.In(other); err == nil {
				wall = access.WallOf(at.In(zone))
			}
		} // a name that no zone has: its own wall, which is nearly always that of the property
	}
	return checked(wall, true, nil)
}

func checked(w access.WallTime, timed bool, err error) (Edge, error) {
	if err == nil && !w.Valid() {
		err = errors.New("no such date")
	}
	return Edge{w, timed}, err
}

// clip bounds a text from outside: valid, without control characters, so many bytes at most.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimSpace(s)
}
