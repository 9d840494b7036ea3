package homekit

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
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

// house is a bridge at home and a phone that is joined to it by a cable.
type house struct {
	*e2e.Loquet
	home, elsewhere *e2e.Host
	phone           *Phone
	owner           *Controller
	where           Where
}

// newHouse starts a bridge and pairs a phone with it.
func newHouse(t *testing.T, o e2e.Options) *house {
	t.Helper()
	h := unpairedHouse(t, o)
	h.pair(t)
	return h
}

func unpairedHouse(t *testing.T, o e2e.Options) *house {
	t.Helper()
	home, elsewhere := lab.Pair(t)
	o.Host = home
	h := &house{Loquet: lab.Start(t, o), home: home, elsewhere: elsewhere, phone: NewPhone(t, elsewhere)}
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

// wantPulses requires the number of pulses that the world has counted.
func (h *house) wantPulses(t *testing.T, id string, want int64) {
	t.Helper()
	if got := h.Sim(t, id).PulsesTotal; got != want {
		t.Errorf("%s: %d pulses, want %d\nhistory: %+v", id, got, want, h.History(t, id))
	}
}
