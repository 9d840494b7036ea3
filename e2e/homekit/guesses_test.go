package homekit

import (
	"fmt"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// The cases here are those in which a toggle opener invites a guess. The pulses are counted by the
// simulated world, not by the bridge.

func TestAClosedDoorIsNotClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{})
	for _, id := range []string{"garage", "gate"} {
		if w := h.owner.MustWrite(t, h.door(t, id).target, DoorClosed); w.Took() > promptly {
			t.Errorf("%s: closing a closed door was answered after %v", id, w.Took())
		}
		if answer := h.Command(t, id, "close"); answer.Status != 200 || !answer.Already {
			t.Errorf("%s: %+v, want 200 already", id, answer)
		}
	}
	h.wantExactly(t, "garage", 0)
	h.wantPulses(t, "gate", 0)
}

func TestAnUnknownDoorIsNotMoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{})
	garage := h.door(t, "garage")
	h.Event(t, "garage", "lose-sensor")
	h.Await(t, "garage", "unknown", 10*time.Second)
	for _, aim := range []int{DoorOpen, DoorClosed} {
		if w := h.write(t, h.owner, garage.target, aim, Timed{}); w.HTTP == 204 {
			t.Errorf("a write of %d to a door whose place is unknown was accepted", aim)
		}
	}
	for _, action := range []string{"open", "close"} {
		if answer := h.Command(t, "garage", action); answer.Status != 409 || answer.Code == "" || answer.Remedy == "" {
			t.Errorf("%s: %+v, want 409 with a reason and a remedy", action, answer)
		}
	}
	if values, err := h.owner.Read(garage.current); err != nil || (values[0].Status == 0 && same(values[0].Value, DoorClosed)) {
		t.Errorf("an unknown door reads %v, %v: never closed", values, err)
	}
	h.wantExactly(t, "garage", 0)

	h.Event(t, "garage", "restore-sensor")
	h.Await(t, "garage", "closed", aFewSeconds)
	h.wantPulses(t, "garage", 0)
}

func TestABouncingContactCostsTimeNotPulses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{})
	garage := h.door(t, "garage")
	h.Event(t, "garage", "bounce")
	w := h.write(t, h.owner, garage.target, DoorOpen, Timed{})
	if w.HTTP != 204 {
		t.Errorf("a contact that bounced for 400 ms: HTTP %d, status %d, want the door to open", w.HTTP, w.Status)
	}
	if w.Took() > 3*time.Second {
		t.Errorf("answered after %v: no face waits longer than 3 s", w.Took())
	}
	h.wantExactly(t, "garage", 1)
}

func TestARestartInMidTravelMovesNothing(t *testing.T) {
	t.Parallel()
	world := lab.StartWorld(t)
	h := newHouse(t, e2e.Options{Args: []string{"--world", world}})
	garage := h.door(t, "garage")
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.awaitMidway(t, "garage")
	h.Kill(t)
	h.again(t, nil)

	if n := h.Sim(t, "garage").Pulses; n != 0 {
		t.Errorf("%d pulses at the start", n)
	}
	for _, aim := range []int{DoorOpen, DoorClosed} {
		if h.Device(t, "garage").At() != "unknown" {
			break // arrived: that is known at once, and then commands count
		}
		if w := h.write(t, h.owner, garage.target, aim, Timed{}); w.HTTP == 204 {
			t.Errorf("a write of %d was accepted while the door may move", aim)
		}
	}
	h.Await(t, "garage", "open", 30*time.Second)
	h.wantExactly(t, "garage", 1)
	for _, row := range h.History(t, "garage") {
		if row.Kind == "intent" && row.Action == "close" {
			t.Errorf("an intent nobody asked for: %+v", row)
		}
	}
}

// awaitMidway waits until a door that moves has a third to two thirds of its way behind it.
func (h *house) awaitMidway(t *testing.T, id string) {
	t.Helper()
	e2e.Until(t, aFewSeconds, func() string {
		s := h.Sim(t, id)
		if s.Moving == "no" || s.Position < 0.3 || s.Position > 0.7 {
			return fmt.Sprintf("%s to be on its way: %+v", id, s)
		}
		return ""
	})
}

func (h *house) awaitStill(t *testing.T, id string) {
	t.Helper()
	e2e.Until(t, 30*time.Second, func() string {
		if s := h.Sim(t, id); s.Moving != "no" {
			return fmt.Sprintf("%s to stand still: %+v", id, s)
		}
		return ""
	})
}

// TestStoppedHalfWay: where the next direction is a guess, a command is one pulse after a full
// warning, and never a second one to correct it.
func TestStoppedHalfWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		first  int // pulses until it moves in the direction in which it is stopped
		start  func(t *testing.T, h *house, garage door)
		target int
	}{
		{"opening, then open", 1, startOpening, DoorOpen},
		{"opening, then closed", 1, startOpening, DoorClosed},
		{"closing, then closed", 2, startClosing, DoorClosed},
		{"closing, then open", 2, startClosing, DoorOpen},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, e2e.Options{Args: []string{"--speed", "2"}})
			garage := h.door(t, "garage")
			c.start(t, h, garage)
			h.wantPulses(t, "garage", int64(c.first))
			h.awaitMidway(t, "garage")
			// The relay rests for 2 s between two edges: asked earlier, a stop is refused.
			e2e.Until(t, 4*time.Second, func() string {
				if answer := h.Command(t, "garage", "stop"); answer.Status != 202 {
					return fmt.Sprintf("the stop to be accepted: %+v", answer)
				}
				return ""
			})
			h.Await(t, "garage", "stopped", 5*time.Second)
			stopped := int64(c.first) + 1
			h.wantPulses(t, "garage", stopped)
			h.awaitStill(t, "garage")

			began := time.Now()
			h.owner.MustWrite(t, garage.target, c.target)
			e2e.Until(t, aFewSeconds, func() string {
				if n := h.Sim(t, "garage").PulsesTotal; n == stopped {
					return "the pulse after the warning"
				}
				return ""
			})
			if waited := time.Since(began); waited < shortestWarning {
				t.Errorf("a pulse whose direction is a guess came %v after the command, without a full warning", waited)
			}
			h.awaitStill(t, "garage")
			h.wantExactly(t, "garage", stopped+1)
			wantWarned(t, h.Loquet, "garage")
		})
	}
}

func startOpening(t *testing.T, h *house, garage door) {
	h.owner.MustWrite(t, garage.target, DoorOpen)
}

func startClosing(t *testing.T, h *house, garage door) {
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.Await(t, garage.id, "open", aFewSeconds)
	h.owner.MustWrite(t, garage.target, DoorClosed)
	h.Await(t, garage.id, "closing", aFewSeconds)
}

func TestAnObstructionInTheWarningEndsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, e2e.Options{Args: []string{"--speed", "6"}})
	garage := h.door(t, "garage")
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.Await(t, "garage", "open", aFewSeconds)
	h.owner.Subscribe(t, garage.current, garage.target)
	h.owner.MustWrite(t, garage.target, DoorClosed)
	e2e.Apart(t, 2*time.Second)
	h.Event(t, "garage", "obstruct")
	e2e.Until(t, 2*time.Second, func() string {
		if h.Device(t, "garage").State.Warning {
			return "the warning to end"
		}
		return ""
	})
	e2e.Until(t, 2*time.Second, func() string {
		if now := h.owner.MustRead(t, garage.target); !same(now, DoorOpen) {
			return fmt.Sprintf("the target to go back to open; it is %v", now)
		}
		return ""
	})
	h.wantExactly(t, "garage", 1)
	h.wantPulses(t, "garage", 1)
}
