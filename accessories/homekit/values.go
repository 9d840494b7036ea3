package homekit

import (
	"errors"

	"github.com/loquet/loquet/device"
)

// Values on the wire (HAP R2 9.30 CurrentDoorState, 9.118 TargetDoorState, 9.52 LockCurrentState,
// 9.56 LockTargetState, 9.21 ContactSensorState).
const (
	doorOpen    = 0
	doorClosed  = 1
	doorOpening = 2
	doorClosing = 3
	doorStopped = 4

	boltUnsecured = 0
	boltSecured   = 1
	boltJammed    = 2
	boltUnknown   = 3

	contactDetected    = 0 // closed
	contactNotDetected = 1 // open

	actionSecured   = 9 // LockLastKnownAction: physically, nobody knows from which side
	actionUnsecured = 10
)

// currentDoor shows a position. What is not known is shown as stopped: never as closed, and not as
// open either, which Apple Home would announce.
func currentDoor(p device.Position) int {
	switch p {
	case device.PositionClosed:
		return doorClosed
	case device.PositionOpen:
		return doorOpen
	case device.PositionClosing:
		return doorClosing
	case device.PositionOpening:
		return doorOpening
	default:
		return doorStopped
	}
}

// targetDoor shows a target; HomeKit has no word for "not known", and closed must never be guessed.
func targetDoor(t device.Target) int {
	if t == device.TargetClosed {
		return doorClosed
	}
	return doorOpen
}

func currentBolt(b device.BoltPosition) int {
	switch b {
	case device.BoltSecured:
		return boltSecured
	case device.BoltUnsecured:
		return boltUnsecured
	case device.BoltJammed:
		return boltJammed
	default:
		return boltUnknown
	}
}

func targetBolt(t device.BoltTarget) int {
	if t == device.BoltTargetSecured {
		return boltSecured
	}
	return boltUnsecured
}

// contact shows whether something stands open. Not known is shown as open: a door that nobody has
// seen closed is not closed.
func contact(open device.Tri) int {
	if open == device.No {
		return contactDetected
	}
	return contactNotDetected
}

// lastAction is LockLastKnownAction (HAP R2 9.54): how the bolt came to where it is.
func lastAction(s device.LockState) (int, bool) {
	secured := s.Bolt == device.BoltSecured
	if !secured && s.Bolt != device.BoltUnsecured {
		return 0, false
	}
	pick := func(whenSecured, whenUnsecured int) (int, bool) {
		if secured {
			return whenSecured, true
		}
		return whenUnsecured, true
	}
	switch s.Cause.Kind {
	case device.CauseOutside:
		return pick(actionSecured, actionUnsecured)
	case device.CauseCode:
		return pick(4, 5)
	case device.CauseExit:
		return pick(0, 1)
	case device.CauseAutoRelock:
		return pick(8, 7)
	case device.CauseHomeKit, device.CauseMatter, device.CauseConsole, device.CauseMQTT, device.CauseAutoClose:
		return pick(6, 7)
	default:
		return 0, false
	}
}

// doorAction is what a write to TargetDoorState asks for.
func doorAction(v int) device.Action {
	if v == doorClosed {
		return device.ActionClose
	}
	return device.ActionOpen
}

// boltAction is what a write to LockTargetState asks for.
func boltAction(v int) device.Action {
	if v == boltSecured {
		return device.ActionLock
	}
	return device.ActionUnlock
}

// refusalOf finds the refusal in an error, or makes one of an error that has none.
func refusalOf(err error) *device.Refusal {
	var r *device.Refusal
	if errors.As(err, &r) {
		return r
	}
	return &device.Refusal{Code: device.RefusedUnavailable, Why: "the device does not answer", Err: err}
}
