package homekit

import (
	"fmt"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// promptly is the limit for the answer to a write: people wait for it. It is generous, for a machine
// that runs other tests at the same time.
const promptly = time.Second

// shortestWarning is what nobody can configure away before an unattended close.
const shortestWarning = 5 * time.Second

// aFewSeconds is enough for a move of a simulated door at the speeds used here, and a warning.
const aFewSeconds = 20 * time.Second

func TestAGarageOpensAndClosesWithAWarning(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{Args: []string{"--speed", "4"}})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target, garage.obstructed)

	w := h.owner.MustWrite(t, garage.target, DoorOpen)
	if w.Took() > promptly {
		t.Errorf("opening was answered after %v", w.Took())
	}
	opening := awaitMessage(t, h.owner, garage.current, DoorOpening, 5*time.Second)
	if !opening.Has(garage.target, DoorOpen) {
		t.Errorf("opening without its target: %v", opening.Values)
	}
	open := awaitMessage(t, h.owner, garage.current, DoorOpen, aFewSeconds)
	if open.At.Before(opening.At) {
		t.Error("open came before opening")
	}
	h.wantPulses(t, "garage", 1)
	if at := h.Sim(t, "garage").Position; at != 1 {
		t.Errorf("the door is shown open at %v", at)
	}

	h.owner.ForgetMessages()
	w = h.owner.MustWrite(t, garage.target, DoorClosed)
	if w.Took() > promptly {
		t.Errorf("a warned close was answered after %v", w.Took())
	}
	e2e.Until(t, time.Second, func() string {
		if !h.Device(t, "garage").State.Warning {
			return "the warning to be shown"
		}
		return ""
	})
	closing := awaitMessage(t, h.owner, garage.current, DoorClosing, aFewSeconds)
	if !closing.Has(garage.target, DoorClosed) {
		t.Errorf("closing without its target: %v", closing.Values)
	}
	awaitMessage(t, h.owner, garage.current, DoorClosed, aFewSeconds)
	h.wantPulses(t, "garage", 2)
	wantWarned(t, h.Loquet, "garage")
	if now := h.owner.MustRead(t, garage.current); !same(now, DoorClosed) {
		t.Errorf("at the end the door reads %v", now)
	}
}

func TestAWriteThatIsNotPreparedOrIsWrongMovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{})
	garage, front := h.door(t, "garage"), h.lock(t, "front")

	cases := []struct {
		name  string
		value any
		how   Timed
	}{
		{"late", DoorOpen, Timed{TTL: 200 * time.Millisecond, Wait: 500 * time.Millisecond}},
		{"another prepare", DoorOpen, Timed{WrongPID: true}},
		{"two", 2, Timed{}},
		{"below", -1, Timed{}},
		{"a fraction", 0.5, Timed{}},
		{"text", "0", Timed{}},
		{"false, which would be open", false, Timed{}},
		{"nothing", nil, Timed{}},
		{"a list", []int{}, Timed{}},
	}
	for _, target := range []ID{garage.target, front.target} {
		for _, c := range cases {
			w, err := h.owner.Write(target, c.value, c.how)
			if err != nil {
				t.Fatalf("%v, %s: %v", target, c.name, err)
			}
			if w.Status != StatusInvalid {
				t.Errorf("%v, %s: HTTP %d, status %d, want %d", target, c.name, w.HTTP, w.Status, StatusInvalid)
			}
		}
		w, err := h.owner.WriteUntimed(target, DoorOpen)
		if err != nil {
			t.Fatal(err)
		}
		if w.Status != StatusInvalid {
			t.Errorf("%v, not prepared: HTTP %d, status %d, want %d", target, w.HTTP, w.Status, StatusInvalid)
		}
	}
	h.wantPulses(t, "garage", 0)
	h.wantPulses(t, "front", 0)
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.wantPulses(t, "garage", 1)
}

