package process

import (
	"testing"

	"github.com/loquet/loquet/hw/sim"
)

// world is the simulated house in a process of its own, and this test's own line to it: what it counts
// is read past the bridge.
type world struct {
	socket string
	sim    sim.Simulation
}

func startWorld(t *testing.T, args ...string) *world {
	t.Helper()
	socket := lab.StartWorld(t, args...)
	house, err := sim.Dial(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	return &world{socket: socket, sim: house}
}

func (w *world) status(t *testing.T, id string) sim.Status {
	t.Helper()
	s, err := w.sim.Status(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (w *world) happen(t *testing.T, id, event string) {
	t.Helper()
	if err := w.sim.Event(t.Context(), id, sim.Event{Name: event}); err != nil {
		t.Fatal(err)
	}
}

// pulses is how often the relays of each device were energised since the world began.
func (w *world) pulses(t *testing.T) map[string]int {
	t.Helper()
	ids, err := w.sim.Devices(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counted := map[string]int{}
	for _, id := range ids {
		counted[id] = w.status(t, id).PulsesTotal
	}
	return counted
}
