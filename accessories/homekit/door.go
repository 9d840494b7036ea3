package homekit

import (
	"context"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// DoorFace says how a door is shown.
type DoorFace struct {
	ObstructionSensor bool // a contact sensor beside it, because Apple Home has no trigger for obstruction
	OwnTile           bool // an accessory of its own instead of one in the bridge
	Battery           bool // the device tells about its battery
}

// doorThing is a door as a garage door opener (HAP R2 8.18), its remote lock-out as the lock that the
// service may have.
type doorThing struct {
	door *device.Door
	fit  *fitter

	current, target, obstructed, lockCurrent, lockTarget *characteristic.C
	twin                                                 *characteristic.C // obstruction as a contact; nil if not wanted
	level, low                                           *characteristic.C // nil if it has no battery
	code                                                 *codePart         // nil if nobody can type any
}

func newDoorThing(n *numbers, bridge string, about About, door *device.Door, name string, book *codeBook, face DoorFace, timedWrites bool) *doorThing {
	f := fit(n, door.ID(), bridge, about, name, "Door", accessory.TypeGarageDoorOpener)
	s := service.NewGarageDoorOpener()
	lockCurrent, lockTarget := characteristic.NewLockCurrentState(), characteristic.NewLockTargetState()
	label := characteristic.NewName()
	label.Val = name
	t := &doorThing{
		door: door, fit: f,
		current:     choices(s.CurrentDoorState.C, doorOpen, doorClosed, doorOpening, doorClosing, doorStopped),
		target:      timed(choices(s.TargetDoorState.C, doorOpen, doorClosed), timedWrites),
		obstructed:  s.ObstructionDetected.C,
		lockCurrent: choices(lockCurrent.C, boltUnsecured, boltSecured, boltJammed, boltUnknown),
		lockTarget:  timed(choices(lockTarget.C, boltUnsecured, boltSecured), timedWrites),
	}
	main := f.service("door", s.S, member{"current", t.current}, member{"target", t.target}, member{"obstructed", t.obstructed},
		member{"lock-current", t.lockCurrent}, member{"lock-target", t.lockTarget}, member{"name", label.C})
	main.Primary = true
	if face.ObstructionSensor {
		sensor := service.NewContactSensor()
		t.twin = choices(sensor.ContactSensorState.C, contactDetected, contactNotDetected)
		twinName := characteristic.NewName()
		twinName.Val = joined(name, "obstruction")
		f.service("obstruction", sensor.S, member{"state", t.twin}, member{"name", twinName.C})
	}
	if face.Battery {
		t.level, t.low = f.battery()
	}
	if book != nil {
		t.code = f.codes(book, main)
	}
	return t
}

func (t *doorThing) values(s device.DoorState) []homekit.Value {
	aid := t.fit.a.Id
	locked := boltUnsecured
	if s.LockedOut {
		locked = boltSecured
	}
	vs := []homekit.Value{
		{AID: aid, IID: t.current.Id, Value: currentDoor(s.Position)},
		{AID: aid, IID: t.target.Id, Value: targetDoor(s.Target)},
		{AID: aid, IID: t.obstructed.Id, Value: s.Obstructed == device.Yes},
		{AID: aid, IID: t.lockCurrent.Id, Value: locked},
		{AID: aid, IID: t.lockTarget.Id, Value: locked},
	}
	if t.twin != nil {
		twin := contactDetected
		if s.Obstructed == device.Yes {
			twin = contactNotDetected
		}
		vs = append(vs, homekit.Value{AID: aid, IID: t.twin.Id, Value: twin})
	}
	return append(append(vs, batteryValues(aid, t.level, t.low, s.Battery)...), t.code.values(aid)...)
}

// write acts on a write of a controller.
func (t *doorThing) write(ctx context.Context, iid uint64, value int, by device.Command) error {
	switch iid {
	case t.target.Id:
		by.Action = doorAction(value)
		_, err := t.door.Command(ctx, by)
		return err
	case t.lockTarget.Id:
		return t.door.SetLockedOut(ctx, value == boltSecured, by.Cause)
	default:
		return errNotWritable
	}
}

// action says which right a write needs.
func (t *doorThing) action(iid uint64, value int) (device.Action, bool) {
	switch iid {
	case t.target.Id:
		return doorAction(value), true
	case t.lockTarget.Id:
		return boltAction(value), true
	default:
		return device.ActionNone, false
	}
}

func (t *doorThing) codes() *codePart { return t.code }

func (t *doorThing) accessory() *accessory.A { return t.fit.a }

func (t *doorThing) device() string { return t.door.ID() }

func (t *doorThing) identify(ctx context.Context) error { return t.door.Identify(ctx) }

func (t *doorThing) now() ([]homekit.Value, bool) {
	s := t.door.State()
	return t.values(s), s.Available
}
