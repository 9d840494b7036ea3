package timekeeper

import (
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/health"
)

var noon = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)

// face is a clock that believes whom a test says.
type face struct {
	is    clock.Standing
	heard []string
	ok    bool
	err   error
}

func (f *face) Standing() clock.Standing { return f.is }

func (f *face) Confirm(source string) (bool, error) {
	f.heard = append(f.heard, source)
	return f.ok, f.err
}

func refusal(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code
	}
	return ""
}

func TestConfirm(t *testing.T) {
	broken := errors.New("the disk is full")
	for name, c := range map[string]struct {
		at        time.Time
		ok        bool
		kept      error
		journal   error
		want      string // the code of the refusal
		rows      int
		heard     int
		confirmed bool
	}{
		"right":                 {at: noon, ok: true, rows: 1, heard: 1, confirmed: true},
		"to two minutes":        {at: noon.Add(2 * time.Minute), ok: true, rows: 1, heard: 1, confirmed: true},
		"another time":          {at: noon.Add(-121 * time.Second), ok: true, want: "wrong-time"},
		"another year":          {at: noon.AddDate(1, 0, 0), ok: true, want: "wrong-time"},
		"needs another":         {at: noon, want: "second-voice", rows: 1, heard: 1},
		"nothing is written":    {at: noon, ok: true, journal: broken},
		"it cannot be kept":     {at: noon, ok: true, kept: broken, rows: 1, heard: 1},
		"in another zone's way": {at: noon.In(time.FixedZone("", 7200)), ok: true, rows: 1, heard: 1, confirmed: true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &face{is: clock.Standing{Now: noon, Machine: noon}, ok: c.ok, err: c.kept}
			journal := &devicetest.Journal{}
			if c.journal != nil {
				journal.Fail(c.journal)
			}
			board := health.NewBoard()
			board.Raise(health.ClockUntrusted, "", "")
			changed := 0
			k := &Timekeeper{Clock: f, Zone: func() *time.Location { return time.UTC }, Journal: journal, Board: board, Changed: func() { changed++ }}
			_, err := k.ConfirmClock(t.Context(), device.Cause{Kind: device.CauseConsole, Actor: "uid:1000"}, c.at)
			if (err == nil) != c.confirmed || refusal(err) != c.want {
				t.Errorf("%v", err)
			}
			rows := journal.Rows()
			if len(rows) != c.rows || len(f.heard) != c.heard {
				t.Errorf("rows %v, heard %v", rows, f.heard)
			}
			if len(rows) == 1 && (rows[0].Device != Subject || rows[0].Cause.Actor != "uid:1000" || rows[0].Kind != device.EntryNote) {
				t.Errorf("%+v", rows[0])
			}
			if told := len(board.Active()) == 1; told == c.confirmed || (changed == 1) != c.confirmed {
				t.Errorf("told %v, changed %d", told, changed)
			}
		})
	}
}

func TestFacts(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	f := &face{is: clock.Standing{Now: noon, Machine: noon.Add(time.Hour), Trust: clock.Holdover, By: "uid:7", Since: noon.Add(-time.Hour), Until: noon.Add(time.Hour), Doubted: true}}
	k := &Timekeeper{Clock: f, Zone: func() *time.Location { return paris }}
	got := k.ClockFacts()
	if got.Zone != "Europe/Paris" || got.At.Format(time.RFC3339) != "2026-07-01T14:00:00+02:00" || got.Trust != "holdover" || got.By != "uid:7" || !got.Doubted ||
		!got.Machine.Equal(f.is.Machine) || !got.Since.Equal(f.is.Since) || !got.Until.Equal(f.is.Until) {
		t.Errorf("%+v", got)
	}
	k.Zone = func() *time.Location { return time.Local }
	f.is.Since, f.is.Until = time.Time{}, time.Time{}
	if got := k.ClockFacts(); got.Zone != "" || !got.Since.IsZero() || !got.Until.IsZero() {
		t.Errorf("%+v", got)
	}
}
