package clock

import (
	"errors"
	"testing"
	"time"
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
