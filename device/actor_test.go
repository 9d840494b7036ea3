package device_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// bench is a door on a bench, in a synctest bubble.
type bench struct {
	interrupted bool // the journal knows a move without an end
	t           *testing.T
	opener      *devicetest.Opener
	journal     *devicetest.Journal
	memory      *devicetest.Memory
	door        *device.Door
	stop        func()

	mu      sync.Mutex
	states  []device.DoorState
	notices []device.Notice
}

func twoContacts() device.DoorTraits {
	return device.DoorTraits{Drive: device.DrivePulse, SensesClosed: true, SensesOpen: true, Warns: true, Refreshes: true}
}

func garage() device.DoorConfig {
	return device.DoorConfig{ID: "garage", Name: "Garage", Kind: device.KindSectional, Traits: twoContacts(), Travel: 12 * time.Second, RemoteClose: device.RemoteCloseWarned}
}

// newBench starts a door at a place and waits until it is known.
func newBench(t *testing.T, cfg device.DoorConfig, at device.Place) *bench {
	t.Helper()
	b := &bench{t: t, journal: &devicetest.Journal{}, memory: &devicetest.Memory{}}
	b.opener = &devicetest.Opener{ID: cfg.ID, Traits: cfg.Traits, Travel: 12 * time.Second, Journal: b.journal}
	b.opener.Put(at)
	b.start(cfg)
	time.Sleep(time.Second)
	synctest.Wait()
	return b
}

func (b *bench) start(cfg device.DoorConfig) {
	b.t.Helper()
	door, err := device.NewDoor(cfg, b.opener, device.Deps[device.DoorState]{
		Journal: b.journal, Memory: b.memory, Interrupted: b.interrupted,
		Publish: func(s device.DoorState) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.states = append(b.states, s)
		},
		Notice: func(n device.Notice) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.notices = append(b.notices, n)
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	b.door = door
	ctx, cancel := context.WithCancel(b.t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { door.Run(ctx) })
	b.stop = func() { cancel(); wg.Wait() }
	synctest.Wait()
}

// restart is a new process with the same world, journal and memory.
func (b *bench) restart(cfg device.DoorConfig) {
	b.t.Helper()
	b.stop()
	b.start(cfg)
}

func by(who string) device.Cause { return device.Cause{Kind: device.CauseHomeKit, Actor: who} }

func keypad() device.Cause {
	return device.Cause{Kind: device.CauseCode, Actor: "code-1", Place: "pad"}
}

func (b *bench) do(a device.Action, c device.Cause) (device.Answer, error) {
	return b.door.Command(context.Background(), device.Command{Action: a, Cause: c})
}

func (b *bench) confirm(a device.Action, c device.Cause) (device.Answer, error) {
	return b.door.Command(context.Background(), device.Command{Action: a, Cause: c, Confirm: true})
}

// pulses checks how many there were by now, and that the journal allowed each.
func (b *bench) pulses(want int) {
	b.t.Helper()
	synctest.Wait()
	if got := len(b.opener.Triggers()); got != want {
		b.t.Fatalf("%d pulses, want %d", got, want)
	}
	for _, err := range b.opener.Violations() {
		b.t.Error(err)
	}
}

func (b *bench) position(p device.Position, target device.Target) {
	b.t.Helper()
	synctest.Wait()
	if s := b.door.State(); s.Position != p || s.Target != target {
		b.t.Fatalf("the door is %v, target %v; want %v, %v", s.Position, s.Target, p, target)
	}
}

func (b *bench) rows(want ...string) {
	b.t.Helper()
	synctest.Wait()
	var got []string
	for _, r := range b.journal.Rows(device.EntryWarning, device.EntryIntent, device.EntryStarted, device.EntryReleased, device.EntryOutcome) {
		s := r.Kind.String()
		if r.Outcome != device.OutcomeNone {
			s += " " + r.Outcome.String()
		}
		got = append(got, s)
	}
	if len(got) != len(want) {
		b.t.Fatalf("rows %q, want %q", got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			b.t.Fatalf("rows %q, want %q", got, want)
		}
	}
}

func code(t *testing.T, err error, want device.RefusalCode) {
	t.Helper()
	var ref *device.Refusal
	if !errors.As(err, &ref) {
		t.Fatalf("got %v, want a refusal as %s", err, want)
	}
	if ref.Code != want {
		t.Fatalf("refused as %s (%v), want %s", ref.Code, err, want)
	}
	if ref.Why == "" || ref.Remedy == "" {
		t.Fatalf("refusal %s without a why or a remedy", ref.Code)
	}
}

func accepted(t *testing.T, a device.Answer, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if a.Already || a.Intent == 0 {
		t.Fatalf("answer %+v, want an intent", a)
	}
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

func TestOpenAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		b.position(device.PositionClosed, device.TargetClosed)
		b.pulses(0)
		began := time.Now()
		a, err := b.do(device.ActionOpen, by("anna"))
		accepted(t, a, err)
		if took := time.Since(began); took != 0 {
			t.Errorf("a fresh and still door waited %v", took)
		}
		b.position(device.PositionOpening, device.TargetOpen)
		time.Sleep(13 * time.Second)
		b.position(device.PositionOpen, device.TargetOpen)
		b.rows("intent", "started", "released", "outcome reached")

		a, err = b.do(device.ActionClose, by("anna"))
		accepted(t, a, err)
		if !a.Warning {
			t.Errorf("answer %+v, want a warning", a)
		}
		b.position(device.PositionOpen, device.TargetClosed)
		if !b.door.State().Warning {
			t.Error("no warning in the state")
		}
		time.Sleep(4900 * time.Millisecond)
		b.pulses(1)
		time.Sleep(200 * time.Millisecond)
		b.pulses(2)
		b.position(device.PositionClosing, device.TargetClosed)
		time.Sleep(13 * time.Second)
		b.position(device.PositionClosed, device.TargetClosed)
		b.rows("intent", "started", "released", "outcome reached", "warning", "intent", "started", "released", "outcome reached")
		if w := b.opener.Warnings(); len(w) != 2 || !w[0] || w[1] {
			t.Errorf("warnings %v, want on and off", w)
		}
		if b.door.Busy() {
			t.Error("busy at rest")
		}
		b.stop()
	})
}

