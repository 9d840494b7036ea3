package feeds_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestChannels(t *testing.T) {
	for name, want := range map[string]struct {
		channel feeds.Channel
		entries []string
	}{
		"airbnb.ics": {feeds.Airbnb, []string{
			"reservation 2026-09-01T00:00 2026-09-05T00:00 HMABCDE123 1234 ",
			"block 2026-09-05T00:00 2026-09-08T00:00   ",
			"reservation 2026-09-10T00:00 2026-09-12T00:00   ", // Reserved without a description is a reservation
		}},
		"vrbo.ics": {feeds.Vrbo, []string{
			"reservation 2026-09-01T00:00 2026-09-05T00:00   Maria",
			"block 2026-09-10T00:00 2026-09-12T00:00   ",
		}},
		"booking.ics": {feeds.Booking, []string{"block 2026-09-01T00:00 2026-09-05T00:00   "}},
		"generic.ics": {feeds.Generic, []string{
			"reservation 2026-09-01T17:00 2026-09-05T11:00 XK-20391  Anna B",
			"reservation 2026-09-10T15:00 2026-09-12T15:00   Carl",
			"reservation 2026-09-20T00:00 2026-09-21T00:00   One night",
			"cancelled 2026-10-01T00:00 2026-10-03T00:00   Gone",
			"reservation 2026-10-10T00:00 2026-10-12T00:00 AB12345  ",
		}},
	} {
		f, err := feeds.Parse(fixture(t, name), zone(t, "Europe/Paris"))
		if err != nil || f.Channel != want.channel || !f.Whole || len(f.Warnings) > 0 {
			t.Errorf("%s: %v, %s, %v", name, err, f.Channel, f.Warnings)
		}
		var got []string
		for _, e := range f.Entries {
			got = append(got, fmt.Sprint(e.Kind, " ", e.Start.At, " ", e.End.At, " ", e.Confirmation, " ", e.Phone, " ", e.Name))
		}
		if strings.Join(got, "\n") != strings.Join(want.entries, "\n") {
			t.Errorf("%s:\n%s", name, strings.Join(got, "\n"))
		}
	}
}

