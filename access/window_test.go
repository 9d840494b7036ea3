package access_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
)

func wall(t testing.TB, s string) access.WallTime {
	t.Helper()
	w, err := access.ParseWallTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func dates(t testing.TB, from, to, zone string) access.Window {
	return access.Window{Kind: access.Dates, From: wall(t, from), To: wall(t, to), Zone: zone}
}

// The moments are written out in UTC, so that no conversion of ours can hide an error of ours.
func TestBounds(t *testing.T) {
	for _, c := range []struct{ name, from, to, zone, start, end string }{
		{"summer", "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris", "2026-07-01T13:00:00Z", "2026-07-05T09:00:00Z"},
		{"over the end of summer time", "2026-10-24T15:00", "2026-10-25T11:00", "Europe/Paris", "2026-10-24T13:00:00Z", "2026-10-25T10:00:00Z"},
		{"begins in the hour that is missing", "2026-03-29T02:30", "2026-03-29T11:00", "Europe/Paris", "2026-03-29T01:00:00Z", "2026-03-29T09:00:00Z"},
		{"ends in the hour that is missing", "2026-03-28T15:00", "2026-03-29T02:30", "Europe/Paris", "2026-03-28T14:00:00Z", "2026-03-29T01:00:00Z"},
		{"begins with the first of two", "2026-10-25T02:30", "2026-10-25T11:00", "Europe/Paris", "2026-10-25T00:30:00Z", "2026-10-25T10:00:00Z"},
		{"ends with the second of two", "2026-10-24T15:00", "2026-10-25T02:30", "Europe/Paris", "2026-10-24T13:00:00Z", "2026-10-25T01:30:00Z"},
		{"west, missing hour", "2026-03-08T02:30", "2026-03-09T11:00", "America/New_York", "2026-03-08T07:00:00Z", "2026-03-09T15:00:00Z"},
		{"half an hour of summer time", "2026-10-04T02:15", "2026-10-05T10:00", "Australia/Lord_Howe", "2026-10-03T15:30:00Z", "2026-10-04T23:00:00Z"},
		{"a day that was left out", "2011-12-30T12:00", "2011-12-31T12:00", "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"},
		{"no summer time", "2026-03-29T02:30", "2026-03-30T02:30", "Asia/Tokyo", "2026-03-28T17:30:00Z", "2026-03-29T17:30:00Z"},
	} {
		start, end, err := dates(t, c.from, c.to, c.zone).Bounds()
		if err != nil || start.UTC().Format(time.RFC3339) != c.start || end.UTC().Format(time.RFC3339) != c.end {
			t.Errorf("%s: %s to %s, %v, want %s to %s", c.name, start.UTC(), end.UTC(), err, c.start, c.end)
		}
	}
}

// A model that knows nothing of offsets: it looks at the wall, minute by minute.
func TestBoundsAgreeWithTheWall(t *testing.T) {
	zones := []string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "Asia/Kathmandu", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, rapid.IntRange(0, 364).Draw(t, "day"))
		at := day.Add(time.Duration(rapid.IntRange(0, 1439).Draw(t, "minute")) * time.Minute)
		w := access.WallOf(at) // what the wall shall show
		from := at.Add(-15 * time.Hour)
		var first, last, passed time.Time
		for i := range 30 * 60 {
			m := from.Add(time.Duration(i) * time.Minute)
			shown := access.WallOf(m.In(zone))
			if shown == w {
				if first.IsZero() {
					first = m
				}
				last = m
			}
			if passed.IsZero() && shown.String() > w.String() {
				passed = m
			}
		}
		if first.IsZero() {
			first, last = passed, passed
		}
		later := access.WallOf(at.AddDate(0, 0, 2))
		start, _, err := access.Window{Kind: access.Dates, From: w, To: later, Zone: zone.String()}.Bounds()
		if err != nil || !start.Equal(first) {
			t.Fatalf("%s in %s begins %s, %v, want %s", w, zone, start.UTC(), err, first)
		}
		earlier := access.WallOf(at.AddDate(0, 0, -2))
		_, end, err := access.Window{Kind: access.Dates, From: earlier, To: w, Zone: zone.String()}.Bounds()
		if err != nil || !end.Equal(last) {
			t.Fatalf("%s in %s ends %s, %v, want %s", w, zone, end.UTC(), err, last)
		}
	})
}

func TestWindowsThatAreNone(t *testing.T) {
	for _, text := range []string{
		`{}`, `{"kind":""}`, `{"kind":"weekly","days":["mon"]}`, `{"kind":"weekly","days":"mon","begin":"09:00","end":"12:00"}`, `{"kind":"weekly","begin":"09:00","end":"12:00","zone":"UTC"}`,
		`{"kind":"weekly","days":"mon","begin":"24:00","end":"12:00","zone":"UTC"}`, `{"kind":"weekly","days":"mon","uses":1,"begin":"09:00","end":"12:00","zone":"UTC"}`,
		`{"kind":"count","uses":0}`, `{"kind":"count","uses":-1}`, `{"kind":"count","uses":1,"zone":"UTC"}`, `{"kind":"always","uses":1}`, `{"kind":"always","days":"mon"}`, `{"kind":"dates"}`,
		`{"kind":"always","zone":"UTC"}`, `{"kind":"always","from":"2026-07-01T15:00"}`,
		`{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00"}`,
		`{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"Local"}`,
		`{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"Mars/Base"}`,
		`{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"../../etc/passwd"}`,
		`{"kind":"dates","from":"2026-07-05T15:00","to":"2026-07-05T15:00","zone":"UTC"}`,
		`{"kind":"dates","from":"2026-07-06T15:00","to":"2026-07-05T15:00","zone":"UTC"}`,
		`{"kind":"dates","from":"2026-02-30T15:00","to":"2026-07-05T15:00","zone":"UTC"}`,
		`{"kind":"dates","from":"1970-01-01T00:00","to":"2026-07-05T15:00","zone":"UTC"}`,
		`{"kind":"dates","to":"2026-07-05T15:00","zone":"UTC"}`,
	} {
		var w access.Window
		if err := json.Unmarshal([]byte(text), &w); !errors.Is(err, access.ErrWindow) || w != (access.Window{}) {
			t.Errorf("%s: %+v, %v", text, w, err)
		}
	}
}
