package access_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
)

func weekly(t testing.TB, days, begin, end, zone string) access.Window {
	t.Helper()
	d, err := access.ParseDays(days)
	if err != nil {
		t.Fatal(err)
	}
	b, err := access.ParseDayTime(begin)
	if err != nil {
		t.Fatal(err)
	}
	e, err := access.ParseDayTime(end)
	if err != nil {
		t.Fatal(err)
	}
	return access.Window{Kind: access.Weekly, Days: d, Begin: b, End: e, Zone: zone}
}

// The moments are written out in UTC, so that no conversion of ours can hide an error of ours.
func TestWeekly(t *testing.T) {
	summer := weekly(t, "mon", "09:00", "12:00", "Europe/Paris")
	summer.From, summer.To = wall(t, "2026-07-01T00:00"), wall(t, "2026-07-20T11:00")
	for _, c := range []struct {
		name       string
		w          access.Window
		at         string
		start, end string // empty: never again
		notes      int
	}{
		{"in it", weekly(t, "mon,fri", "09:00", "12:00", "Europe/Paris"), "2026-07-06T08:00:00Z", "2026-07-06T07:00:00Z", "2026-07-06T10:00:00Z", 0},
		{"the next one", weekly(t, "mon,fri", "09:00", "12:00", "Europe/Paris"), "2026-07-06T10:00:00Z", "2026-07-10T07:00:00Z", "2026-07-10T10:00:00Z", 0},
		{"across midnight", weekly(t, "fri", "22:00", "06:00", "Europe/Paris"), "2026-07-11T01:00:00Z", "2026-07-10T20:00:00Z", "2026-07-11T04:00:00Z", 0},
		{"across midnight, a week on", weekly(t, "fri", "22:00", "06:00", "Europe/Paris"), "2026-07-11T04:00:00Z", "2026-07-17T20:00:00Z", "2026-07-18T04:00:00Z", 0},
		{"a whole day", weekly(t, "sun", "00:00", "24:00", "UTC"), "2026-07-05T23:59:59Z", "2026-07-05T00:00:00Z", "2026-07-06T00:00:00Z", 0},
		{"the same time means 24 hours", weekly(t, "sun", "08:00", "08:00", "UTC"), "2026-07-06T07:59:59Z", "2026-07-05T08:00:00Z", "2026-07-06T08:00:00Z", 0},
		{"ends in the hour that is missing", weekly(t, "sun", "01:00", "02:30", "Europe/Paris"), "2026-03-29T00:30:00Z", "2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", 1},
		{"lies in the hour that is missing", weekly(t, "sun", "02:10", "02:50", "Europe/Paris"), "2026-03-29T00:30:00Z", "2026-04-05T00:10:00Z", "2026-04-05T00:50:00Z", 0},
		{"comes twice and is open over both", weekly(t, "sun", "02:10", "02:50", "Europe/Paris"), "2026-10-25T00:55:00Z", "2026-10-25T00:10:00Z", "2026-10-25T01:50:00Z", 2},
		{"the day that was left out", weekly(t, "fri", "12:00", "13:00", "Pacific/Apia"), "2011-12-30T09:00:00Z", "2012-01-05T22:00:00Z", "2012-01-05T23:00:00Z", 0},
		{"before its dates", summer, "2026-06-01T08:00:00Z", "2026-07-06T07:00:00Z", "2026-07-06T10:00:00Z", 0},
		{"cut by its dates", summer, "2026-07-20T08:00:00Z", "2026-07-20T07:00:00Z", "2026-07-20T09:00:00Z", 0},
		{"after its dates", summer, "2026-07-20T09:00:00Z", "", "", 0},
	} {
		if err := c.w.Check(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		s, ok, err := c.w.Next(utc(c.at))
		if err != nil || ok != (c.start != "") {
			t.Errorf("%s: %v, %v", c.name, ok, err)
			continue
		}
		if ok && (s.Start.UTC().Format(time.RFC3339) != c.start || s.End.UTC().Format(time.RFC3339) != c.end || len(s.Notes) != c.notes) {
			t.Errorf("%s: %s to %s %q", c.name, s.Start.UTC(), s.End.UTC(), s.Notes)
		}
	}
}

func TestDays(t *testing.T) {
	for text, want := range map[string]string{"daily": "daily", "mon-sun": "daily", "fri-mon": "mon,fri,sat,sun", "MON, wed": "mon,wed", "sat": "sat"} {
		if d, err := access.ParseDays(text); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "monday", "mon-", "mon,,wed", "1", "*"} {
		if d, err := access.ParseDays(text); !errors.Is(err, access.ErrWindow) {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "9:00", "24:01", "25:00", "12", "-1:00", "09:60"} {
		if d, err := access.ParseDayTime(text); !errors.Is(err, access.ErrWindow) {
			t.Errorf("%q: %s, %v", text, d, err)
		}
	}
}

func TestWindowsAreKept(t *testing.T) {
	once := access.Window{Kind: access.Count, Uses: 1}
	bounded := dates(t, "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris")
	bounded.Kind, bounded.Uses = access.Count, 3
	for _, w := range []access.Window{{Kind: access.Always}, weekly(t, "mon-fri", "22:00", "06:00", "Europe/Paris"), once, bounded} {
		text, err := json.Marshal(w)
		var back access.Window
		if err == nil {
			err = json.Unmarshal(text, &back)
		}
		if err != nil || back != w {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	}
}

// zones are the names of all zones, from the Go distribution that runs this test.
var zones = sync.OnceValues(func() ([]string, error) {
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return nil, err
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(out)), "lib", "time", "zoneinfo.zip"))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var names []string
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") {
			names = append(names, f.Name)
		}
	}
	return names, nil
})

