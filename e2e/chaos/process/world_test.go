package process

import (
	"net"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/chaos/phone"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// pair pairs a phone with a bridge.
func pair(t *testing.T, b e2e.Bridge) *phone.Phone {
	t.Helper()
	conn, err := net.Dial("tcp", b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	p, err := phone.Pair(conn, b.SetupCode, patience)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// connect opens a session of a paired phone.
func connect(t *testing.T, p *phone.Phone, b e2e.Bridge) *haptest.Client {
	t.Helper()
	client, err := p.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatalf("the pairing is gone: %v", err)
	}
	return client
}

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
