package clock

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
)

// paris is where the doors of these tests are.
const paris = "Europe/Paris"

// ring is every kind of code, as of a moment: what is now, over and to come is so for whoever knows the time.
type ring struct {
	names []string
	codes []access.Code
	whose []access.Person
}

func ringAt(t *testing.T, truth time.Time) ring {
	t.Helper()
	zone, err := time.LoadLocation(paris)
	if err != nil {
		t.Fatal(err)
	}
	wall := access.WallOf(truth.In(zone))
	dates := func(from, to time.Duration) access.Window {
		return access.Window{Kind: access.Dates, From: wall.Add(from), To: wall.Add(to), Zone: paris}
	}
	day := 24 * time.Hour
	weekly := access.Window{Kind: access.Weekly, Days: access.Everyday, Begin: 0, End: access.EndOfDay, Zone: paris}
	var r ring
	add := func(name string, kind access.PersonKind, grace time.Duration, windows ...access.Window) {
		r.names = append(r.names, name)
		r.whose = append(r.whose, access.Person{ID: "p", Name: "P", Kind: kind})
		r.codes = append(r.codes, access.Code{ID: "c", Person: "p", Kind: access.PIN, Length: 6, Windows: windows, Grace: grace})
	}
	add("owner", access.Owner, 0, access.Window{Kind: access.Always})
	add("resident", access.Resident, 0, access.Window{Kind: access.Always})
	add("now", access.Guest, 0, dates(-day, day))
	add("over", access.Guest, 0, dates(-30*day, -20*day))
	add("to come", access.Guest, 0, dates(20*day, 30*day))
	add("in ten years", access.Guest, 0, dates(3650*day, 3660*day))
	add("daily", access.Helper, 0, weekly)
	add("grace", access.Guest, 6*time.Hour, dates(-day, day))
	add("once", access.Guest, 0, access.Window{Kind: access.Count, Uses: 1})
	return r
}

func (r ring) decide(at access.Moment) map[string]access.Reason {
	out := map[string]access.Reason{}
	for i, c := range r.codes {
		d := access.Question{Person: r.whose[i], Code: c, Door: "studio", At: at, Uses: access.Uses{Known: true}}.Decide()
		out[r.names[i]] = d.Reason
	}
	return out
}

// What each code does while the time is known, and while nobody knows more than that it is not earlier than now.
func known() map[string]access.Reason {
	return map[string]access.Reason{"owner": "permanent", "resident": "permanent", "now": "in-window", "over": "expired", "to come": "not-yet",
		"in ten years": "not-yet", "daily": "in-window", "grace": "in-window", "once": "uses-left"}
}

func unknown(change ...string) map[string]access.Reason {
	out := map[string]access.Reason{"owner": "permanent", "resident": "permanent", "now": "clock-unknown", "over": "expired", "to come": "clock-unknown",
		"in ten years": "clock-unknown", "daily": "clock-unknown", "grace": "grace", "once": "uses-left"}
	for i := 0; i < len(change); i += 2 {
		out[change[i]] = access.Reason(change[i+1])
	}
	return out
}

// story is a machine whose time goes wrong, and the program on it.
type story struct {
	t     *testing.T
	m     *fake
	space memory
	k     *Keeper
	truth time.Time
}

// pass lets time go by for everybody.
func (s *story) pass(d time.Duration) { s.m.pass(d); s.truth = s.truth.Add(d) }