// TestEveryZone holds windows against the wall, minute by minute, around every change of every zone's clocks
// in twenty years; a twentieth of the zones and five years without LOQUET_LONG.
func TestEveryZone(t *testing.T) {
	names, err := zones()
	if err != nil || len(names) < 400 {
		t.Fatalf("%d zones, %v", len(names), err)
	}
	long := os.Getenv("LOQUET_LONG") != ""
	first, last := time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if long {
		first, last = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2038, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	changes := 0
	for i, name := range names {
		if !long && i%20 != 7 && name != "Europe/Paris" && name != "Australia/Lord_Howe" && name != "Africa/Casablanca" {
			continue
		}
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := first; ; {
			_, next := at.In(zone).ZoneBounds()
			if next.IsZero() || next.After(last) {
				checkAround(t, zone, last)
				break
			}
			checkAround(t, zone, next)
			at = next
			changes++
		}
	}
	t.Logf("%d changes of clocks", changes)
}

// checkAround looks at windows whose edges lie near a moment.
func checkAround(t *testing.T, zone *time.Location, change time.Time) {
	t.Helper()
	h := fnv.New32a()
	_, _ = h.Write([]byte(zone.String() + change.String()))
	seed := int(h.Sum32() % 1440)
	for _, edges := range [][2]int{{seed, (seed + 200) % 1440}, {23*60 + 30, 2*60 + 30}, {2*60 + 15, 2*60 + 45}, {0, 1440}} {
		w := access.Window{Kind: access.Weekly, Days: access.Everyday, Begin: access.DayTime(edges[0]), End: access.DayTime(edges[1]), Zone: zone.String()}
		checkWeekly(t, w, zone, change)
	}
}

// checkWeekly is the model: where no hour comes twice, a daily window is open exactly while the wall shows
// its hours; where one does, it is open at least then.
func checkWeekly(t *testing.T, w access.Window, zone *time.Location, change time.Time) {
	t.Helper()
	begin, end := int(w.Begin), int(w.End)
	shows := func(at time.Time) bool {
		minute := at.In(zone).Hour()*60 + at.In(zone).Minute()
		if end > begin {
			return minute >= begin && minute < end
		}
		return minute >= begin || minute < end
	}
	from, to := change.Add(-26*time.Hour).Truncate(time.Minute), change.Add(26*time.Hour)
	_, before := change.Add(-time.Second).In(zone).Zone()
	_, after := change.In(zone).Zone()
	twice := before > after
	var s access.Span
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		if s.End.IsZero() || !at.Before(s.End) {
			next, ok, err := w.Next(at)
			if err != nil || !ok || !next.Start.Before(next.End) || !at.Before(next.End) {
				t.Fatalf("%s %s to %s, at %s: %v, %v, %v", zone, w.Begin, w.End, at, next, ok, err)
			}
			s = next
		}
		open, wall := s.Has(at), shows(at)
		if wall && !open || open && !wall && (!twice || at.Before(change.Add(-3*time.Hour)) || at.After(change.Add(25*time.Hour))) {
			t.Fatalf("%s, daily %s to %s, at %s: open %v, but the wall shows %s", zone, w.Begin, w.End, at.UTC(), open, at.In(zone))
		}
	}
}

// Next is what a search minute by minute finds, whatever the window.
func TestNextFindsTheFirstMinute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom([]string{"Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"}).Draw(t, "zone")
		w := access.Window{Kind: access.Weekly, Zone: zone, Days: access.Days(rapid.IntRange(1, 127).Draw(t, "days")),
			Begin: access.DayTime(rapid.IntRange(0, 1439).Draw(t, "begin")), End: access.DayTime(rapid.IntRange(0, 1440).Draw(t, "end"))}
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 365*1440).Draw(t, "minute")) * time.Minute)
		s, ok, err := w.Next(at)
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		for m := at; m.Before(s.Start) && m.Before(at.Add(49*time.Hour)); m = m.Add(time.Minute) {
			if again, _, _ := w.Next(m); !again.Start.Equal(s.Start) {
				t.Fatalf("at %s comes %s, at %s %s", at, s.Start, m, again.Start)
			}
		}
		if next, ok, err := w.Next(s.End); err != nil || !ok || !next.End.After(s.End) {
			t.Fatalf("after %s comes %s, %v", s.End, next.Start, err)
		}
	})
}