func TestAWallButtonMovesTargetAndCurrentTogether(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{Args: []string{"--speed", "4"}})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target)
	steps := []struct{ moving, target, end int }{
		{DoorOpening, DoorOpen, DoorOpen},
		{DoorClosing, DoorClosed, DoorClosed},
	}
	for _, s := range steps {
		h.owner.ForgetMessages()
		h.Event(t, "garage", "wall-button")
		message := awaitMessage(t, h.owner, garage.current, s.moving, 5*time.Second)
		if !message.Has(garage.target, s.target) {
			t.Errorf("%v came without target %d", message.Values, s.target)
		}
		awaitMessage(t, h.owner, garage.current, s.end, aFewSeconds)
	}
	h.wantPulses(t, "garage", 0)
	if cause := h.Device(t, "garage").State.Cause; cause.Kind != "outside" {
		t.Errorf("the cause is %+v, want outside", cause)
	}
}

func TestAnObstructionIsShownAndStopsAClose(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{Args: []string{"--speed", "6"}})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target, garage.obstructed)
	h.owner.MustWrite(t, garage.target, DoorOpen)
	awaitMessage(t, h.owner, garage.current, DoorOpen, aFewSeconds)

	h.Event(t, "garage", "obstruct")
	awaitMessage(t, h.owner, garage.obstructed, true, 5*time.Second)
	w, err := h.owner.Write(garage.target, DoorClosed, Timed{})
	if err != nil {
		t.Fatal(err)
	}
	if w.HTTP == 204 {
		t.Error("a close was accepted although something stands in the way")
	}
	e2e.Always(t, shortestWarning+2*time.Second, func() string {
		if n := h.Sim(t, "garage").PulsesTotal; n != 1 {
			return fmt.Sprintf("no pulse but the one that opened; there are %d", n)
		}
		return ""
	})
	if now := h.owner.MustRead(t, garage.target); !same(now, DoorOpen) {
		t.Errorf("the target reads %v after a refused close, want open", now)
	}

	h.owner.ForgetMessages()
	h.Event(t, "garage", "clear")
	awaitMessage(t, h.owner, garage.obstructed, false, 5*time.Second)
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	guest.MustWrite(t, garage.target, DoorClosed)
	awaitMessage(t, h.owner, garage.current, DoorClosed, aFewSeconds)
	h.wantPulses(t, "garage", 2)
	wantWarned(t, h.Loquet, "garage")
}

func TestLocksLockAndUnlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{Args: []string{"--speed", "2"}})
	front, studio := h.lock(t, "front"), h.lock(t, "studio")
	h.owner.Subscribe(t, front.current, front.target, studio.current, studio.target)

	for _, aim := range []int{LockUnsecured, LockSecured} {
		h.owner.ForgetMessages()
		w := h.owner.MustWrite(t, front.target, aim)
		if w.Took() > promptly {
			t.Errorf("writing %d was answered after %v", aim, w.Took())
		}
		awaitMessage(t, h.owner, front.current, aim, aFewSeconds)
		// Two edges of one relay are at least 2 s apart.
		e2e.Apart(t, 2*time.Second)
	}
	h.wantPulses(t, "front", 2)

	// A strike lets go by itself: it is secured again after its hold, target and all.
	h.owner.ForgetMessages()
	h.owner.MustWrite(t, studio.target, LockUnsecured)
	awaitMessage(t, h.owner, studio.current, LockUnsecured, 5*time.Second)
	secured := awaitMessage(t, h.owner, studio.current, LockSecured, aFewSeconds)
	if !secured.Has(studio.target, LockSecured) {
		t.Errorf("the strike is secured without its target: %v", secured.Values)
	}
	h.wantPulses(t, "studio", 1)
}

// wantWarned requires of every close in the history of a door that its warning began at least 5 s
// before its intent.
func wantWarned(t *testing.T, q *e2e.Loquet, id string) {
	t.Helper()
	var warning time.Time
	for _, row := range q.History(t, id) {
		switch {
		case row.Kind == "warning":
			warning = row.At
		case row.Kind == "intent" && row.Action == "close" && warning.IsZero():
			t.Errorf("%s: a close without a warning: %+v", id, row)
		case row.Kind == "intent" && row.Action == "close" && row.At.Sub(warning) < shortestWarning:
			t.Errorf("%s: a close %v after its warning", id, row.At.Sub(warning))
		case row.Kind == "outcome":
			warning = time.Time{}
		}
	}
}