func TestOnePulse(t *testing.T) {
	type write struct {
		after time.Duration
		who   string
	}
	ms := time.Millisecond
	for _, c := range []struct {
		name   string
		writes []write
		stuck  bool
	}{
		{"four in half a second", []write{{0, "a"}, {150 * ms, "a"}, {150 * ms, "a"}, {200 * ms, "a"}}, false},
		{"two in 75 ms", []write{{0, "a"}, {75 * ms, "a"}}, false},
		{"again after 13 s", []write{{0, "a"}, {13 * time.Second, "a"}}, false},
		{"two controllers at once", []write{{0, "a"}, {0, "b"}}, false},
		{"all of it", []write{{0, "a"}, {0, "b"}, {75 * ms, "a"}, {200 * ms, "b"}, {13 * time.Second, "a"}}, false},
		{"a stuck contact", []write{{0, "a"}, {0, "b"}, {75 * ms, "a"}, {13 * time.Second, "a"}, {10 * time.Second, "b"}, {10 * time.Second, "a"}}, true},
	} {
		bubble(t, c.name, func(t *testing.T) {
			b := newBench(t, garage(), device.PlaceClosed)
			b.opener.Stick(c.stuck)
			var wg sync.WaitGroup
			for _, w := range c.writes {
				time.Sleep(w.after)
				wg.Go(func() { b.do(device.ActionOpen, by(w.who)) })
			}
			wg.Wait()
			b.pulses(1)
			time.Sleep(time.Minute)
			b.pulses(1)
			b.stop()
		})
	}
}
