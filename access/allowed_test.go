package access_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
)

func person(kind access.PersonKind) access.Person {
	return access.Person{ID: "p1", Name: "Someone", Kind: kind}
}

func code(windows ...access.Window) access.Code {
	return access.Code{ID: "c1", Person: "p1", Kind: access.PIN, Length: 6, Windows: windows}
}

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}

// What a clock can be, by what a code can be. July 1st 13:00Z to July 5th 09:00Z.
func TestAllowed(t *testing.T) {
	stay := dates(t, "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris")
	again := dates(t, "2026-08-01T15:00", "2026-08-05T11:00", "Europe/Paris")
	always := access.Window{Kind: access.Always}
	on := func(s string) access.Moment {
		return access.Moment{Now: utc(s), Trust: access.Trusted, Floor: utc("2026-01-01T00:00:00Z")}
	}
	lost := func(floor string, lost time.Duration) access.Moment {
		return access.Moment{Now: utc("1970-01-01T00:00:00Z"), Trust: access.TrustFloor, Floor: utc(floor), Lost: lost}
	}
	graceful := code(stay)
	graceful.Grace = 6 * time.Hour
	revoked, limited, nothing := code(always), code(always), code(always)
	revoked.Revoked, limited.Doors, nothing.Doors = true, []string{"gate"}, []string{}
	holdover := on("2026-07-02T12:00:00Z")
	holdover.Trust = access.TrustHoldover
	below := on("2026-07-02T12:00:00Z") // a clock that says less than is certain
	below.Floor = utc("2026-07-06T00:00:00Z")
	wild := lost("2026-07-02T12:00:00Z", time.Minute)
	wild.Now = utc("2036-01-01T00:00:00Z")
	for _, c := range []struct {
		name string
		code access.Code
		at   access.Moment
		want access.Reason
	}{
		{"permanent", code(always), on("2026-07-02T12:00:00Z"), access.ReasonPermanent},
		{"permanent, booted in 1970", code(always), access.Moment{}, access.ReasonPermanent},
		{"permanent beside dates, no clock", code(stay, always), access.Moment{}, access.ReasonPermanent},
		{"revoked", revoked, on("2026-07-02T12:00:00Z"), access.ReasonRevoked},
		{"another door", limited, on("2026-07-02T12:00:00Z"), access.ReasonDoor},
		{"no door", nothing, on("2026-07-02T12:00:00Z"), access.ReasonDoor},
		{"a minute early", code(stay), on("2026-07-01T12:59:59Z"), access.ReasonNotYet},
		{"first moment", code(stay), on("2026-07-01T13:00:00Z"), access.ReasonInWindow},
		{"last moment", code(stay), on("2026-07-05T08:59:59Z"), access.ReasonInWindow},
		{"over", code(stay), on("2026-07-05T09:00:00Z"), access.ReasonExpired},
		{"holdover", code(stay), holdover, access.ReasonInWindow},
		{"below its own floor", code(stay), below, access.ReasonExpired},
		{"between two", code(stay, again), on("2026-07-15T09:00:00Z"), access.ReasonBetween},
		{"in the second", code(stay, again), on("2026-08-02T09:00:00Z"), access.ReasonInWindow},
		{"no clock, floor in the window", code(stay), lost("2026-07-02T12:00:00Z", 0), access.ReasonClock},
		{"no clock, floor before", code(stay), lost("2026-06-02T12:00:00Z", 0), access.ReasonClock},
		{"no clock, floor after", code(stay), lost("2026-07-06T12:00:00Z", 0), access.ReasonExpired},
		{"no clock, floor between", code(stay, again), lost("2026-07-06T12:00:00Z", 0), access.ReasonClock},
		{"grace", graceful, lost("2026-07-02T12:00:00Z", 6*time.Hour), access.ReasonGrace},
		{"grace is over", graceful, lost("2026-07-02T12:00:00Z", 6*time.Hour+1), access.ReasonClock},
		{"grace, but the floor lies before", graceful, lost("2026-06-30T12:00:00Z", time.Minute), access.ReasonClock},
		{"grace, but expired for certain", graceful, lost("2026-07-05T12:00:00Z", time.Minute), access.ReasonExpired},
		{"grace whatever the lost clock says", graceful, wild, access.ReasonGrace},
	} {
		d := access.Allowed(person(access.Guest), c.code, "studio", c.at)
		let := slices.Contains([]access.Reason{access.ReasonPermanent, access.ReasonInWindow, access.ReasonGrace}, c.want)
		if d.Reason != c.want || d.Allowed != let || len(d.Why) < 2 || !strings.Contains(d.Why[0], "guest Someone") {
			t.Errorf("%s: %+v, want %s", c.name, d, c.want)
		}
	}
}

