package secplus

import (
	"fmt"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/hw/secplus/emulator"
)

// A day of a door: opened and closed from Apple Home. It closes after its warning and never during it. Each order is one
// press.
func TestADay(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.pressed(t, 0)
		owner, target := h.phone(t)
		owner.MustWrite(t, target, homekit.DoorOpen)
		h.await(t, "open")
		h.pressed(t, 1)
		owner.MustWrite(t, target, homekit.DoorClosed)
		e2e.Until(t, limit, func() string {
			if d := h.Device(t, "garage"); !d.State.Warning {
				return fmt.Sprintf("a warning: %+v", d)
			}
			return ""
		})
		if s := h.opener.Look(); s.Moving != emulator.Still || s.At != 1 {
			t.Errorf("during the warning the door is %+v", s)
		}
		h.await(t, "closed")
		h.pressed(t, 2)
		h.sees(t, "the button at rest", func(s emulator.State) bool { return !s.Held })
		h.Stop(t)
	})
}

// A door that is stopped half way stays there until somebody wants it closed. Each order is one press.
func TestHalfWay(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.order(t, "open")
		h.sees(t, "the door on its way", func(s emulator.State) bool { return s.At > 0.1 })
		h.order(t, "stop")
		h.sees(t, "the door half way", func(s emulator.State) bool { return s.Moving == emulator.Still && s.At > 0 && s.At < 1 })
		h.await(t, "stopped")
		h.pressed(t, 2)
		h.order(t, "close")
		h.await(t, "closed")
		h.pressed(t, 3)
	})
}

// Something in the way: no order to close is taken. What comes in the way of a closing door is shown, the opener takes
// the door up again, and nobody presses anything for it.
func TestObstructed(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.opener.Put(1, emulator.Still)
		h.await(t, "open")
		h.opener.Obstruct(true)
		blocked := func() string {
			if d := h.Device(t, "garage"); d.State.Obstructed != "yes" {
				return fmt.Sprintf("an obstruction: %+v", d)
			}
			return ""
		}
		e2e.Until(t, limit, blocked)
		if out, status := e2e.Output(t, e2e.Command{Name: lab.Binary(t), Args: []string{"close", "garage", "--state", h.Options.State}}, limit); status != 1 {
			t.Errorf("a close into what is in the way: %d\n%s", status, out)
		}
		h.pressed(t, 0)
		h.opener.Obstruct(false)
		e2e.Until(t, limit, func() string {
			if d := h.Device(t, "garage"); d.State.Obstructed != "no" {
				return fmt.Sprintf("the way to be free: %+v", d)
			}
			return ""
		})
		owner, target := h.phone(t)
		owner.MustWrite(t, target, homekit.DoorClosed)
		h.sees(t, "the door on its way down", func(s emulator.State) bool { return s.Moving == emulator.Down && s.At < 0.98 })
		h.opener.Obstruct(true)
		e2e.Until(t, limit, blocked)
		h.sees(t, "the door up again", func(s emulator.State) bool { return s.Moving == emulator.Still && s.At == 1 })
		h.await(t, "open")
		h.pressed(t, 1)
	})
}

// An opener without power is away, takes no order, and is there again when the power is; the door that stood still half
// way is not moved by it.
func TestPowerCut(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.order(t, "open")
		h.sees(t, "the door on its way", func(s emulator.State) bool { return s.At > 0.1 })
		h.opener.Power(false)
		if k.options.Version == 2 {
			h.Command(t, "garage", "close") // it is asked when somebody wants something, and after minutes
		}
		h.away(t)
		if a := h.Command(t, "garage", "stop"); a.Status != 409 || a.Remedy == "" {
			t.Errorf("an order to an opener without power: %+v", a)
		}
		if d := h.Device(t, "garage"); d.At() == "closed" {
			t.Errorf("%+v", d)
		}
		was := h.opener.Look()
		h.opener.Power(true)
		h.await(t, "stopped")
		if s := h.opener.Look(); s.At != was.At || s.At == 0 || s.At == 1 {
			t.Errorf("the door was %+v, and is %+v", was, s)
		}
		h.pressed(t, 1)
	})
}

// An opener that obeys and says nothing more: the order is not given twice, and where the door is nobody claims to know.
func TestSilentOpener(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.opener.Deaf(true)
		a := h.Command(t, "garage", "open")
		if a.Status != 409 || a.Remedy == "" {
			t.Errorf("an order that nobody answers: %+v", a)
		}
		h.away(t)
		h.opener.Deaf(false)
		h.await(t, map[bool]string{true: "open", false: "closed"}[len(h.opener.Look().Presses) > 0])
		if s := h.opener.Look(); len(s.Presses) > 1 || s.Dropped != 0 || s.Others != 0 {
			t.Errorf("the opener saw %+v", s)
		}
	})
}

// A bridge that is stopped, started, and killed in the middle of a press moves nothing by it: the button is let go, the
// codes go on where no other was, and the next order is one press.
func TestTheBridgeRestarts(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		for i := range 2 {
			if i == 0 {
				h.Kill(t)
				h.opener.unplug()
			} else {
				h.Stop(t)
			}
			h.Loquet = h.Again(t, nil)
			h.await(t, "closed")
			h.pressed(t, 0)
		}
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = h.TryCommand("garage", "open") // it dies on the way
		}()
		h.sees(t, "a press", func(s emulator.State) bool { return len(s.Presses) == 1 })
		h.Kill(t)
		<-answered
		h.opener.unplug()
		h.Loquet = h.Again(t, nil)
		h.await(t, "open")
		h.pressed(t, 1)
		if k.options.Version == 1 { // in 2.0 a press without its end is one as well
			h.sees(t, "the button let go", func(s emulator.State) bool { return !s.Held })
		}
		h.order(t, "close")
		h.await(t, "closed")
		h.pressed(t, 2)
	})
}

// Somebody else at a button, and a port that is pulled out: the door is seen to move, and is not moved.
func TestOthersMoveIt(t *testing.T) {
	every(t, func(t *testing.T, k kind) {
		h := newHouse(t, k)
		h.opener.Wall()
		h.await(t, "opening")
		if d := h.await(t, "open"); d.State.Cause.Kind != "outside" {
			t.Errorf("it was opened by %+v", d.State.Cause)
		}
		h.opener.unplug()
		h.away(t)
		h.await(t, "open")
		h.pressed(t, 0)
	})
}
