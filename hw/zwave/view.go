package zwave

import (
	"encoding/json"
	"time"

	"github.com/loquet/loquet/device"
)

// Node statuses (zwave-js NodeStatus).
const (
	statusAsleep = 1
	statusDead   = 3
)

// Modes of a door lock (Door Lock CC v4, Operation Report); all between are unsecured in some way.
const (
	modeUnsecured = 0
	modeUnknown   = 254
	modeSecured   = 255
)

// Events of the notification type Access Control (Z-Wave Application Layer, Notification CC).
const (
	typeAccess = 6

	byHandLock, byHandUnlock     = 1, 2
	byRadioLock, byRadioUnlock   = 3, 4
	byKeypadLock, byKeypadUnlock = 5, 6
	byHandHalf, byRadioHalf      = 7, 8 // not fully locked
	byItselfLock, byItselfHalf   = 9, 10
	boltJammed                   = 11
	doorOpened, doorShut         = 22, 23
)

// view is what is known of one lock. The zero value knows nothing.
type view struct {
	ready  bool
	dead   bool
	asleep bool
	sleeps bool // it listens only when it wakes by itself
	gone   bool // the network has it no more

	mode    int // a door lock mode; modeUnknown if it does not say
	bolt    string
	door    string
	simple  device.Tri // door open, from the notification
	jammed  bool
	battery device.Battery
}

// news is what a change of a view means.
type news struct {
	moved  bool // the bolt, or what is known of it
	target device.BoltTarget
	cause  device.Cause // with target, from a lock that said who
}

// take fills a view from all that the server knows of a node.
func (v *view) take(n *nodeState, endpoint int) {
	*v = view{ready: n.Ready, sleeps: !n.Listening && !n.frequent()}
	v.dead, v.asleep = n.Status == statusDead, n.Status == statusAsleep
	for i := range n.Values {
		v.set(&n.Values[i], endpoint, n.Values[i].Value)
	}
	v.mode, v.jammed = modeUnknown, false // the lock is asked where its bolt is; a jam lasts until it says
	for i := range n.Values {
		if x := &n.Values[i]; x.CommandClass == ccNotification {
			v.set(x, endpoint, x.Value)
		}
	}
}

// change takes in one value that changed or came.
func (v *view) change(args json.RawMessage, endpoint int) bool {
	var x value
	if json.Unmarshal(args, &x) != nil {
		return false
	}
	return v.set(&x, endpoint, x.NewValue)
}

// set takes in one value, and reports whether it is about the bolt.
func (v *view) set(x *value, endpoint int, now json.RawMessage) bool {
	property := text(x.Property)
	if x.CommandClass == ccBattery { // of the device, not of an endpoint
		v.setBattery(property, now)
		return false
	}
	if x.Endpoint != endpoint {
		return false
	}
	switch x.CommandClass {
	case ccNotification:
		if property != "Access Control" {
			return false
		}
		n, _ := number(now)
		switch text(x.PropertyKey) { // states come as values, and not as notifications
		case "Door state (simple)":
			v.swing(n)
		case "Lock state":
			return v.stick(n == boltJammed)
		}
	case ccDoorLock:
		switch property {
		case "currentMode":
			v.setMode(now)
			return true
		case "boltStatus":
			v.bolt = text(now)
			return true
		case "doorStatus":
			v.door = text(now)
		}
	}
	return false
}

func (v *view) setMode(now json.RawMessage) {
	n, ok := number(now)
	if !ok || n > modeSecured {
		n = modeUnknown
	}
	v.mode = n
	if n != modeUnknown {
		v.jammed = false
	}
}

func (v *view) setBattery(property string, now json.RawMessage) {
	switch property {
	case "level":
		if n, ok := number(now); ok && n <= 100 {
			v.battery.Known, v.battery.Percent = true, uint8(n)
		}
	case "isLow":
		v.battery.Low = yes(now)
	}
}

func (v *view) swing(event int) {
	switch event {
	case doorOpened:
		v.simple = device.Yes
	case doorShut:
		v.simple = device.No
	}
}

// hear takes in what the lock says about itself.
func (v *view) hear(args json.RawMessage) news {
	var n notification
	if json.Unmarshal(args, &n) != nil || n.Type != typeAccess {
		return news{}
	}
	hand := device.Cause{Kind: device.CauseOutside, Place: device.OutsideByHand}
	radio := device.Cause{Kind: device.CauseOutside, Place: device.OutsideRadio}
	itself := device.Cause{Kind: device.CauseAutoRelock}
	switch n.Event {
	case byHandLock:
		return news{target: device.BoltTargetSecured, cause: hand}
	case byHandUnlock:
		return news{target: device.BoltTargetUnsecured, cause: hand}
	case byRadioLock:
		return news{target: device.BoltTargetSecured, cause: radio}
	case byRadioUnlock:
		return news{target: device.BoltTargetUnsecured, cause: radio}
	case byKeypadLock:
		return news{target: device.BoltTargetSecured, cause: n.typed()}
	case byKeypadUnlock:
		return news{target: device.BoltTargetUnsecured, cause: n.typed()}
	case byItselfLock:
		return news{target: device.BoltTargetSecured, cause: itself}
	case byHandHalf:
		v.jam()
		return news{moved: true, cause: hand}
	case byRadioHalf:
		v.jam()
		return news{moved: true, cause: radio}
	case byItselfHalf:
		v.jam()
		return news{moved: true, cause: itself}
	case boltJammed:
		v.jam()
		return news{moved: true}
	case doorOpened, doorShut:
		v.swing(n.Event)
	}
	return news{}
}

// stick takes in whether the lock says that its bolt is stuck. Where it is once that is over, it has to say.
func (v *view) stick(jammed bool) (changed bool) {
	changed = v.jammed != jammed
	if changed {
		v.jammed, v.mode = jammed, modeUnknown
	}
	return changed
}

func (v *view) jam() { v.jammed, v.mode = true, modeUnknown }

// typed is the cause of a turn at the keypad: a code, if the lock says whose.
func (n *notification) typed() device.Cause {
	var p struct {
		UserID json.RawMessage `json:"userId"`
	}
	if json.Unmarshal(n.Parameters, &p) == nil {
		if slot, ok := number(p.UserID); ok && slot > 0 {
			return device.Cause{Kind: device.CauseCode, Actor: device.SlotActor(slot)}
		}
	}
	return device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}
}

// position is where the bolt is. What contradicts itself is unknown.
func (v *view) position() (at device.BoltPosition, contradicts bool) {
	switch {
	case v.jammed:
		return device.BoltJammed, false
	case v.mode == modeUnknown:
		return device.BoltUnknown, false
	case v.mode == modeSecured && v.bolt == "unlocked":
		return device.BoltUnknown, true
	case v.mode == modeSecured:
		return device.BoltSecured, false
	}
	return device.BoltUnsecured, false
}

// reading is the view as a driver tells it.
func (v *view) reading(taken time.Time) device.LockReading {
	r := device.LockReading{Taken: taken, Battery: v.battery, DoorOpen: v.simple}
	var contradicts bool
	r.Bolt, contradicts = v.position()
	switch v.door {
	case "open":
		r.DoorOpen = device.Yes
	case "closed":
		r.DoorOpen = device.No
	}
	switch {
	case contradicts:
		r.Fault = "the lock says that it is locked and that its bolt is not out: look at the door"
	case r.Bolt == device.BoltJammed:
		r.Fault = "the bolt is stuck: push or pull the door, and lock it again"
	}
	return r
}