// keep is what the program does every ten minutes.
func (s *story) keep() {
	s.t.Helper()
	if err := s.k.Keep(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *story) begin() {
	s.t.Helper()
	s.k = NewKeeper(s.m.options())
	if err := s.k.Recall(s.space); err != nil {
		s.t.Fatal(err)
	}
}

// reboot switches the machine off and on: off for so long, and its clock says this.
func (s *story) reboot(off time.Duration, says time.Time, sync bool) {
	s.t.Helper()
	s.keep()
	s.truth = s.truth.Add(off)
	s.m = &fake{at: says, upTo: time.Minute, sync: sync, boot: s.m.boot + "+"}
	s.begin()
}

// TestTheClockMatrix: whatever happens to the machine's time, a code with a time opens only while the time is known,
// or as long as its owner's grace lasts; owners always come in.
func TestTheClockMatrix(t *testing.T) {
	epoch := time.Unix(60, 0)
	for name, c := range map[string]struct {
		do   func(s *story)
		want map[string]access.Reason
	}{
		"all is well":                       {func(*story) {}, known()},
		"no battery: 1970":                  {func(s *story) { s.reboot(time.Minute, epoch, false) }, unknown()},
		"no battery: the day of the build":  {func(s *story) { s.reboot(time.Minute, noon.AddDate(0, -6, 0), false) }, unknown()},
		"ten years ahead after a reboot":    {func(s *story) { s.reboot(time.Minute, noon.AddDate(10, 0, 0), false) }, unknown()},
		"off for 49 days":                   {func(s *story) { s.reboot(49*24*time.Hour, noon, false) }, unknown("over", "clock-unknown", "grace", "clock-unknown")},
		"off for 49 days, then the network": {func(s *story) { s.reboot(49*24*time.Hour, noon.Add(49*24*time.Hour), true) }, known()},
		"the network says ten years ahead":  {func(s *story) { s.m.at = noon.AddDate(10, 0, 0) }, known()},
		"the network says yesterday":        {func(s *story) { s.m.at = noon.AddDate(0, 0, -1) }, known()},
		"a step of a leap second":           {func(s *story) { s.m.at = s.m.at.Add(-time.Second) }, known()},
		"asleep for two days":               {func(s *story) { s.pass(48 * time.Hour) }, known()},
		"asleep, and the clock stood still": {func(s *story) { s.m.sync = false; s.m.upTo += 48 * time.Hour; s.truth = s.truth.Add(48 * time.Hour) }, known()},
		"three days without a network":      {func(s *story) { s.m.sync = false; s.pass(72 * time.Hour) }, known()},
		"a little longer":                   {func(s *story) { s.m.sync = false; s.keep(); s.pass(73 * time.Hour) }, unknown("grace", "clock-unknown")},
		"the grace ends":                    {func(s *story) { s.reboot(time.Minute, epoch, false); s.k.Now(); s.pass(7 * time.Hour) }, unknown("grace", "clock-unknown")},
		"a power cut does not renew it": {func(s *story) {
			s.reboot(time.Minute, epoch, false)
			s.k.Now()
			s.pass(7 * time.Hour)
			s.k.Now()
			s.reboot(time.Minute, epoch, false)
		}, unknown("grace", "clock-unknown")},
		"an owner's word":          {func(s *story) { s.reboot(time.Hour, noon.Add(time.Hour), false); s.confirm("uid:0", true) }, known()},
		"an owner's word for 1970": {func(s *story) { s.reboot(time.Minute, epoch, false); s.confirm("uid:0", false) }, unknown()},
		"an owner's word, and a reboot": {func(s *story) {
			s.reboot(time.Hour, noon.Add(time.Hour), false)
			s.confirm("uid:0", true)
			s.reboot(time.Hour, noon.Add(2*time.Hour), false)
		}, unknown()},
		"an owner's word, and a jump": {func(s *story) {
			s.reboot(time.Hour, noon.Add(time.Hour), false)
			s.confirm("uid:0", true)
			s.m.at = s.m.at.AddDate(10, 0, 0)
		}, known()},
		"and three days later": {func(s *story) {
			s.reboot(time.Hour, noon.Add(time.Hour), false)
			s.confirm("uid:0", true)
			s.m.at = s.m.at.AddDate(10, 0, 0)
			s.k.Now()
			s.pass(73 * time.Hour)
		}, unknown("grace", "clock-unknown")},
		"killed after a jump": {func(s *story) { s.keep(); s.m.at = noon.AddDate(10, 0, 0); s.begin() }, known()},
	} {
		t.Run(name, func(t *testing.T) {
			s := &story{t: t, m: &fake{at: noon, upTo: time.Hour, sync: true, boot: "a"}, space: memory{}, truth: noon}
			s.begin()
			s.k.Now()
			c.do(s)
			got := ringAt(t, s.truth).decide(s.k.Moment())
			for code, want := range c.want {
				if got[code] != want {
					t.Errorf("%s: %s, want %s", code, got[code], want)
				}
			}
		})
	}
}

func (s *story) confirm(who string, want bool) {
	s.t.Helper()
	if ok, err := s.k.Confirm(who); ok != want || err != nil {
		s.t.Fatalf("the word of %s: %v %v", who, ok, err)
	}
}

// TestTheNightOfTheClocks: a code opens on the minute on both nights in which the clocks are changed, also while the
// time is only counted on, and never while it is not known.
func TestTheNightOfTheClocks(t *testing.T) {
	window := func(from, to string) access.Window {
		begin, err1 := access.ParseWallTime(from)
		end, err2 := access.ParseWallTime(to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return access.Window{Kind: access.Dates, From: begin, To: end, Zone: paris}
	}
	at := func(text string) time.Time {
		v, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	spring := window("2026-03-29T02:30", "2026-03-29T04:00") // 02:30 is left out: it begins when the clocks go forward
	autumn := window("2026-10-25T02:30", "2026-10-25T02:45") // both come twice: from the first until the second
	for _, c := range []struct {
		w     access.Window
		at    string
		opens bool
	}{
		{spring, "2026-03-29T00:59:00Z", false}, {spring, "2026-03-29T01:00:00Z", true}, {spring, "2026-03-29T01:59:00Z", true}, {spring, "2026-03-29T02:00:00Z", false},
		{autumn, "2026-10-25T00:29:00Z", false}, {autumn, "2026-10-25T00:30:00Z", true}, {autumn, "2026-10-25T01:44:00Z", true}, {autumn, "2026-10-25T01:45:00Z", false},
	} {
		gus, code := access.Person{ID: "p", Name: "P", Kind: access.Guest}, access.Code{ID: "c", Person: "p", Kind: access.PIN, Length: 6, Windows: []access.Window{c.w}}
		f := &fake{at: at(c.at).Add(-time.Hour), sync: true, boot: "a"}
		k := NewKeeper(f.options())
		k.Now()
		for _, sync := range []bool{true, false} {
			f.sync = sync
			if sync {
				f.pass(time.Hour)
			}
			if d := access.Allowed(gus, code, "studio", k.Moment()); d.Allowed != c.opens {
				t.Errorf("%s, synchronised %v: %s", c.at, sync, d.Reason)
			}
		}
		lost := NewKeeper((&fake{at: at(c.at)}).options())
		if d := access.Allowed(gus, code, "studio", lost.Moment()); d.Allowed {
			t.Errorf("%s, on a clock that nobody knows: %s", c.at, d.Reason)
		}
	}
}

// TestNoGuestOutsideOfTheirDays sends a machine through anything that an honest network and honest people do not
// prevent: reboots into any time, steps, sleeps, days without a source, kills. Whenever the time counts as known it
// is the right one, so no code with dates opens a minute before or after them.
func TestNoGuestOutsideOfTheirDays(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		s := &story{t: t, m: &fake{at: noon, upTo: time.Hour, boot: "a"}, space: memory{}, truth: noon}
		s.begin()
		days := ringAt(t, noon.Add(time.Duration(rapid.IntRange(-40, 40).Draw(r, "days"))*24*time.Hour))
		for range rapid.IntRange(1, 40).Draw(r, "steps") {
			switch rapid.IntRange(0, 7).Draw(r, "what") {
			case 0:
				s.pass(time.Duration(rapid.Int64Range(0, int64(100*time.Hour)).Draw(r, "pass")))
			case 1: // somebody sets the clock, and no network minds
				s.m.sync = false
				hours := rapid.IntRange(2, 100_000).Draw(r, "jump")
				if rapid.Bool().Draw(r, "back") {
					hours = -hours
				}
				s.m.at = s.m.at.Add(time.Duration(hours) * time.Hour)
			case 2: // the network comes, and sets it right
				s.m.at, s.m.sync = s.truth, true
			case 3:
				s.m.sync = false
			case 4:
				says := s.truth.Add(time.Duration(rapid.IntRange(-100_000, 100_000).Draw(r, "off")) * time.Hour)
				s.reboot(time.Duration(rapid.IntRange(1, 2000).Draw(r, "hours"))*time.Hour, says, false)
			case 5: // killed
				s.begin()
			case 6: // somebody looks at it, and says so if it is right
				if s.m.at.Equal(s.truth) {
					_, _ = s.k.Confirm("uid:0")
				}
			case 7:
				s.keep()
			}
			m := s.k.Moment()
			if m.Trust != access.TrustFloor && !m.Now.Equal(s.truth) {
				r.Fatalf("%v counts as known (%d), and it is %v", m.Now, m.Trust, s.truth)
			}
			if m.Floor.After(s.truth) {
				r.Fatalf("%v counts as past, and it is %v", m.Floor, s.truth)
			}
			for i, c := range days.codes {
				d := access.Question{Person: days.whose[i], Code: c, Door: "studio", At: m, Uses: access.Uses{Known: true}}.Decide()
				switch {
				case c.Permanent() && !d.Allowed:
					r.Fatalf("%s does not come in: %s", days.names[i], d.Reason)
				case d.Allowed && d.Reason == access.ReasonInWindow:
					if span, ok, err := c.Windows[0].Next(s.truth); err != nil || !ok || !span.Has(s.truth) {
						r.Fatalf("%s comes in at %v: %v", days.names[i], s.truth, d.Why)
					}
				}
			}
		}
	})
}
