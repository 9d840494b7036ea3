package years

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/sim"
)

// late is an actor whose commands have been on their way for too long.
const late = "late"

// day is what happens in a day: people come and go, at times several at once, and at night nothing does.
func (h *house) day() {
	morning := time.Now()
	for n := 12 + h.random.IntN(24); n > 0 && !h.t.Failed(); n-- {
		h.happen()
		switch h.random.IntN(10) {
		case 0, 1: // at once
		case 2, 3, 4:
			time.Sleep(time.Duration(h.random.IntN(4000)) * time.Millisecond)
		case 5, 6:
			time.Sleep(time.Duration(h.random.IntN(30000)) * time.Millisecond)
		default:
			time.Sleep(time.Duration(h.random.IntN(40*60)) * time.Second)
			h.inspect()
		}
		if h.random.IntN(6) == 0 {
			h.heal()
		}
	}
	h.heal()
	time.Sleep(time.Until(morning.Add(24 * time.Hour)))
	h.inspect()
}

// inspect looks at the doors after a quiet while.
func (h *house) inspect() {
	for _, s := range h.specs {
		h.book.look(h.life, s.ID)
	}
}

func (h *house) heal() {
	for _, mend := range h.heals {
		mend()
	}
	h.heals = nil
}

func (h *house) later(mend func()) { h.heals = append(h.heals, mend) }

func (h *house) event(id, name, sensor string) {
	h.book.mu.Lock()
	h.book.pressed[id] = time.Now()
	h.book.mu.Unlock()
	err := h.world.Event(id, sim.Event{Name: name, Sensor: sensor})
	if err != nil && !errors.Is(err, sim.ErrImpossible) {
		h.t.Errorf("seed %d: %v", h.seed, err)
	}
}

// happen lets something happen.
func (h *house) happen() {
	s := h.specs[h.random.IntN(len(h.specs))]
	f := h.faults[s.ID]
	sensor := []string{"", "closed", "open"}[h.random.IntN(3)]
	switch k := h.random.IntN(100); {
	case k < 52:
		h.command(s.ID)
	case k < 60: // the same again and again, as phones do
		c := h.draw()
		for range 2 + h.random.IntN(3) {
			h.ask(s.ID, c)
			time.Sleep(time.Duration(h.random.IntN(200)) * time.Millisecond)
		}
	case k < 72:
		h.event(s.ID, sim.WallButton, "")
	case k < 75:
		h.event(s.ID, sim.DoorOpen, "")
	case k < 78:
		h.event(s.ID, sim.DoorClosed, "")
	case k < 81:
		h.event(s.ID, sim.Obstruct, "")
		h.later(func() { h.event(s.ID, sim.Clear, "") })
	case k < 83:
		h.event(s.ID, sim.Jam, "")
		h.later(func() { h.event(s.ID, sim.Unjam, "") })
	case k < 85:
		f.touched(true)
		h.event(s.ID, sim.LoseSensor, sensor)
		h.later(func() {
			h.event(s.ID, sim.RestoreSensor, "")
			f.touched(false)
		})
	case k < 86:
		h.shake(s.ID, f)
	case k < 89:
		f.freeze()
		h.later(f.melt)
	case k < 91:
		f.mu.Lock()
		f.lose = true
		f.mu.Unlock()
	case k < 93:
		f.mu.Lock()
		f.refuse = h.random.IntN(2) == 0
		f.slow = time.Duration(h.random.IntN(2500)) * time.Millisecond
		f.mu.Unlock()
	case k < 95:
		h.book.mu.Lock()
		h.book.fail = errors.New("the disk is full")
		h.book.mu.Unlock()
		h.later(func() {
			h.book.mu.Lock()
			h.book.fail = nil
			h.book.mu.Unlock()
		})
	default:
		h.restart()
	}
}

// shake lets a contact chatter.
func (h *house) shake(id string, f *fault) {
	f.mu.Lock()
	broken := f.broken
	f.mu.Unlock()
	f.touched(broken)
	h.event(id, sim.Bounce, "")
}

// restart ends the program in one of its ways and starts it again, at once or after a while.
func (h *house) restart() {
	switch h.random.IntN(3) {
	case 0:
		h.life.stop()
	case 1:
		h.life.kill()
	default: // the power is cut: doors stop where they are
		for _, s := range h.specs {
			h.event(s.ID, sim.Jam, "")
		}
		h.life.kill()
		time.Sleep(time.Duration(h.random.IntN(600)) * time.Second)
		for _, s := range h.specs {
			h.event(s.ID, sim.Unjam, "")
		}
	}
	h.asked.Wait()
	if h.random.IntN(2) == 0 {
		time.Sleep(time.Duration(h.random.IntN(120)) * time.Second)
	}
	h.begin()
	time.Sleep(time.Duration(h.random.IntN(1000)) * time.Millisecond)
}

// draw is what somebody may want of a door.
func (h *house) draw() device.Command {
	r := h.random
	c := device.Command{
		Action: []device.Action{device.ActionOpen, device.ActionClose, device.ActionOpen, device.ActionClose, device.ActionStop}[r.IntN(5)],
		Cause: []device.Cause{
			{Kind: device.CauseHomeKit, Actor: "anna"}, {Kind: device.CauseHomeKit, Actor: "ben"}, {Kind: device.CauseMatter, Actor: "hub"},
			{Kind: device.CauseConsole, Actor: "carla"}, {Kind: device.CauseCode, Actor: "dora", Place: "pad"},
		}[r.IntN(5)],
		Confirm: r.IntN(30) == 0,
	}
	if r.IntN(25) == 0 {
		c.Arrived, c.Cause = time.Now().Add(-5100*time.Millisecond), device.Cause{Kind: device.CauseHomeKit, Actor: late}
	}
	return c
}

func (h *house) command(id string) { h.ask(id, h.draw()) }

// ask commands a door without waiting for the answer.
func (h *house) ask(id string, c device.Command) {
	h.book.mu.Lock()
	h.book.asked[id] = true
	h.book.commands++
	h.book.mu.Unlock()
	l := h.life
	h.asked.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		began := time.Now()
		answer, err := l.doors[id].Command(ctx, c)
		h.book.answered(l, id, c, answer, err, time.Since(began))
	})
}
