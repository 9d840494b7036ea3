package matter

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/conformance"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// everything is a home with one of each.
func everything(t *testing.T) *home {
	h := newHome(t, nil)
	h.door("gate", nil)
	h.lock("front", nil)
	h.contact("letterbox", nil)
	h.Openers["gate"].Put(device.PlaceClosed)
	h.Bolts["front"].Put(device.BoltSecured)
	h.Bolts["front"].Door(device.No)
	h.Sensors["letterbox"].Set(device.No)
	h.Await("first readings", func() bool {
		return h.items[0].Door.State().Position == device.PositionClosed && h.items[1].Lock.State().Bolt == device.BoltSecured &&
			h.items[1].Lock.State().DoorOpen == device.No && h.items[2].Contact.State().Open == device.No
	})
	return h.open(nil)
}

func TestEveryEndpointConforms(t *testing.T) {
	h := everything(t)
	found, err := conformance.Check(h.server.Node(), conformance.Options{Conditions: []string{"Ethernet"}})
	must(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

func TestAControllerOpensALockAndAGate(t *testing.T) {
	h := everything(t)
	c := h.controller()
	if _, err := c.invoke("front", doorlock.ID, 1, false, nil); !errors.Is(err, model.NeedsTimedInteraction) {
		t.Errorf("untimed: %v", err)
	}
	if _, err := c.invoke("front", doorlock.ID, 1, true, nil); err != nil {
		t.Fatal(err)
	}
	h.Await("unlocked", func() bool { return h.items[1].Lock.State().Bolt == device.BoltUnsecured })
	if s := c.number("front", doorlock.ID, 0); s != uint64(doorlock.Unlocked) {
		t.Errorf("lock state %d", s)
	}
	if _, err := c.invoke("gate", cluster.WindowCoveringID, 0, false, nil); err != nil {
		t.Fatal(err)
	}
	h.Await("open", func() bool { return h.items[0].Door.State().Position == device.PositionOpen })
	if closed, err := c.read("gate/contact", cluster.BooleanStateID, 0).Bool(); err != nil || closed {
		t.Errorf("contact: %v %v", closed, err)
	}
	if cause := h.items[1].Lock.State().Cause; cause.Kind != device.CauseMatter || len(cause.Actor) != 33 {
		t.Errorf("cause %+v", cause)
	}
}