func TestCountsAndHolidays(t *testing.T) {
	on := access.Moment{Now: utc("2026-07-02T12:00:00Z"), Trust: access.Trusted}
	once := access.Window{Kind: access.Count, Uses: 1}
	thrice := dates(t, "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris")
	thrice.Kind, thrice.Uses = access.Count, 3
	closed := access.House{Holidays: []access.Holiday{{ID: "h", From: wall(t, "2026-07-01T00:00"), To: wall(t, "2026-07-10T00:00"), Zone: "Europe/Paris", Mode: access.HolidayOwners}}}
	except := closed
	except.Holidays = append(except.Holidays, access.Holiday{ID: "i", From: wall(t, "2026-07-02T00:00"), To: wall(t, "2026-07-03T00:00"), Zone: "Europe/Paris", Mode: access.HolidayUsual})
	other := closed
	other.Holidays = []access.Holiday{closed.Holidays[0]}
	other.Holidays[0].Doors = []string{"gate"}
	always := access.Window{Kind: access.Always}
	for _, c := range []struct {
		name  string
		who   access.PersonKind
		w     access.Window
		uses  access.Uses
		house access.House
		at    access.Moment
		want  access.Reason
	}{
		{"once, new", access.Guest, once, access.Uses{Known: true}, access.House{}, on, access.ReasonUsesLeft},
		{"once, used", access.Guest, once, access.Uses{Count: 1, Known: true}, access.House{}, on, access.ReasonUsedUp},
		{"once, nobody knows", access.Guest, once, access.Uses{}, access.House{}, on, access.ReasonUses},
		{"once, no clock", access.Guest, once, access.Uses{Known: true}, access.House{}, access.Moment{}, access.ReasonUsesLeft},
		{"three times, in its dates", access.Guest, thrice, access.Uses{Count: 2, Known: true}, access.House{}, on, access.ReasonInWindow},
		{"three times, used up", access.Guest, thrice, access.Uses{Count: 3, Known: true}, access.House{}, on, access.ReasonUsedUp},
		{"three times, no clock", access.Guest, thrice, access.Uses{Known: true}, access.House{}, access.Moment{Floor: utc("2026-07-02T12:00:00Z")}, access.ReasonClock},
		{"three times, over", access.Guest, thrice, access.Uses{Known: true}, access.House{}, access.Moment{Now: utc("2026-07-08T12:00:00Z"), Trust: access.Trusted}, access.ReasonExpired},
		{"holiday", access.Resident, always, access.Uses{}, closed, on, access.ReasonHoliday},
		{"holiday, an owner", access.Owner, always, access.Uses{}, closed, on, access.ReasonPermanent},
		{"holiday, no clock", access.Resident, always, access.Uses{}, closed, access.Moment{Floor: on.Now}, access.ReasonPermanent},
		{"a holiday of another door", access.Resident, always, access.Uses{}, other, on, access.ReasonPermanent},
		{"a day off from the holiday", access.Resident, always, access.Uses{}, except, on, access.ReasonPermanent},
	} {
		d := access.Question{Person: person(c.who), Code: code(c.w), Door: "studio", At: c.at, Uses: c.uses, House: c.house}.Decide()
		in := d.Reason == access.ReasonPermanent || d.Reason == access.ReasonUsesLeft || d.Reason == access.ReasonInWindow
		if d.Reason != c.want || d.Allowed != in {
			t.Errorf("%s: %+v, want %s", c.name, d, c.want)
		}
	}
}

func TestDoorGroups(t *testing.T) {
	house := access.House{Groups: []access.DoorGroup{{ID: "flat", Name: "Flat", Doors: []string{"front", "studio"}}}}
	c := code(access.Window{Kind: access.Always})
	c.Doors, c.Groups = []string{}, []string{"flat"}
	for door, want := range map[string]bool{"front": true, "studio": true, "garage": false} {
		if d := (access.Question{Person: person(access.Guest), Code: c, Door: door, House: house}).Decide(); d.Allowed != want {
			t.Errorf("%s: %+v", door, d)
		}
	}
	c.Doors = nil
	if err := c.Check(); !errors.Is(err, access.ErrCode) {
		t.Errorf("a code for all doors with groups: %v", err)
	}
}

// The words say what the clocks do to a window.
func TestExplainSaysWhatTheClocksDo(t *testing.T) {
	c := code(dates(t, "2026-10-24T15:00", "2026-10-25T02:30", "Europe/Paris"))
	d := access.Allowed(person(access.Guest), c, "studio", access.Moment{Now: utc("2026-10-25T01:00:00Z"), Trust: access.Trusted})
	if !d.Allowed || !strings.Contains(strings.Join(d.Why, "\n"), "comes twice that night: the second one counts") {
		t.Errorf("%+v", d)
	}
	c = code(dates(t, "2026-03-29T02:30", "2026-03-29T11:00", "Europe/Paris"))
	d = access.Allowed(person(access.Guest), c, "studio", access.Moment{Now: utc("2026-03-29T00:30:00Z"), Trust: access.Trusted})
	if d.Allowed || !strings.Contains(strings.Join(d.Why, "\n"), "the clocks leave out: it is at 2026-03-29 03:00 CEST") {
		t.Errorf("%+v", d)
	}
}
