package clock

import (
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
)

type memory map[string][]byte

func (m memory) Get(key string) ([]byte, bool, error) { v, ok := m[key]; return v, ok, nil }

func (m memory) Apply(changes map[string][]byte) error {
	for key, v := range changes {
		m[key] = v
	}
	return nil
}

type broken struct{ memory }

func (broken) Get(string) ([]byte, bool, error) { return nil, false, errors.New("damaged") }

// lost is a machine whose clock woke up in 1970 and that nothing sets right.
func lost(boot string) machine {
	return machine{
		wall:   func() time.Time { return time.Unix(3600, 0) },
		up:     func() time.Duration { return time.Hour },
		synced: func() bool { return false },
		boot:   boot,
	}
}

func TestKeeperNeverGoesBelowWhatWasKept(t *testing.T) {
	space := memory{}
	good := lost("a")
	when := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	good.wall, good.synced = func() time.Time { return when }, func() bool { return true }
	first := NewKeeper(Options{machine: good})
	if err := first.Recall(space); err != nil {
		t.Fatal(err)
	}
	if _, trust := first.Now(); trust != "trusted" {
		t.Fatalf("trust is %q", trust)
	}
	if err := first.Keep(); err != nil {
		t.Fatal(err)
	}
	next := NewKeeper(Options{machine: lost("b")})
	if now, _ := next.Now(); now.Year() != 1970 {
		t.Fatalf("before the record is known it is %v", now)
	}
	if err := next.Recall(space); err != nil {
		t.Fatal(err)
	}
	if floor := next.Clock().Floor(); floor.Before(when) {
		t.Errorf("the floor is %v, before %v", floor, when)
	}
	if _, trust := next.Now(); trust != "floor" {
		t.Errorf("a lost clock is %q", trust)
	}
}

func TestKeeperWithADamagedRecordTrustsNothing(t *testing.T) {
	k := NewKeeper(Options{machine: lost("b")})
	if err := k.Recall(broken{}); err == nil {
		t.Error("nobody hears of the damage")
	}
	if err := k.Recall(memory{keptKey: []byte("{")}); err == nil {
		t.Error("nobody hears of the damage")
	}
	if _, trust := k.Now(); trust != "floor" {
		t.Errorf("trust is %q", trust)
	}
}

// For how long nobody has known the time is counted on over restarts: a power cut wins a guest no grace.
func TestTheTimeWithoutAClockAddsUp(t *testing.T) {
	space := memory{}
	when := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	f := &fake{at: when, sync: true, boot: "a"}
	first := NewKeeper(f.options())
	if m := first.Moment(); m.Trust != access.Trusted || m.Lost != 0 || !m.Now.Equal(when) {
		t.Errorf("%+v", m)
	}
	if err := errors.Join(first.Recall(space), first.Keep()); err != nil {
		t.Fatal(err)
	}
	lost := time.Duration(0)
	for range 3 {
		f = &fake{at: time.Unix(60, 0), boot: f.boot + "a"}
		k := NewKeeper(f.options())
		if err := k.Recall(space); err != nil {
			t.Fatal(err)
		}
		f.pass(40 * time.Minute)
		lost += 40 * time.Minute
		if m := k.Moment(); m.Trust != access.TrustFloor || m.Lost != lost || m.Floor.Before(when) {
			t.Errorf("%+v, want %s lost", m, lost)
		}
		if err := k.Keep(); err != nil {
			t.Fatal(err)
		}
		if f.at, f.sync = when.Add(24*time.Hour), lost == 2*time.Hour; f.sync {
			if m := k.Moment(); m.Trust != access.Trusted || m.Lost != 0 {
				t.Errorf("known again: %+v", m)
			}
		}
	}
}