func TestNobodyElsesCode(t *testing.T) {
	c := code(access.Window{Kind: access.Always})
	for _, p := range []access.Person{{}, {ID: "p2", Name: "Other", Kind: access.Owner}, {ID: "p1", Name: "x", Kind: "king"}} {
		if d := access.Allowed(p, c, "studio", access.Moment{}); d.Allowed || d.Reason != access.ReasonDamaged {
			t.Errorf("%+v: %+v", p, d)
		}
	}
	for _, c := range []access.Code{{}, {ID: "c1", Person: "p1", Kind: access.PIN, Length: 6}, code(access.Window{}), code(access.Window{Kind: "weekly"})} {
		if d := access.Allowed(person(access.Owner), c, "studio", access.Moment{Trust: access.Trusted, Now: time.Now()}); d.Allowed {
			t.Errorf("%+v: %+v", c, d)
		}
	}
}

// A code with dates opens on a known clock exactly between its bounds, and on an unknown one only by grace.
func TestAllowedIsTheWindow(t *testing.T) {
	start := utc("2026-07-01T13:00:00Z")
	end := utc("2026-07-05T09:00:00Z")
	stay := dates(t, "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris")
	rapid.Check(t, func(t *rapid.T) {
		c := code(stay)
		c.Grace = time.Duration(rapid.IntRange(0, 24).Draw(t, "grace")) * time.Hour
		at := access.Moment{
			Now:   start.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "now")) * time.Second),
			Floor: start.Add(time.Duration(rapid.Int64Range(-1e6, 1e6).Draw(t, "floor")) * time.Second),
			Trust: access.Trust(rapid.IntRange(0, 2).Draw(t, "trust")),
			Lost:  time.Duration(rapid.IntRange(0, 30).Draw(t, "lost")) * time.Hour,
		}
		in := func(m time.Time) bool { return !m.Before(start) && m.Before(end) }
		want := in(at.Now) && !at.Now.Before(at.Floor) || at.Now.Before(at.Floor) && in(at.Floor)
		if at.Trust == access.TrustFloor {
			want = in(at.Floor) && c.Grace > 0 && at.Lost <= c.Grace
		}
		if d := access.Allowed(person(access.Guest), c, "studio", at); d.Allowed != want {
			t.Fatalf("%+v at %+v, want %v", d, at, want)
		}
	})
}

func TestEnds(t *testing.T) {
	stay := dates(t, "2026-07-01T15:00", "2026-07-05T11:00", "Europe/Paris")
	again := dates(t, "2026-06-01T15:00", "2026-06-05T11:00", "Europe/Paris")
	if at, ok := code(stay, again).Ends(); !ok || !at.Equal(utc("2026-07-05T09:00:00Z")) {
		t.Error(at, ok)
	}
	if at, ok := code(stay, access.Window{Kind: access.Always}).Ends(); ok {
		t.Error(at)
	}
}

// Whatever a stored record says, what was read can be written and opens no other doors afterwards.
func FuzzCodeRecord(f *testing.F) {
	f.Add([]byte(`{"id":"c1","person":"p1","kind":"pin","length":6,"windows":[{"kind":"always"}]}`))
	f.Add([]byte(`{"id":"c1","person":"p1","kind":"card","length":26,"windows":[{"kind":"dates","from":"2026-07-01T15:00","to":"2026-07-05T11:00","zone":"Europe/Paris"}],"doors":["gate"],"grace":3600000000000,"created":"2026-06-01T00:00:00Z"}`))
	f.Add([]byte(`{"id":"c1","person":"p1","kind":"pin","length":6,"windows":[{"kind":"weekly"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c access.Code
		if err := json.Unmarshal(data, &c); err != nil {
			if access.Allowed(person(access.Owner), c, "studio", access.Moment{}).Allowed {
				t.Fatalf("opens after %v", err)
			}
			return
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var back access.Code
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if again, err := json.Marshal(back); err != nil || string(again) != string(text) || fmt.Sprint(back.Doors == nil) != fmt.Sprint(c.Doors == nil) {
			t.Fatalf("%s, then %s, %v", text, again, err)
		}
	})
}
