package nuki

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/loquet/loquet/device"
)

// What a lock tells, by the last part of the topic (Nuki MQTT API 1.4, "Topics").
const (
	topicConnected = "connected"
	topicState     = "state"
	topicMode      = "mode"
	topicDoor      = "doorsensorState"
	topicCharge    = "batteryChargeState"
	topicResponse  = "commandResponse"
	topicEvent     = "lockActionEvent"
	topicOrder     = "lockAction"
)

// told is every topic on which a lock speaks of itself. What others write for it, our own orders too, stands on others.
func told() []string {
	return append([]string{topicConnected, topicState, topicMode, topicDoor, topicCharge, topicResponse, topicEvent, "timestamp"}, lows()...)
}

// lows are the batteries that may be nearly empty: the lock's own, its keypad's and its door sensor's.
func lows() []string {
	return []string{"batteryCritical", "keypadBatteryCritical", "doorsensorBatteryCritical"}
}

// Actions (Nuki MQTT API 1.4, "Lock Actions"). 80 and 90 are fobs and buttons that do nothing.
const (
	actUnlock     = 1
	actLock       = 2
	actUnlatch    = 3
	actLockNGo    = 4
	actLockNGoTwo = 5 // and unlatch
	actFullLock   = 6
)

// Triggers of an action.
const (
	byRadio  = 0 // Bluetooth: app, keypad, fob
	byButton = 2
	byClock  = 3 // and, in the examples of the specification, a fob
	byItself = 6 // auto lock
	byMQTT   = 172
)

// longest is how many bytes of a message are looked at: the longest that is used has five numbers.
const longest = 64

// number reads a value: digits, true or false.
func number(b []byte) (n uint32, ok bool) {
	if len(b) > longest {
		return 0, false
	}
	switch s := strings.TrimSpace(string(b)); s {
	case "true":
		return 1, true
	case "false":
		return 0, true
	default:
		return digits(s)
	}
}

func digits(s string) (uint32, bool) {
	n, err := strconv.ParseUint(s, 10, 32)
	return uint32(n), err == nil
}

// event is an action that a lock is about to do.
type event struct{ action, trigger, user, code, more uint32 }

// parseEvent reads action, trigger, id of the user, id of the keypad's code, and how it came about.
func parseEvent(b []byte) (e event, ok bool) {
	if len(b) > longest {
		return event{}, false
	}
	parts := strings.Split(strings.TrimSpace(string(b)), ",")
	if len(parts) != 5 {
		return event{}, false
	}
	for i, to := range []*uint32{&e.action, &e.trigger, &e.user, &e.code, &e.more} {
		if *to, ok = digits(strings.TrimSpace(parts[i])); !ok {
			return event{}, false
		}
	}
	return e, true
}

// target is where an action takes the bolt, and whether the lock goes back by itself.
func (e event) target() (to device.BoltTarget, returns bool) {
	switch e.action {
	case actUnlock, actUnlatch:
		return device.BoltTargetUnsecured, false
	case actLockNGo, actLockNGoTwo:
		return device.BoltTargetUnsecured, true
	case actLock, actFullLock:
		return device.BoltTargetSecured, false
	}
	return device.BoltTargetUnknown, false
}

// cause is who it was, as far as the lock says. Nothing tells a phone from the back key of a keypad.
func (e event) cause() device.Cause {
	outside := device.Cause{Kind: device.CauseOutside}
	switch {
	case e.trigger == byRadio && e.code > math.MaxInt32:
		outside.Place = device.OutsideKeypad
	case e.trigger == byRadio && e.code != 0: // typed, or a finger
		return device.Cause{Kind: device.CauseCode, Actor: device.SlotActor(int(e.code))}
	case e.trigger == byRadio && e.more == 1: // auto unlock: a phone came near
		outside.Place = device.OutsideRadio
	case e.trigger == byButton:
		outside.Place = device.OutsideByHand
	case e.trigger == byItself, e.trigger == byClock && e.user == 0:
		return device.Cause{Kind: device.CauseAutoRelock}
	case e.trigger == byClock:
		outside.Place = device.OutsideRadio
	}
	return outside
}

// position is where the bolt is in a state. A bolt that moves is in neither place.
func position(state uint32) (at device.BoltPosition, fault string) {
	switch state {
	case 0:
		return device.BoltUnknown, "the lock is not calibrated: do it in the Nuki app"
	case 1:
		return device.BoltSecured, ""
	case 3, 5, 6: // unlocked, unlatched, unlocked by lock'n'go
		return device.BoltUnsecured, ""
	case 254:
		return device.BoltJammed, "the bolt is stuck: push or pull the door, and lock it again"
	}
	return device.BoltUnknown, "" // 2, 4, 7: it moves; 253: it starts; 255: it does not know
}

// towards reports whether a state can come of an order: the bolt is there, on its way, or stuck on it.
func towards(state uint32, target device.BoltTarget) bool {
	switch state {
	case 1, 4:
		return target == device.BoltTargetSecured
	case 2, 3, 5, 7:
		return target == device.BoltTargetUnsecured
	}
	return state == 254
}

func doorOpen(n uint32) (open device.Tri, fault string) {
	switch n {
	case 2:
		return device.No, ""
	case 3:
		return device.Yes, ""
	case 240:
		return device.Unknown, "the lock says that somebody tampered with its door sensor"
	}
	return device.Unknown, "" // not there, off, not calibrated, or it does not know
}

// refusal is what a response means (Nuki BLE API, "Error codes"); nil: the lock obeys. What it may say after it
// began to move is unsure.
func refusal(code uint32) error {
	if code == 0 {
		return nil
	}
	why, still := "", true
	switch {
	case code >= 0x20 && code <= 0x2F:
		why = "it may not be commanded by MQTT"
	case code == 0x45:
		why = "it is busy"
	case code == 0x47:
		why = "it is not calibrated"
	case code == 0x4C:
		why = "its batteries are empty"
	case code == 0x42:
		why, still = "its motor is blocked", false
	default:
		still = false
	}
	err := fmt.Errorf("the lock answered with the error %d", code)
	if why != "" {
		err = fmt.Errorf("%w: %s", err, why)
	}
	if !still {
		err = fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	return err
}
