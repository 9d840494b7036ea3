package alerts

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// rules are what the owner wants to be told, and when.
type rules struct {
	leftOpen time.Duration // 0: not at all
	night    *daily        // nil: not at all
	quiet    *daily        // nil: never quiet
	repeat   time.Duration // 0: told once
	problems map[Kind]bool // nil: none
	all      bool          // every problem of the house
}

func rulesOf(c *config.Alerts) rules {
	r := rules{leftOpen: c.LeftOpen, repeat: c.Repeat, problems: map[Kind]bool{}}
	for at, text := range map[**daily]string{&r.night: c.Night, &r.quiet: c.Quiet} {
		if from, to, err := config.ParseDaily(text); err == nil {
			*at = &daily{from, to}
		}
	}
	for _, p := range c.Problems {
		r.problems[Kind(p)] = true
		r.all = r.all || p == config.AllProblems
	}
	return r
}

// remind is how often a problem that nobody mended is told again.
const remind = 24 * time.Hour

// subject is what an alert is about.
type subject struct {
	kind   Kind
	device string
	code   health.Code // of a problem
}

// matter is something that the owner is, or will be, told of.
type matter struct {
	begun  time.Time // by the monotonic clock
	told   time.Time // the last time; zero: never
	times  int
	name   string
	title  string
	detail string
}

// place is what the watcher knows of one door.
type place struct {
	name  string
	open  bool
	since time.Time // since when it is not seen closed
}

// watcher decides what is told. It is pure: it has no clock and sends nothing. Both times that it takes
// are of one instant: now for durations (monotonic), wall for hours of the day, with whether the wall is
// trusted.
type watcher struct {
	rules    rules
	places   map[string]place
	problems []health.Problem
	matters  map[subject]matter
}

func newWatcher(r rules) *watcher {
	return &watcher{rules: r, places: map[string]place{}, matters: map[subject]matter{}}
}

// seen takes the state of a device. A door whose position is lost after it was open has not been seen
// closed; one that was closed and is lost has, until somebody sees it elsewhere.
func (w *watcher) seen(d api.Device, now time.Time) {
	open, known := openness(d)
	was, have := w.places[d.ID]
	switch {
	case !known && !have, d.Kind == api.KindKeypad:
		return
	case !known:
		open = was.open
	}
	since := was.since
	if open && !was.open {
		since = now
	}
	w.places[d.ID] = place{name: d.Name, open: open, since: since}
}

func openness(d api.Device) (open, known bool) {
	word := d.State.Position
	switch d.Kind {
	case api.KindLock:
		word = d.State.DoorOpen
	case api.KindContact:
		word = d.State.Open
	}
	switch word {
	case "closed", "no":
		return false, true
	case "open", "opening", "closing", "stopped", "yes":
		return true, true
	}
	return false, false
}

// forget drops the devices that are not among those that stay.
func (w *watcher) forget(stay []string) {
	for id := range w.places {
		if !slices.Contains(stay, id) {
			delete(w.places, id)
		}
	}
	for s := range w.matters {
		if s.code == "" && w.places[s.device].name == "" {
			delete(w.matters, s)
		}
	}
}

// due returns what is to be told now, and when to ask again at the latest.
func (w *watcher) due(now, wall time.Time, trusted bool) ([]Alert, time.Time) {
	current := w.current(now, wall, trusted)
	quiet := w.rules.quiet != nil && trusted && w.rules.quiet.contains(wall)
	var out []Alert
	again := now.Add(time.Hour)
	sooner := func(at time.Time) {
		if at.Before(again) {
			again = at
		}
	}
	for s, m := range w.matters {
		if _, on := current[s]; on || (quiet && !s.kind.urgent()) {
			continue
		}
		delete(w.matters, s)
		if m.times > 0 && !w.stillOpen(s) && !alreadyOver(out, s) {
			out = append(out, m.alert(s, wall, true))
		}
	}
	for s, m := range current {
		if old, ok := w.matters[s]; ok {
			m.begun, m.told, m.times = old.begun, old.told, old.times
		}
		w.matters[s] = m
		at, wanted := w.next(s, m)
		switch {
		case !wanted:
		case quiet && !s.kind.urgent():
			// at the end of the quiet hours, which are asked for below
		case at.After(now):
			sooner(at)
		default:
			m.told, m.times = now, m.times+1
			w.matters[s] = m
			out = append(out, m.alert(s, wall, false))
			if at, wanted := w.next(s, m); wanted {
				sooner(at)
			}
		}
	}
	for _, d := range []*daily{w.rules.night, w.rules.quiet} {
		if d != nil {
			sooner(now.Add(min(d.next(wall).Sub(wall), time.Minute))) // the wall may jump
		}
	}
	slices.SortFunc(out, func(a, b Alert) int { return strings.Compare(a.ID, b.ID) })
	return out, again
}

