package homekit

import (
	"context"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// LockFace says how a lock is shown.
type LockFace struct {
	OwnTile    bool // an accessory of its own instead of one in the bridge
	DoorSensor bool // the lock knows whether its door stands open
	Battery    bool // the device tells about its battery
}

// lockThing is a lock as a lock mechanism (HAP R2 8.25) with lock management (8.24).
type lockThing struct {
	lock *device.Lock
	fit  *fitter

	current, target, lastAction *characteristic.C
	door                        *characteristic.C // nil if there is no contact on its door
	level, low                  *characteristic.C // nil if it has no battery
	code                        *codePart         // nil if nobody can type any
}

func newLockThing(n *numbers, bridge string, about About, lock *device.Lock, name string, book *codeBook, face LockFace, timedWrites bool) *lockThing {
	f := fit(n, lock.ID(), bridge, about, name, "Lock", accessory.TypeDoorLock)
	mechanism := service.NewLockMechanism()
	label := characteristic.NewName()
	label.Val = name
	t := &lockThing{
		lock: lock, fit: f,
		current: choices(mechanism.LockCurrentState.C, boltUnsecured, boltSecured, boltJammed, boltUnknown),
		target:  timed(choices(mechanism.LockTargetState.C, boltUnsecured, boltSecured), timedWrites),
	}
	main := f.service("lock", mechanism.S, member{"current", t.current}, member{"target", t.target}, member{"name", label.C})
	main.Primary = true

	management := service.NewLockManagement()
	management.Version.Val = "1.0"
	last := characteristic.NewLockLastKnownAction()
	t.lastAction = choices(last.C, 0, 1, 2, 3, 4, 5, 6, 7, 8, actionSecured, actionUnsecured)
	t.lastAction.Val = actionUnsecured // until there is one: the definition's own zero would name a hand inside
	f.service("management", management.S, member{"control", management.LockControlPoint.C},
		member{"version", readOnly(management.Version.C)}, member{"action", t.lastAction})

	if face.DoorSensor {
		sensor := service.NewContactSensor()
		t.door = choices(sensor.ContactSensorState.C, contactDetected, contactNotDetected)
		doorName := characteristic.NewName()
		doorName.Val = joined(name, "door")
		f.service("contact", sensor.S, member{"state", t.door}, member{"name", doorName.C})
	}
	if face.Battery {
		t.level, t.low = f.battery()
	}
	if book != nil {
		t.code = f.codes(book, main)
	}
	return t
}

func (t *lockThing) values(s device.LockState) []homekit.Value {
	aid := t.fit.a.Id
	vs := []homekit.Value{
		{AID: aid, IID: t.current.Id, Value: currentBolt(s.Bolt)},
		{AID: aid, IID: t.target.Id, Value: targetBolt(s.Target)},
	}
	if last, ok := lastAction(s); ok {
		vs = append(vs, homekit.Value{AID: aid, IID: t.lastAction.Id, Value: last})
	}
	if t.door != nil {
		vs = append(vs, homekit.Value{AID: aid, IID: t.door.Id, Value: contact(s.DoorOpen)})
	}
	return append(append(vs, batteryValues(aid, t.level, t.low, s.Battery)...), t.code.values(aid)...)
}

func (t *lockThing) write(ctx context.Context, iid uint64, value int, by device.Command) error {
	if iid != t.target.Id {
		return errNotWritable
	}
	by.Action = boltAction(value)
	_, err := t.lock.Command(ctx, by)
	return err
}

func (t *lockThing) action(iid uint64, value int) (device.Action, bool) {
	if iid != t.target.Id {
		return device.ActionNone, false
	}
	return boltAction(value), true
}

func (t *lockThing) codes() *codePart { return t.code }

func (t *lockThing) accessory() *accessory.A { return t.fit.a }

func (t *lockThing) device() string { return t.lock.ID() }

func (t *lockThing) identify(ctx context.Context) error { return t.lock.Identify(ctx) }

func (t *lockThing) now() ([]homekit.Value, bool) {
	s := t.lock.State()
	return t.values(s), s.Available
}
