package alerts

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

var paris = mustZone("Europe/Paris")

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func at(hour, minute int) time.Time { return time.Date(2026, 5, 4, hour, minute, 0, 0, paris) }

func door(position string) api.Device {
	return api.Device{ID: "garage", Kind: api.KindDoor, Name: "Garage", State: api.State{Position: position}}
}

// story plays states and times against a watcher and writes down what the owner is told.
type story struct {
	*watcher
	told []string
}

func tell(c config.Alerts) *story { return &story{watcher: newWatcher(rulesOf(&c))} }

func (s *story) is(now time.Time, d api.Device) *story {
	s.seen(d, now)
	return s.pass(now)
}

func (s *story) pass(now time.Time) *story {
	due, again := s.due(now, now, true)
	if !again.After(now) {
		s.told = append(s.told, "asked for again in the past")
	}
	for _, a := range due {
		over := ""
		if a.Over {
			over = " over"
		}
		s.told = append(s.told, fmt.Sprintf("%s %s%s %d", now.Format("15:04"), a.Kind, over, a.Times))
	}
	return s
}

// until asks again whenever the watcher wants to be asked.
func (s *story) until(from, to time.Time) *story {
	now := from
	for {
		due, again := s.due(now, now, true)
		for _, a := range due {
			s.told = append(s.told, fmt.Sprintf("%s %s %d", now.Format("15:04"), a.Kind, a.Times))
		}
		if !again.Before(to) {
			return s
		}
		now = again
	}
}

func (s *story) wants(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(s.told, want) {
		t.Errorf("told %q, want %q", s.told, want)
	}
}

func TestLeftOpen(t *testing.T) {
	c := config.Alerts{LeftOpen: 20 * time.Minute, Repeat: 30 * time.Minute}
	t.Run("told after its time, again until it is closed, and that it is closed", func(t *testing.T) {
		s := tell(c).is(at(12, 0), door("closed")).is(at(13, 0), door("opening")).is(at(13, 1), door("open"))
		s.until(at(13, 2), at(14, 25)).is(at(14, 30), door("closing")).is(at(14, 31), door("closed")).until(at(14, 32), at(20, 0))
		s.wants(t, "13:20 left-open 1", "13:50 left-open 2", "14:20 left-open 3", "14:31 left-open over 3")
	})
	t.Run("closed in time, nothing", func(t *testing.T) {
		tell(c).is(at(13, 0), door("open")).is(at(13, 19), door("closed")).until(at(13, 20), at(20, 0)).wants(t)
	})
	t.Run("lost while open is not closed", func(t *testing.T) {
		tell(c).is(at(13, 0), door("open")).is(at(13, 10), door("unknown")).until(at(13, 11), at(13, 40)).wants(t, "13:20 left-open 1")
	})
	t.Run("lost while closed is not open", func(t *testing.T) {
		tell(c).is(at(13, 0), door("closed")).is(at(13, 10), door("unknown")).until(at(13, 11), at(20, 0)).wants(t)
	})
	t.Run("once without repeat", func(t *testing.T) {
		c := config.Alerts{LeftOpen: time.Minute}
		tell(c).is(at(13, 0), door("open")).until(at(13, 0), at(23, 0)).wants(t, "13:01 left-open 1")
	})
	t.Run("it waits in the quiet hours, and is dropped when it is over by then", func(t *testing.T) {
		c := config.Alerts{LeftOpen: 20 * time.Minute, Quiet: "12:00-14:00"}
		tell(c).is(at(13, 0), door("open")).until(at(13, 0), at(15, 0)).wants(t, "14:00 left-open 1")
		tell(c).is(at(13, 0), door("open")).until(at(13, 0), at(13, 50)).is(at(13, 55), door("closed")).until(at(13, 56), at(15, 0)).wants(t)
	})
	t.Run("a door that was removed is no news", func(t *testing.T) {
		s := tell(c).is(at(13, 0), door("open")).until(at(13, 0), at(13, 25))
		s.forget(nil)
		s.until(at(13, 26), at(20, 0)).wants(t, "13:20 left-open 1")
	})
	t.Run("the door of a lock", func(t *testing.T) {
		lock := api.Device{ID: "front", Kind: api.KindLock, Name: "Front", State: api.State{Bolt: "unsecured", DoorOpen: "yes"}}
		tell(config.Alerts{LeftOpen: time.Minute}).is(at(13, 0), lock).until(at(13, 0), at(14, 0)).wants(t, "13:01 left-open 1")
	})
}

