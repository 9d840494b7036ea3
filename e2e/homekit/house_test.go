package homekit

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	// The tests wait far more than they work: more of them at a time than there are cores.
	flag.Parse()
	_ = flag.Set("test.parallel", "8")
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// house is a bridge at home and a phone that is joined to it by a cable. What its relays really do is
// counted by a simulated world in the test's own process.
type house struct {
	*e2e.Loquet
	world           *world.World
	home, elsewhere *e2e.Host
	phone           *Phone
	owner           *Controller
	where           Where
}

// setup says which house; the zero value is the demo house at real speed.
type setup struct {
	sim    sim.House
	speed  float64   // of physics; warnings and limits stay as they are
	config []section // `loquet run` with these devices instead of `loquet demo`
	args   []string
}

// newHouse starts a bridge and pairs a phone with it.
func newHouse(t *testing.T, s setup) *house {
	t.Helper()
	h := unpairedHouse(t, s)
	h.pair(t)
	return h
}

func unpairedHouse(t *testing.T, s setup) *house {
	t.Helper()
	home, elsewhere := lab.Pair(t)
	if s.sim.Doors == nil {
		s.sim = sim.DemoHouse()
	}
	h := &house{world: world.Start(t, s.sim, s.speed), home: home, elsewhere: elsewhere}
	h.world.RequireWarnings(t, "garage")
	o := e2e.Options{Host: home, Args: s.args}
	if s.config != nil {
		o.Config = h.configuration(s.config...)
	} else {
		o.Args = append(o.Args, "--world", h.world.Socket)
	}
	h.Loquet = lab.Start(t, o)
	h.phone = NewPhone(t, elsewhere)
	h.where = h.phone.Find(t, h.Bridge(t).DeviceID).Where()
	return h
}

func (h *house) pair(t *testing.T) {
	t.Helper()
	owner, err := h.phone.Pair("owner", h.where, h.Bridge(t).SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	h.owner = owner
}

// again restarts the bridge after change had its say; the phone goes to where it is now.
func (h *house) again(t *testing.T, change func(*e2e.Options)) {
	t.Helper()
	h.Loquet = h.Again(t, change)
	// A new phone has no cache: the bridge is announced now, or it is not found.
	h.where = NewPhone(t, h.elsewhere).Find(t, h.Bridge(t).DeviceID).Where()
	if h.owner != nil {
		h.owner.Reconnect(t, &h.where)
	}
}

// door is a garage door or gate in both worlds: as HomeKit shows it and as it is.
type door struct {
	id                          string // the device's, in the API
	current, target, obstructed ID
}

func (h *house) door(t *testing.T, id string) door {
	t.Helper()
	a := Named(t, h.owner.Accessories(t), h.Device(t, id).Name)
	return door{
		id:         id,
		current:    a.Get(t, ServiceGarage, TypeCurrentDoor).ID,
		target:     a.Get(t, ServiceGarage, TypeTargetDoor).ID,
		obstructed: a.Get(t, ServiceGarage, TypeObstructed).ID,
	}
}

// lock is a lock in both worlds.
type lock struct {
	id              string
	current, target ID
}

func (h *house) lock(t *testing.T, id string) lock {
	t.Helper()
	a := Named(t, h.owner.Accessories(t), h.Device(t, id).Name)
	return lock{
		id:      id,
		current: a.Get(t, ServiceLock, TypeCurrentLock).ID,
		target:  a.Get(t, ServiceLock, TypeTargetLock).ID,
	}
}

// awaitMessage waits for the first event message in which a characteristic has the value.
func awaitMessage(t *testing.T, c *Controller, id ID, value any, limit time.Duration) Message {
	t.Helper()
	var found Message
	e2e.Until(t, limit, func() string {
		m, ok := c.First(id, value)
		if !ok {
			return fmt.Sprintf("an event %v=%v; there were %v", id, value, c.Messages())
		}
		found = m
		return ""
	})
	return found
}

// pulses is how often the relays of a device were energised since the world began.
func (h *house) pulses(t *testing.T, id string) int {
	t.Helper()
	return h.world.Status(t, id).PulsesTotal
}

// wantPulses requires the number of pulses until now.
func (h *house) wantPulses(t *testing.T, id string, want int) {
	t.Helper()
	if got := h.pulses(t, id); got != want {
		t.Errorf("%s: %d pulses, want %d\nhistory: %+v", id, got, want, h.History(t, id))
	}
}

// wantExactly requires the number of pulses, now and for as long as a pulse that waits for its turn
// (2 s between two edges of one relay, a command that lives for 5 s) could still come.
func (h *house) wantExactly(t *testing.T, id string, want int) {
	t.Helper()
	e2e.Always(t, 5500*time.Millisecond, func() string {
		if got := h.pulses(t, id); got != want {
			return fmt.Sprintf("%s: %d pulses, want %d\nhistory: %+v", id, got, want, h.History(t, id))
		}
		return ""
	})
}
