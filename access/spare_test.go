package access_test

import (
	"testing"
	"time"

	"github.com/loquet/loquet/access"
)

// TestWhatWaitsOnALock: a spare code is on a lock before its time, and never after it.
func TestWhatWaitsOnALock(t *testing.T) {
	at := func(text string) access.Moment {
		now, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return access.Moment{Now: now, Trust: access.Trusted, Floor: now}
	}
	day := func(n int) access.WallTime { return access.WallTime{Year: 2026, Month: 7, Day: n} }
	stay := []access.Window{{Kind: access.Dates, From: day(2), To: day(5), Zone: "UTC"}}
	holiday := access.House{Holidays: []access.Holiday{{ID: "h", From: day(1), To: day(4), Zone: "UTC", Mode: access.HolidayOwners}}}
	lost := at("2026-07-01T12:00:00Z")
	lost.Trust = access.TrustFloor
	for name, c := range map[string]struct {
		windows []access.Window
		at      access.Moment
		house   access.House
		spare   bool
		revoked bool
		want    bool
	}{
		"in reserve":                  {[]access.Window{access.Reserve()}, at("2026-07-03T12:00:00Z"), access.House{}, true, false, true},
		"in reserve in a holiday":     {[]access.Window{access.Reserve()}, at("2026-07-03T12:00:00Z"), holiday, true, false, true},
		"in reserve without a clock":  {[]access.Window{access.Reserve()}, lost, access.House{}, true, false, true},
		"given, before the stay":      {stay, at("2026-07-01T12:00:00Z"), access.House{}, true, false, true},
		"given, in the stay":          {stay, at("2026-07-03T12:00:00Z"), access.House{}, true, false, false}, // it opens
		"given, in a holiday by then": {stay, at("2026-07-03T12:00:00Z"), holiday, true, false, false},
		"given, and over":             {stay, at("2026-07-05T00:00:00Z"), access.House{}, true, false, false},
		"given, and taken back":       {stay, at("2026-07-01T12:00:00Z"), access.House{}, true, true, false},
		"another code":                {stay, at("2026-07-01T12:00:00Z"), access.House{}, false, false, false},
	} {
		code := access.Code{ID: "c1", Person: "p1", Kind: access.PIN, Length: 6, Windows: c.windows, Spare: c.spare, Revoked: c.revoked}
		d := access.Question{Person: person(access.Guest), Code: code, Door: "front", At: c.at, House: c.house}.Decide()
		if got := code.Waits(d, c.at); got != c.want {
			t.Errorf("%s: %v (%s)", name, got, d.Reason)
		}
		if d.Allowed && code.InReserve() {
			t.Errorf("%s: it opens, and nobody has it", name)
		}
	}
}