func TestNight(t *testing.T) {
	c := config.Alerts{Night: "22:00-06:00", Quiet: "21:00-07:00"}
	t.Run("open when the night begins, in quiet hours too", func(t *testing.T) {
		tell(c).is(at(18, 0), door("open")).until(at(18, 0), at(22, 30)).wants(t, "22:00 night 1")
	})
	t.Run("opened at night, told at once; its end waits for the morning", func(t *testing.T) {
		s := tell(c).is(at(3, 0), door("closed")).is(at(3, 7), door("opening")).is(at(3, 9), door("closed"))
		s.wants(t, "03:07 night 1", "03:09 night over 1")
	})
	t.Run("the end of the night is no news about the door", func(t *testing.T) {
		tell(c).is(at(5, 0), door("open")).until(at(5, 0), at(12, 0)).wants(t, "05:00 night 1")
	})
	t.Run("who does not know the time takes it for night, and says so", func(t *testing.T) {
		w := newWatcher(rulesOf(&c))
		w.seen(door("open"), at(13, 0))
		due, _ := w.due(at(13, 0), at(13, 0), false)
		if len(due) != 1 || due[0].Kind != Night || !strings.Contains(due[0].Text, "does not know the time") {
			t.Errorf("told %+v", due)
		}
	})
}

func TestProblems(t *testing.T) {
	find := func(code health.Code) health.Problem {
		declared, ok := health.Find(code)
		if !ok {
			t.Fatalf("%s is not declared", code)
		}
		return health.Problem{Declared: declared, Subject: "garage"}
	}
	t.Run("only what is wanted", func(t *testing.T) {
		s := tell(config.Alerts{Problems: []string{"jam"}})
		s.problems = []health.Problem{find(health.BatteryLow), find(health.LockJammed)}
		s.until(at(13, 0), at(14, 0)).wants(t, "13:00 jam 1")
	})
	t.Run("a device that is away for a minute is no news, three minutes are", func(t *testing.T) {
		s := tell(config.Alerts{Problems: []string{"all"}})
		s.problems = []health.Problem{find(health.DeviceUnavailable)}
		s.pass(at(13, 0))
		s.problems = nil
		s.pass(at(13, 1))
		s.problems = []health.Problem{find(health.DeviceUnavailable)}
		s.until(at(13, 2), at(13, 5))
		s.problems = nil
		s.pass(at(13, 6)).wants(t, "13:04 device-lost 1", "13:06 device-lost over 1")
	})
	t.Run("all but what the alerts themselves are about, and what is only to be known", func(t *testing.T) {
		for _, declared := range health.All() {
			s := tell(config.Alerts{Problems: []string{"all"}})
			s.problems = []health.Problem{{Declared: declared}}
			s.until(at(13, 0), at(13, 30))
			want := 1
			if declared.Code == health.AlertUndelivered || declared.Severity == health.Info {
				want = 0
			}
			if len(s.told) != want {
				t.Errorf("%s: told %q", declared.Code, s.told)
			}
		}
	})
}

// Whatever happens: no alert about a closed door, none twice within the pause, an end only after a
// beginning.
func TestAlertsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config.Alerts{LeftOpen: 10 * time.Minute, Repeat: 15 * time.Minute, Night: "22:00-06:00"}
		if rapid.Bool().Draw(t, "quiet") {
			c.Quiet = "20:00-08:00"
		}
		w := newWatcher(rulesOf(&c))
		now, open := at(rapid.IntRange(0, 23).Draw(t, "hour"), 0), false
		last, told := map[Kind]time.Time{}, map[Kind]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(1, 1800).Draw(t, "seconds")) * time.Second)
			word := rapid.SampledFrom([]string{"", "closed", "open", "unknown", "closing"}).Draw(t, "state")
			if word != "" {
				w.seen(door(word), now)
				open = word == "open" || word == "closing" || word == "unknown" && open
			}
			due, again := w.due(now, now, true)
			if !again.After(now) {
				t.Fatalf("to be asked again at %v, and it is %v", again, now)
			}
			for _, a := range due {
				switch {
				case a.Over && open:
					t.Fatalf("told closed while open: %+v", a)
				case a.Over && !told[a.Kind]:
					t.Fatalf("an end without a beginning: %+v", a)
				case a.Over:
					clear(told)
					clear(last)
				case !open:
					t.Fatalf("told open while closed: %+v", a)
				case a.Times > 1 && now.Sub(last[a.Kind]) < c.Repeat:
					t.Fatalf("again after %v: %+v", now.Sub(last[a.Kind]), a)
				default:
					last[a.Kind], told[a.Kind] = now, true
				}
			}
		}
	})
}

func TestDaily(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := daily{rapid.IntRange(0, minutesOfDay-1).Draw(t, "from"), rapid.IntRange(0, minutesOfDay-1).Draw(t, "to")}
		if d.from == d.to {
			d.to = (d.to + 1) % minutesOfDay
		}
		// around both changes of the clock
		start := time.Date(2026, rapid.SampledFrom([]time.Month{3, 10, 7}).Draw(t, "month"), 28, 0, 0, 0, 0, paris)
		now := start.Add(time.Duration(rapid.IntRange(0, 5*24*3600).Draw(t, "second")) * time.Second)
		next := d.next(now)
		if !next.After(now) || next.Sub(now) > 49*time.Hour {
			t.Fatalf("after %v comes %v", now, next)
		}
		local := now.Hour()*60 + now.Minute()
		want := (local >= d.from && local < d.to) || (d.from > d.to && (local >= d.from || local < d.to))
		if d.contains(now) != want {
			t.Fatalf("%v in %v: %v", now, d, !want)
		}
	})
}
