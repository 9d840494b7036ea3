// Package world holds the simulated house in the test's own process, where no bridge can colour what it
// counts: pulses, movements, and for how long the lamp had warned when a door began to close. The bridge
// reaches its lines over a unix socket, and can be killed and started again without the house noticing.
package world

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/hw/sim"
)

// World is a house that moves.
type World struct {
	Socket string
	sim    *sim.World
}

// Start builds a house, at a multiple of the real speed (0: 1), and serves its lines.
func Start(t testing.TB, house sim.House, speed float64) *World {
	t.Helper()
	built, err := sim.New(house, speed)
	if err != nil {
		t.Fatal(err)
	}
	w := &World{Socket: filepath.Join(e2e.TempDir(t), "world.sock"), sim: built}
	listener, err := net.Listen("unix", w.Socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sim.Serve(ctx, listener, built) }()
	t.Cleanup(func() {
		stop()
		if err := <-served; err != nil {
			t.Errorf("the simulated house: %v", err)
		}
		built.Close()
	})
	return w
}

// Status is the truth about a device.
func (w *World) Status(t testing.TB, id string) sim.Status {
	t.Helper()
	s, err := w.sim.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Happen lets something happen in the house that no relay causes.
func (w *World) Happen(t testing.TB, id, event string) {
	t.Helper()
	if err := w.sim.Event(id, sim.Event{Name: event}); err != nil {
		t.Fatal(err)
	}
}

// Type lets somebody type at a keypad.
func (w *World) Type(t testing.TB, id, digits string) {
	t.Helper()
	if err := w.sim.Event(id, sim.Event{Name: sim.Keypad, Digits: digits}); err != nil {
		t.Fatal(err)
	}
}

// shortestWarning is what nobody can configure away before an unattended close (16 CFR 1211.14).
const shortestWarning = 5 * time.Second

// RequireWarnings watches a door until the test ends: each time that a relay makes it close, its lamp
// and its beeper must have been at it for 5 s. No order of ours may make it close any sooner.
func (w *World) RequireWarnings(t testing.TB, id string) {
	t.Helper()
	stop := make(chan struct{})
	seen := make(chan []sim.Move, 1)
	go func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var closes []sim.Move
		for {
			s, err := w.sim.Status(id)
			last := len(closes) - 1
			if m := s.LastMove; err == nil && m.Direction == "down" && m.Cause == "relay" && (last < 0 || closes[last].UnixNS != m.UnixNS) {
				closes = append(closes, m)
			}
			select {
			case <-tick.C:
			case <-stop:
				seen <- closes
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		for _, m := range <-seen {
			if m.Lamp < shortestWarning || m.Beeper < shortestWarning {
				t.Errorf("%s: a relay made it close after %v of lamp and %v of beeper, want %v of both: %+v",
					id, m.Lamp, m.Beeper, shortestWarning, m)
			}
		}
	})
}