// event is a calendar with one event.
func event(lines ...string) []byte {
	return []byte("BEGIN:VCALENDAR\r\nPRODID:-//x//EN\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:u\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

func TestWhatIsNoCalendar(t *testing.T) {
	whole := string(fixture(t, "airbnb.ics"))
	for name, text := range map[string]string{
		"empty": "", "html": "<!DOCTYPE html><html><body>BEGIN:VCALENDAR END:VCALENDAR</body></html>", "text": "please sign in",
		"cut in an event": whole[:len(whole)/2], "cut before the end": strings.TrimSuffix(whole, "END:VCALENDAR\r\n"),
		"an event without its end": strings.Replace(whole, "END:VEVENT\r\n", "", 1),
		"10 MB":                    "BEGIN:VCALENDAR\r\n" + strings.Repeat("X:y\r\n", 2<<20) + "END:VCALENDAR",
		"an endless line":          "BEGIN:VCALENDAR\r\nX;P=" + strings.Repeat("a", 20<<10) + ":y\r\nEND:VCALENDAR",
		"an endless folded line":   "BEGIN:VCALENDAR\r\nX;P=" + strings.Repeat("a\r\n ", 20<<10) + ":y\r\nEND:VCALENDAR",
		"deep":                     strings.Repeat("BEGIN:VCALENDAR\r\n", 50) + strings.Repeat("END:VCALENDAR\r\n", 50),
		"too many":                 "BEGIN:VCALENDAR\r\n" + strings.Repeat("BEGIN:VEVENT\r\nUID:a\r\nEND:VEVENT\r\n", 6000) + "END:VCALENDAR",
		"no colon":                 "BEGIN:VCALENDAR\r\nhello\r\nEND:VCALENDAR",
	} {
		if f, err := feeds.Parse([]byte(text), time.UTC); !errors.Is(err, feeds.ErrNotCalendar) || len(f.Entries) > 0 {
			t.Errorf("%s: %v, %d entries", name, err, len(f.Entries))
		} else if strings.Contains(err.Error(), "hello") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if f, err := feeds.Parse([]byte("\ufeffBEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n\n"), time.UTC); err != nil || !f.Whole {
		t.Errorf("a calendar without entries: %v", err)
	}
}

// An entry that cannot be read leaves the others, and then nothing is said about what is missing.
func TestEntriesThatCannotBeRead(t *testing.T) {
	for name, lines := range map[string][]string{
		"no beginning": {"DTEND;VALUE=DATE:20260905"}, "no such date": {"DTSTART;VALUE=DATE:20260231"},
		"backwards": {"DTSTART;VALUE=DATE:20260905", "DTEND;VALUE=DATE:20260901"}, "words": {"DTSTART:soon"},
		"again and again": {"DTSTART;VALUE=DATE:20260905", "RRULE:FREQ=DAILY"}, "a time without an end": {"DTSTART:20260901T120000Z"},
		"a year that no calendar has": {"DTSTART;VALUE=DATE:99990901"},
	} {
		f, err := feeds.Parse(event(append(lines, "SUMMARY:secret")...), time.UTC)
		if err != nil || f.Whole || len(f.Entries) > 0 || len(f.Warnings) != 1 || strings.Contains(f.Warnings[0], "secret") {
			t.Errorf("%s: %v, %+v", name, err, f)
		}
	}
}

func TestZonesOfEntries(t *testing.T) {
	for _, c := range []struct{ zone, start, want string }{
		{"Europe/Paris", "DTSTART:20260901T120000Z", "2026-09-01T14:00"},
		{"America/New_York", "DTSTART:20260901T020000Z", "2026-08-31T22:00"},
		{"Europe/Paris", "DTSTART;TZID=America/New_York:20260901T120000", "2026-09-01T18:00"},
		{"Europe/Paris", "DTSTART;TZID=Romance Standard Time:20260901T120000", "2026-09-01T12:00"},
		{"Europe/Paris", "DTSTART:20260901T120000", "2026-09-01T12:00"},
		{"Pacific/Kiritimati", "DTSTART;VALUE=DATE:20260901", "2026-09-01T00:00"},
	} {
		f, err := feeds.Parse(event(c.start, "DURATION:P1D", "SUMMARY:A"), zone(t, c.zone))
		if err != nil || len(f.Entries) != 1 || f.Entries[0].Start.At.String() != c.want {
			t.Errorf("%s in %s: %v, %+v", c.start, c.zone, err, f)
		}
	}
}

func TestPhonesAndNumbers(t *testing.T) {
	for description, want := range map[string][2]string{
		`Reservation URL: https://www.airbnb.co.uk/hosting/reservations/details/HMABCDE123\nPhone Number (Last 4 Digits): 0427`: {"HMABCDE123", "0427"},
		`Last 4 Digits: 04271`:              {"", ""}, // five digits are no four
		`(Last 4 Digits): 12`:               {"", ""},
		`see HMABCDE1234`:                   {"", ""},
		`Confirmation number: ab12-99`:      {"AB12-99", ""},
		`Booking: cancelled by phone`:       {"", ""},
		`Phone Number (Last 4 Digits):8890`: {"", "8890"},
	} {
		f, err := feeds.Parse(event("DTSTART;VALUE=DATE:20260901", "SUMMARY:A", "DESCRIPTION:"+description), time.UTC)
		if err != nil || len(f.Entries) != 1 || f.Entries[0].Confirmation != want[0] || f.Entries[0].Phone != want[1] {
			t.Errorf("%s: %v, %+v", description, err, f.Entries)
		}
	}
}

// Names from outside go into an accessory, a page and a terminal: short, valid, without control characters.
func TestNamesAreClean(t *testing.T) {
	f, err := feeds.Parse(event("DTSTART;VALUE=DATE:20260901", "SUMMARY:A\x1b[31m\u202eB"+strings.Repeat("é", 400)), time.UTC)
	if err != nil || len(f.Entries) != 1 {
		t.Fatal(err, f)
	}
	if n := f.Entries[0].Name; len(n) > 64 || strings.ContainsAny(n, "\x1b\u202e") || !strings.HasPrefix(n, "A[31mB") {
		t.Errorf("%q", n)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"airbnb.ics", "vrbo.ics", "booking.ics", "generic.ics"} {
		f.Add(fixture(f, name))
	}
	f.Add(event("DTSTART:20260901T120000Z", "DURATION:P1D", "SUMMARY:A"))
	paris := zone(f, "Europe/Paris")
	c := calendar()
	f.Fuzz(func(t *testing.T, text []byte) {
		feed, err := feeds.Parse(text, paris)
		if err != nil {
			if !errors.Is(err, feeds.ErrNotCalendar) {
				t.Fatalf("%v", err)
			}
			return
		}
		at := access.Moment{Now: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC), Trust: access.Trusted}
		stays, _, _ := feeds.Reconcile(c, nil, feed, at, ids())
		for _, s := range stays {
			if err := s.Check(); err != nil {
				t.Fatalf("%v: %+v", err, s)
			}
		}
	})
}
