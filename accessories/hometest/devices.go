package hometest

import (
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

func deps[S any](h *Home, id string) device.Deps[S] {
	return device.Deps[S]{Journal: h.Journal, Memory: &devicetest.Memory{}, Publish: func(S) { h.tell(id); h.Wake() }}
}

// GateTraits are those of a gate that is told where to go and senses both ends.
func GateTraits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true}
}

// Gate runs a sliding gate that is closed from afar and takes 100 ms.
func (h *Home) Gate(id string, traits device.DoorTraits) *device.Door {
	h.T.Helper()
	return h.Door(device.DoorConfig{ID: id, Name: id, Kind: device.KindGateSliding, Traits: traits, RemoteClose: device.RemoteCloseDeclared})
}

// Door runs a door that takes 100 ms.
func (h *Home) Door(c device.DoorConfig) *device.Door {
	h.T.Helper()
	o := &devicetest.Opener{ID: c.ID, Traits: c.Traits, Travel: 100 * time.Millisecond, Journal: h.Journal}
	h.Openers[c.ID] = o
	d, err := device.NewDoor(c, o, deps[device.DoorState](h, c.ID))
	h.must(err)
	Run(h.T, d)
	return d
}

// Lock runs a commanded lock with a contact on its door.
func (h *Home) Lock(id string) *device.Lock {
	h.T.Helper()
	traits := device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true, SensesDoor: true}
	b := &devicetest.Bolt{ID: id, Traits: traits, Turn: 50 * time.Millisecond, Journal: h.Journal}
	h.Bolts[id] = b
	l, err := device.NewLock(device.LockConfig{ID: id, Name: id, Traits: traits}, b, deps[device.LockState](h, id))
	h.must(err)
	Run(h.T, l)
	return l
}

// Contact runs a contact that is alone.
func (h *Home) Contact(id string) *device.Contact {
	h.T.Helper()
	s := &devicetest.Sensor{}
	h.Sensors[id] = s
	c, err := device.NewContact(device.ContactConfig{ID: id, Name: id}, s, deps[device.ContactState](h, id))
	h.must(err)
	Run(h.T, c)
	return c
}

// Put sets a door down and waits until it is seen there.
func (h *Home) Put(d *device.Door, at device.Place, seen device.Position) {
	h.T.Helper()
	h.Openers[d.ID()].Put(at)
	h.Await(d.ID()+" "+seen.String(), func() bool { return d.State().Available && d.State().Position == seen })
}

// Turn turns a bolt by hand, with the door closed, and waits until it is seen.
func (h *Home) Turn(l *device.Lock, at device.BoltPosition) {
	h.T.Helper()
	h.Bolts[l.ID()].Change(func(r *device.LockReading) { r.Bolt, r.DoorOpen = at, device.No })
	h.Await(l.ID()+" "+at.String(), func() bool { return l.State().Available && l.State().Bolt == at })
}
