package homekit

import (
	"fmt"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/hw/sim"
)

// The cases here are those in which a toggle opener invites a guess. The pulses are counted by the
// simulated world, not by the bridge.

func TestAClosedDoorIsNotClosed(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
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

// TestAnUnknownDoorIsNotMoved restarts the bridge while the door's contacts are cut off: nobody can
// know where it is, or whether it moves.
func TestAnUnknownDoorIsNotMoved(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	garage := h.door(t, "garage")
	h.world.Happen(t, "garage", "lose-sensor")
	h.Kill(t)
	h.again(t, nil)

	if at := h.Device(t, "garage").At(); at != "unknown" {
		t.Errorf("after a restart without contacts the door is %q, want unknown", at)
	}
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

	h.world.Happen(t, "garage", "restore-sensor")
	h.Await(t, "garage", "closed", 5*time.Second)
	h.wantPulses(t, "garage", 0)
}

// TestALostContactMovesNothing loses the contacts of a closed door while the bridge runs: it looks as if
// somebody had opened the door by the wall button.
func TestALostContactMovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	garage := h.door(t, "garage")
	h.world.Happen(t, "garage", "lose-sensor")
	e2e.Until(t, 5*time.Second, func() string {
		if h.Device(t, "garage").At() == "closed" {
			return "the door not to be shown closed"
		}
		return ""
	})
	for _, aim := range []int{DoorClosed, DoorOpen} {
		h.write(t, h.owner, garage.target, aim, Timed{})
	}
	h.wantExactly(t, "garage", 0)
}

// bounceLasts is how long a contact of the simulated house chatters, in real time.
const bounceLasts = 3 * time.Second

func TestABouncingContactCostsTimeNotPulses(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	garage := h.door(t, "garage")

	h.world.Happen(t, "garage", "bounce")
	began := time.Now()
	e2e.Apart(t, 200*time.Millisecond)
	if w := h.write(t, h.owner, garage.target, DoorOpen, Timed{}); w.HTTP == 204 || w.Took() > 3*time.Second {
		t.Errorf("a contact that goes on bouncing: HTTP %d after %v, want a refusal within 3 s", w.HTTP, w.Took())
	}
	h.wantPulses(t, "garage", 0)
	e2e.Apart(t, time.Until(began.Add(bounceLasts+time.Second)))
	h.wantPulses(t, "garage", 0)

	// The same for 400 ms more: that is waited for.
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	h.world.Happen(t, "garage", "bounce")
	e2e.Apart(t, bounceLasts-400*time.Millisecond)
	w := h.write(t, guest, garage.target, DoorOpen, Timed{})
	if w.HTTP != 204 || w.Took() > 3*time.Second {
		t.Errorf("a contact that bounced for 400 ms more: HTTP %d, status %d after %v, want it to open within 3 s", w.HTTP, w.Status, w.Took())
	}
	h.wantExactly(t, "garage", 1)
}

func TestARestartInMidTravelMovesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	garage := h.door(t, "garage")
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.awaitMidway(t, "garage")
	h.Kill(t)
	h.again(t, nil)

	if n := h.Sim(t, "garage").Pulses; n != 0 {
		t.Errorf("the API counts %d pulses since the start", n)
	}
	for _, aim := range []int{DoorOpen, DoorClosed} {
		if h.world.Status(t, "garage").Moving == "no" {
			t.Fatal("the door arrived before it could be asked: the restart took too long")
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

// betweenEdges is the least time between two edges of one relay; a command that comes sooner is refused.
const betweenEdges = 2 * time.Second

// awaitMidway waits until a door that moves is half way, and its relay has rested
// for the 2 s that it must at the speeds used here.
func (h *house) awaitMidway(t *testing.T, id string) {
	t.Helper()
	e2e.Until(t, shortly, func() string {
		s := h.world.Status(t, id)
		if s.Moving == "no" || s.Position < 0.4 || s.Position > 0.6 {
			return fmt.Sprintf("%s to be on its way: %+v", id, s)
		}
		return ""
	})
}

func (h *house) awaitStill(t *testing.T, id string) {
	t.Helper()
	e2e.Until(t, 30*time.Second, func() string {
		if s := h.world.Status(t, id); s.Moving != "no" {
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
			h := newHouse(t, setup{speed: 2})
			garage := h.door(t, "garage")
			c.start(t, h, garage)
			h.wantPulses(t, "garage", c.first)
			h.awaitMidway(t, "garage")
			h.Must(t, "garage", "stop")
			h.Await(t, "garage", "stopped", 5*time.Second)
			stopped := c.first + 1
			h.wantPulses(t, "garage", stopped)
			h.awaitStill(t, "garage")

			// Another controller: from the first one, the same target again could be a repeat.
			guest, err := h.owner.Invite("guest", false)
			if err != nil {
				t.Fatal(err)
			}
			e2e.Apart(t, betweenEdges)
			began := time.Now()
			guest.MustWrite(t, garage.target, c.target)
			e2e.Until(t, shortly, func() string {
				if n := h.pulses(t, "garage"); n == stopped {
					return "the pulse after the warning"
				}
				return ""
			})
			if waited := time.Since(began); waited < shortestWarning {
				t.Errorf("a pulse whose direction is a guess came %v after the command, without a full warning", waited)
			}
			h.awaitStill(t, "garage")
			h.wantExactly(t, "garage", stopped+1)
		})
	}
}

func startOpening(t *testing.T, h *house, garage door) {
	h.owner.MustWrite(t, garage.target, DoorOpen)
}

func startClosing(t *testing.T, h *house, garage door) {
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.Await(t, garage.id, "open", shortly)
	h.owner.MustWrite(t, garage.target, DoorClosed)
	h.Await(t, garage.id, "closing", shortly)
}

// TestNoStopWhereItWouldReverse: a pulse that would turn the door round is no stop.
func TestNoStopWhereItWouldReverse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cycle     sim.Cycle
		name      string
		whileOpen bool // whether it can be stopped while it opens
	}{
		{sim.ReversesOnClose, "reverses-on-close", true},
		{sim.NoStop, "no-stop", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			demo := sim.DemoHouse()
			demo.Doors[0].Cycle = c.cycle
			h := newHouse(t, setup{sim: demo, speed: 2, config: []section{garageSection.cycle(c.name), frontSection}})
			garage := h.door(t, "garage")

			startClosing(t, h, garage)
			h.awaitMidway(t, "garage")
			if answer := h.Command(t, "garage", "stop"); answer.Status != 409 || answer.Code != "cannot-stop" {
				t.Errorf("a stop while it closes: %+v, want 409 cannot-stop", answer)
			}
			h.Await(t, "garage", "closed", shortly)
			h.wantPulses(t, "garage", 2)

			guest, err := h.owner.Invite("guest", false)
			if err != nil {
				t.Fatal(err)
			}
			guest.MustWrite(t, garage.target, DoorOpen)
			h.awaitMidway(t, "garage")
			answer := h.Command(t, "garage", "stop")
			if accepted := answer.Status == 202; accepted != c.whileOpen {
				t.Errorf("a stop while it opens: %+v", answer)
			}
			want := 3
			if c.whileOpen {
				want = 4
			}
			h.wantExactly(t, "garage", want)
		})
	}
}

func TestAnObstructionInTheWarningEndsIt(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{speed: 6})
	garage := h.door(t, "garage")
	h.owner.MustWrite(t, garage.target, DoorOpen)
	h.Await(t, "garage", "open", shortly)
	h.owner.Subscribe(t, garage.current, garage.target)
	h.owner.MustWrite(t, garage.target, DoorClosed)
	e2e.Apart(t, 2*time.Second)
	h.world.Happen(t, "garage", "obstruct")
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
}
