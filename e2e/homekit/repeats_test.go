package homekit

import (
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// repeat is one way in which HomeKit sends the same write more than once. All of them have been seen.
type repeat struct {
	name string
	send func(t *testing.T, h *house, target ID, value int)
}

func repeats() []repeat {
	return []repeat{
		{"four in half a second", func(t *testing.T, h *house, target ID, value int) {
			for i := range 4 {
				if i > 0 {
					e2e.Apart(t, 150*time.Millisecond)
				}
				h.write(t, h.owner, target, value, Timed{})
			}
		}},
		{"two in 75 ms", func(t *testing.T, h *house, target ID, value int) {
			var first sync.WaitGroup
			first.Go(func() { h.write(t, h.owner, target, value, Timed{Fresh: true}) })
			e2e.Apart(t, 75*time.Millisecond)
			h.write(t, h.owner, target, value, Timed{Fresh: true})
			first.Wait()
		}},
		{"again after 13 s", func(t *testing.T, h *house, target ID, value int) {
			h.write(t, h.owner, target, value, Timed{})
			e2e.Apart(t, 13*time.Second)
			h.write(t, h.owner, target, value, Timed{})
		}},
		{"two controllers at once", func(t *testing.T, h *house, target ID, value int) {
			guest, err := h.owner.Invite("guest", false)
			if err != nil {
				t.Error(err)
				return
			}
			var both sync.WaitGroup
			for _, c := range []*Controller{h.owner, guest} {
				both.Go(func() { h.write(t, c, target, value, Timed{}) })
			}
			both.Wait()
		}},
	}
}

// write sends a write whose outcome does not matter here: only pulses are counted.
func (h *house) write(t *testing.T, c *Controller, target ID, value int, how Timed) Written {
	w, err := c.Write(target, value, how)
	if err != nil {
		t.Errorf("write %d to %v: %v", value, target, err)
	}
	return w
}

func TestARepeatedWriteIsOnePulse(t *testing.T) {
	t.Parallel()
	for _, r := range repeats() {
		t.Run("door, "+r.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, setup{})
			r.send(t, h, h.door(t, "garage").target, DoorOpen)
			h.wantExactly(t, "garage", 1)
		})
		t.Run("strike, "+r.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, setup{})
			r.send(t, h, h.lock(t, "studio").target, LockUnsecured)
			h.wantExactly(t, "studio", 1)
		})
		t.Run("a contact that is stuck, "+r.name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, setup{})
			h.world.Happen(t, "garage", "jam")
			r.send(t, h, h.door(t, "garage").target, DoorOpen)
			h.wantExactly(t, "garage", 1)
		})
	}
}

// TestAStrikeOpensAgainForWhoSawItClose is the other half of the rule for repeats: who was told that the
// strike is secured again means the next write.
func TestAStrikeOpensAgainForWhoSawItClose(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	studio := h.lock(t, "studio")
	h.owner.Subscribe(t, studio.current, studio.target)
	h.owner.MustWrite(t, studio.target, LockUnsecured)
	awaitMessage(t, h.owner, studio.current, LockUnsecured, 5*time.Second)
	awaitMessage(t, h.owner, studio.current, LockSecured, shortly)
	h.owner.MustWrite(t, studio.target, LockUnsecured)
	h.wantExactly(t, "studio", 2)
}

// TestAFailedMoveIsNotTriedAgain writes once more after the move was given up.
func TestAFailedMoveIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{})
	garage := h.door(t, "garage")
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	h.world.Happen(t, "garage", "jam")
	h.owner.MustWrite(t, garage.target, DoorOpen)
	e2e.Until(t, 30*time.Second, func() string {
		for _, row := range h.History(t, "garage") {
			if row.Kind == "outcome" && row.Outcome != "reached" {
				return ""
			}
		}
		return "the move to be given up"
	})
	if now := h.owner.MustRead(t, garage.target); !same(now, DoorClosed) {
		t.Errorf("after a failed move the target reads %v, want closed: nobody may hang at Opening", now)
	}
	for _, c := range []*Controller{h.owner, guest} {
		h.write(t, c, garage.target, DoorOpen, Timed{})
	}
	if answer := h.Command(t, "garage", "open"); answer.Status == 202 {
		t.Errorf("the API tried again at once: %+v", answer)
	}
	h.wantExactly(t, "garage", 1)
}
