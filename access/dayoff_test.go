package access

import (
	"testing"
	"time"
)

// TestADayOff: nobody comes to work by a weekly code, guests of that day do, owners always; a shorter holiday that is
// as usual ends it for its time.
func TestADayOff(t *testing.T) {
	day := func(d, hour int) WallTime { return WallTime{Year: 2026, Month: 12, Day: d, Hour: hour} }
	house := House{Holidays: []Holiday{
		{ID: "a", From: day(24, 0), To: day(27, 0), Zone: "Europe/Paris", Mode: HolidayNoWeekly},
		{ID: "b", From: day(25, 12), To: day(25, 18), Zone: "Europe/Paris", Mode: HolidayUsual},
		{ID: "c", From: day(30, 0), To: day(31, 0), Zone: "Europe/Paris", Mode: HolidayNoWeekly, Doors: []string{"garage"}},
	}}
	weekly := Window{Kind: Weekly, Days: Everyday, Begin: 8 * 60, End: 20 * 60, Zone: "Europe/Paris"}
	dates := Window{Kind: Dates, From: day(20, 15), To: day(31, 11), Zone: "Europe/Paris"}
	for _, c := range []struct {
		kind    PersonKind
		windows []Window
		at      WallTime
		want    Reason
	}{
		{Helper, []Window{weekly}, day(23, 9), ReasonInWindow},
		{Helper, []Window{weekly}, day(24, 9), ReasonHoliday},
		{Helper, []Window{weekly}, day(25, 13), ReasonInWindow},
		{Helper, []Window{weekly}, day(25, 19), ReasonHoliday},
		{Helper, []Window{weekly}, day(24, 21), ReasonBetween},
		{Helper, []Window{weekly}, day(30, 9), ReasonInWindow},
		{Guest, []Window{dates}, day(24, 9), ReasonInWindow},
		{Guest, []Window{weekly, dates}, day(24, 9), ReasonInWindow},
		{Resident, []Window{{Kind: Always}}, day(24, 9), ReasonPermanent},
		{Owner, []Window{{Kind: Always}}, day(24, 9), ReasonPermanent},
	} {
		paris, err := time.LoadLocation("Europe/Paris")
		if err != nil {
			t.Fatal(err)
		}
		now, err := c.at.In(paris)
		if err != nil {
			t.Fatal(err)
		}
		q := Question{Person: Person{ID: "p", Name: "P", Kind: c.kind}, Code: Code{ID: "c", Person: "p", Kind: PIN, Length: 6, Windows: c.windows},
			Door: "studio", At: Moment{Now: now, Trust: Trusted, Floor: now}, House: house}
		if d := q.Decide(); d.Reason != c.want || d.Allowed != (c.want != ReasonHoliday && c.want != ReasonBetween) {
			t.Errorf("%s at %s: %s, want %s", c.kind, c.at, d.Reason, c.want)
		}
	}
	if err := (Holiday{ID: "x", From: day(24, 0), To: day(27, 0), Zone: "Europe/Paris", Mode: "never"}).Check(); err == nil {
		t.Error("a mode that is none")
	}
}
