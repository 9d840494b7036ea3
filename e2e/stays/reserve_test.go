package stays

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
)

// flat is a property whose only door is a Z-Wave lock that keeps codes, and its host at the command line. The bridge is one
// that does not wait for minutes until a lock counts as away.
type flat struct {
	home *e2e.Host
	z    zwave
	q    *e2e.Loquet
}

func newFlat(t *testing.T) *flat {
	t.Helper()
	binary := e2e.Build(t, "hurried")
	home, _ := lab.Pair(t)
	f := &flat{home: home, z: startZWave(t, home)}
	f.q = lab.Start(t, e2e.Options{Host: home, Binary: binary, Config: "home: {name: Flat, zone: UTC}\nguests: {spares: 1}\n" +
		"locks:\n  front: {name: Front door, bolt: {driver: zwave, url: \"ws://127.0.0.1:" + zwavePort + "\", node: 2}}\n"})
	f.q.Await(t, "front", "secured", limit)
	f.q.Do(t, http.MethodPost, "/api/v1/clock/confirm", map[string]any{"at": time.Now()}, nil)
	f.runs(t, "calendars", "add", "Flat", "--by-hand", "--doors", "front")
	return f
}

// runs is what the host reads after a command.
func (f *flat) runs(t *testing.T, args ...string) string {
	t.Helper()
	return e2e.Run(t, e2e.Command{Name: f.q.Options.Binary, Args: append(args, "--state", f.q.Options.State)}, limit)
}

// books enters a guest who comes in so long and stays for a day.
func (f *flat) books(t *testing.T, name string, in time.Duration) {
	t.Helper()
	from := time.Now().UTC().Add(in)
	const minute = "2006-01-02T15:04"
	f.runs(t, "stays", "add", "--property", "Flat", "--name", name, "--from", from.Format(minute), "--to", from.Add(24*time.Hour).Format(minute))
}

// guest is a guest and what is told of them.
func (f *flat) guest(t *testing.T, name string) (s api.Stay, problem api.Problem) {
	t.Helper()
	var all []api.Stay
	f.q.Do(t, http.MethodGet, "/api/v1/stays", nil, &all)
	i := slices.IndexFunc(all, func(s api.Stay) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("%s is none of %d guests", name, len(all))
	}
	var health api.Health
	f.q.Do(t, http.MethodGet, "/api/v1/health", nil, &health)
	for _, p := range health.Problems {
		if p.Subject == all[i].ID {
			problem = p
		}
	}
	return all[i], problem
}

// line is the line of a guest in the list that the host reads.
func (f *flat) line(t *testing.T, name string) string {
	t.Helper()
	for line := range strings.Lines(f.runs(t, "stays", "list")) {
		if strings.Contains(line, name) {
			return line
		}
	}
	return ""
}

// spare waits until the code in reserve is read back from the lock, and asks the lock itself what it is.
func (f *flat) spare(t *testing.T) (slot int, pin string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		var all []api.Code
		f.q.Do(t, http.MethodGet, "/api/v1/codes", nil, &all)
		for _, code := range all {
			if code.Spare == "waiting" && len(code.Copies) == 1 && code.Copies[0].State == "confirmed" {
				slot = code.Copies[0].Slot
				return ""
			}
		}
		return fmt.Sprintf("a code in reserve that is read back from the lock: %+v", all)
	})
	return slot, f.z.slot(t, f.home, slot)
}

// TestTheCodeInReserve is the host's worst afternoon: the codes were sent, and the lock falls silent. The check of the last day
// finds it, and that of the last two hours; whoever comes first has the code that the lock holds already.
func TestTheCodeInReserve(t *testing.T) { // alone: two Z-Wave sticks at once are much for a small machine
	f := newFlat(t)
	f.books(t, "Ada", 90*time.Minute)
	f.books(t, "Bob", 100*time.Minute)
	f.books(t, "Cyd", 23*time.Hour)
	f.books(t, "Dan", 25*time.Hour)
	slot, pin := f.spare(t)
	names := []string{"Ada", "Bob", "Cyd", "Dan"}
	ready := func() string {
		for _, name := range names {
			if s, p := f.guest(t, name); !s.Ready || p.Code != "" {
				return fmt.Sprintf("a code of %s that is ready: %+v, %+v", name, s, p)
			}
		}
		return ""
	}
	e2e.Until(t, limit, ready)
	var sent api.StayMessage
	if err := json.Unmarshal([]byte(f.runs(t, "stays", "message", "Ada", "--json")), &sent); err != nil || sent.Fallback || sent.PIN == pin {
		t.Fatalf("%v, a code of %d digits, %v", err, len(sent.PIN), sent.Fallback)
	}

	f.z.happens(t, map[string]any{"silent": true})
	const send = "front: " + silent + "; its lock holds the code in reserve: send that one (loquet stays message)"
	e2e.Until(t, limit, func() string {
		for name, want := range map[string]api.Problem{
			"Ada": {Code: "stay-fallback", Detail: send},
			"Bob": {Code: "stay-not-ready", Detail: "the guest comes within two hours: front: " + silent},
			"Cyd": {Code: "stay-not-ready", Detail: "front: " + silent},
			"Dan": {},
		} {
			if s, p := f.guest(t, name); p.Code != want.Code || p.Detail != want.Detail || (s.Fallback != nil) != (name == "Ada") {
				return fmt.Sprintf("to be told of %s: %s, %q; it is %s, %q", name, want.Code, want.Detail, p.Code, p.Detail)
			}
		}
		return ""
	})
	if line := f.line(t, "Ada"); !strings.Contains(line, "not ready: "+send) {
		t.Errorf("the host reads: %s", line)
	}
	text := f.runs(t, "stays", "message", "Ada")
	if !strings.Contains(text, "Please use this code") || !strings.Contains(text, "is "+pin+".") || strings.Contains(text, sent.PIN) {
		t.Errorf("the host sends: %s", strings.NewReplacer(sent.PIN, "(the first)", pin, "(the one in reserve)").Replace(text))
	}
	e2e.Until(t, limit, func() string {
		if s, p := f.guest(t, "Ada"); !s.Ready || p.Code != "" || s.Fallback == nil || s.Fallback.Told.IsZero() {
			return fmt.Sprintf("the host to have done all there is to do for Ada: %+v, %+v", s, p)
		}
		return ""
	})

	// She types it at the lock, which nobody has written to since.
	f.z.happens(t, map[string]any{"silent": false})
	e2e.Until(t, 2*limit, func() string {
		if !f.q.Device(t, "front").Available {
			return "a lock that is back"
		}
		return ""
	})
	f.z.happens(t, map[string]any{"notify": 6, "user": slot})
	f.z.happens(t, map[string]any{"turn": 0})
	d := f.q.Await(t, "front", "unsecured", limit)
	if s, _ := f.guest(t, "Ada"); d.State.Cause.Kind != "code" || d.State.Cause.Actor != s.Fallback.CodeID {
		t.Errorf("it was opened by %+v, Ada has the code %+v", d.State.Cause, s.Fallback)
	}
	if got := f.z.slot(t, f.home, slot); got != pin {
		t.Errorf("slot %d of the lock holds a code of %d digits, another than was sent", slot, len(got))
	}
	e2e.Until(t, 2*limit, ready)
	if next, other := f.spare(t); next == slot || other == pin || other == "" {
		t.Errorf("in reserve for the next guest: place %d, %d digits", next, len(other))
	}
}