// current is everything that is so now.
func (w *watcher) current(now, wall time.Time, trusted bool) map[subject]matter {
	out := map[subject]matter{}
	night := w.rules.night != nil && (!trusted || w.rules.night.contains(wall))
	for id, p := range w.places {
		if !p.open {
			continue
		}
		if w.rules.leftOpen > 0 {
			detail := fmt.Sprintf("It has been open for %s.", words(max(now.Sub(p.since), w.rules.leftOpen)))
			out[subject{kind: LeftOpen, device: id}] = matter{begun: p.since, name: p.name, title: p.name + " is open", detail: detail}
		}
		if night {
			detail := "It is " + wall.Format("15:04") + "."
			if !trusted {
				detail = "It may be night: this machine does not know the time."
			}
			out[subject{kind: Night, device: id}] = matter{begun: now, name: p.name, title: p.name + " is open at night", detail: detail}
		}
	}
	for _, p := range w.problems {
		kind := kindOf(p.Code)
		if wanted := w.rules.problems[kind] || w.rules.all && p.Severity > health.Info; !wanted || own(p.Code) {
			continue
		}
		name := p.Subject
		if known, ok := w.places[p.Subject]; ok {
			name = known.name
		}
		title := p.Title
		if name != "" {
			title = name + ": " + title
		}
		detail := strings.Join(strings.Fields(p.Text+" "+p.Detail+" "+p.Remedy), " ")
		out[subject{kind: kind, device: p.Subject, code: p.Code}] = matter{begun: now, name: name, title: title, detail: detail}
	}
	return out
}

// own reports whether a problem is about the alerts themselves: an alert about it would go nowhere.
func own(code health.Code) bool { return code == health.AlertUndelivered }

// next is when a matter is told; wanted is false if it was and is not told again.
func (w *watcher) next(s subject, m matter) (at time.Time, wanted bool) {
	switch {
	case m.times == 0 && s.kind == LeftOpen:
		return m.begun.Add(w.rules.leftOpen), true
	case m.times == 0:
		return m.begun.Add(s.kind.patience()), true
	case s.kind == LeftOpen || s.kind == Night:
		return m.told.Add(w.rules.repeat), w.rules.repeat > 0
	}
	return m.told.Add(remind), w.rules.repeat > 0
}

// stillOpen reports whether the matter ended only because the night did.
func (w *watcher) stillOpen(s subject) bool { return s.code == "" && w.places[s.device].open }

// alreadyOver reports whether the end of a door's other matter was told in the same breath.
func alreadyOver(out []Alert, s subject) bool {
	return s.code == "" && slices.ContainsFunc(out, func(a Alert) bool {
		return a.Over && a.Device == s.device && (a.Kind == LeftOpen || a.Kind == Night)
	})
}

func (m matter) alert(s subject, wall time.Time, over bool) Alert {
	a := Alert{
		ID:   fmt.Sprintf("%s-%s-%s-%d-%d", s.kind, s.device, s.code, wall.Unix(), m.times),
		Kind: s.kind, Device: s.device, Name: m.name, Title: m.title, Text: m.detail, At: wall.Truncate(time.Second),
		Times: m.times, Over: over, Urgent: s.kind.urgent(),
	}
	switch {
	case over && s.code == "":
		a.Title, a.Text = m.name+" is closed", "It was told open before."
	case over:
		a.Title, a.Text = "Over: "+m.title, "This is no longer so."
	}
	return a
}

// words is a duration as people say it.
func words(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprint(n, " ", unit, "s")
	}
	switch {
	case d < time.Minute:
		return count(int(d/time.Second), "second")
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	}
	return count(int(d/time.Hour), "hour")
}
