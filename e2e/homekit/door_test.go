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

// shortly is enough for a move of a simulated door at the speeds used here, and a warning.
const shortly = 20 * time.Second

func TestAGarageOpensAndClosesWithAWarning(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{speed: 4})
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
	open := awaitMessage(t, h.owner, garage.current, DoorOpen, shortly)
	if open.At.Before(opening.At) {
		t.Error("open came before opening")
	}
	h.wantPulses(t, "garage", 1)
	if at := h.world.Status(t, "garage").Position; at != 1 {
		t.Errorf("the door is shown open at %v", at)
	}

	h.owner.ForgetMessages()
	w = h.owner.MustWrite(t, garage.target, DoorClosed)
	if w.Took() > promptly {
		t.Errorf("a warned close was answered after %v", w.Took())
	}
	e2e.Until(t, time.Second, func() string {
		if s := h.world.Status(t, "garage"); s.Lamp.Lasts == 0 || s.Beeper.Lasts == 0 {
			return "the lamp and the beeper to warn"
		}
		return ""
	})
	if !h.Device(t, "garage").State.Warning {
		t.Error("the API does not show the warning")
	}
	e2e.Always(t, shortestWarning-time.Since(w.Ended)-100*time.Millisecond, func() string {
		if n := h.pulses(t, "garage"); n != 1 {
			return fmt.Sprintf("no pulse during the warning; there are %d", n)
		}
		return ""
	})
	closing := awaitMessage(t, h.owner, garage.current, DoorClosing, shortly)
	// The target went down with the warning already.
	if aim, ok := h.owner.First(garage.target, DoorClosed); !ok || aim.At.After(closing.At) {
		t.Errorf("closing without its target: %v", h.owner.Messages())
	}
	awaitMessage(t, h.owner, garage.current, DoorClosed, shortly)
	h.wantPulses(t, "garage", 2)
	if now := h.owner.MustRead(t, garage.current); !same(now, DoorClosed) {
		t.Errorf("at the end the door reads %v", now)
	}
	move := h.world.Status(t, "garage").LastMove
	if move.Lamp < shortestWarning || move.Beeper < shortestWarning || move.Lamp > shortestWarning+2*time.Second {
		t.Errorf("it closed after %v of lamp and %v of beeper, want %v to %v", move.Lamp, move.Beeper, shortestWarning, shortestWarning+2*time.Second)
	}
	e2e.Until(t, time.Second, func() string {
		if s := h.world.Status(t, "garage"); s.Lamp.On || s.Beeper.On || s.Energised {
			return fmt.Sprintf("lamp, beeper and relay to rest: %+v", s)
		}
		return ""
	})
	if api := h.Sim(t, "garage"); api.Pulses != 2 || api.PulsesTotal != 2 || api.Position != 0 || api.Moving != "no" {
		t.Errorf("the API says of the simulated door %+v", api)
	}
}

func TestAWriteThatIsNotPreparedOrIsWrongMovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
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
	h := newHouse(t, setup{speed: 4})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target)
	for _, end := range []int{DoorOpen, DoorClosed} {
		h.owner.ForgetMessages()
		h.world.Happen(t, "garage", "wall-button")
		awaitMessage(t, h.owner, garage.current, end, shortly)
		messages := h.owner.Messages()
		if first := messages[0]; first.Has(garage.current, end) {
			t.Errorf("the end was shown before the movement: %v", messages)
		}
		// Who sees a target alone hangs at "Opening..." until the current state comes too.
		for _, m := range messages {
			if m.Has(garage.target, end) && !m.hasAny(garage.current) {
				t.Errorf("target %d came without the current state: %v", end, messages)
			}
		}
		if aim := h.owner.MustRead(t, garage.target); !same(aim, end) {
			t.Errorf("at the end the target is %v, want %d: %v", aim, end, messages)
		}
	}
	h.wantPulses(t, "garage", 0)
	if cause := h.Device(t, "garage").State.Cause; cause.Kind != "outside" {
		t.Errorf("the cause is %+v, want outside", cause)
	}
}

func TestAnObstructionIsShownAndStopsAClose(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{speed: 6})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target, garage.obstructed)
	h.owner.MustWrite(t, garage.target, DoorOpen)
	awaitMessage(t, h.owner, garage.current, DoorOpen, shortly)

	h.world.Happen(t, "garage", "obstruct")
	awaitMessage(t, h.owner, garage.obstructed, true, 5*time.Second)
	w, err := h.owner.Write(garage.target, DoorClosed, Timed{})
	if err != nil {
		t.Fatal(err)
	}
	if w.HTTP == 204 {
		t.Error("a close was accepted although something stands in the way")
	}
	e2e.Always(t, shortestWarning+2*time.Second, func() string {
		if n := h.pulses(t, "garage"); n != 1 {
			return fmt.Sprintf("no pulse but the one that opened; there are %d", n)
		}
		return ""
	})
	if now := h.owner.MustRead(t, garage.target); !same(now, DoorOpen) {
		t.Errorf("the target reads %v after a refused close, want open", now)
	}

	h.owner.ForgetMessages()
	h.world.Happen(t, "garage", "clear")
	awaitMessage(t, h.owner, garage.obstructed, false, 5*time.Second)
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	guest.MustWrite(t, garage.target, DoorClosed)
	awaitMessage(t, h.owner, garage.current, DoorClosed, shortly)
	h.wantPulses(t, "garage", 2)
}

func TestLocksLockAndUnlock(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{speed: 2})
	front, studio := h.lock(t, "front"), h.lock(t, "studio")
	h.owner.Subscribe(t, front.current, front.target, studio.current, studio.target)

	for _, aim := range []int{LockUnsecured, LockSecured} {
		h.owner.ForgetMessages()
		w := h.owner.MustWrite(t, front.target, aim)
		if w.Took() > promptly {
			t.Errorf("writing %d was answered after %v", aim, w.Took())
		}
		awaitMessage(t, h.owner, front.current, aim, shortly)
		// Two edges of one relay are at least 2 s apart.
		e2e.Apart(t, 2*time.Second)
	}
	h.wantPulses(t, "front", 2)

	// A strike lets go by itself: it is secured again after its hold, target and all.
	h.owner.ForgetMessages()
	h.owner.MustWrite(t, studio.target, LockUnsecured)
	awaitMessage(t, h.owner, studio.current, LockUnsecured, 5*time.Second)
	secured := awaitMessage(t, h.owner, studio.current, LockSecured, shortly)
	if aim, ok := h.owner.First(studio.target, LockSecured); !ok || aim.At.After(secured.At) {
		t.Errorf("the strike is secured without its target: %v", h.owner.Messages())
	}
	h.wantPulses(t, "studio", 1)
}
