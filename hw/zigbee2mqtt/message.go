package zigbee2mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
)

// mostPayload is how much of a lock is read in one message.
const mostPayload = 256 << 10

// message is what Zigbee2MQTT tells of a lock, as far as it is used. A key that is missing stays nil; what
// has an unexpected type counts as missing.
type message struct {
	State     json.RawMessage `json:"state"`
	LockState json.RawMessage `json:"lock_state"`
	DoorState json.RawMessage `json:"door_state"`
	Battery   json.RawMessage `json:"battery"`
	Low       json.RawMessage `json:"battery_low"`
	Action    json.RawMessage `json:"action"`
	User      json.RawMessage `json:"action_user"`
	Source    json.RawMessage `json:"action_source_name"`
	Users     json.RawMessage `json:"users"`
	Saved     json.RawMessage `json:"last_successful_pincode_save"`
	Cleared   json.RawMessage `json:"last_successful_pincode_clear"`
}

func parse(b []byte) (*message, error) {
	if len(b) > mostPayload {
		return nil, fmt.Errorf("a message of %d bytes", len(b))
	}
	var m *message
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, errors.New("a message that is no JSON object") // the decoder's words may hold a code
	}
	if m == nil {
		return nil, errors.New("a message without anything in it")
	}
	return m, nil
}

func text(b json.RawMessage) string {
	var s string
	if json.Unmarshal(b, &s) != nil {
		return ""
	}
	return s
}

// number is a JSON number, or a string of one, without a fraction and from 0 to the largest exact one.
func number(b json.RawMessage) (int, bool) {
	var f *float64
	if json.Unmarshal(b, &f) != nil || f == nil || *f != math.Trunc(*f) || *f < 0 || *f > 1<<53 {
		return 0, false
	}
	return int(*f), true
}

// telling reports whether the message says where the bolt is, be it that nobody knows.
func (m *message) telling() bool { return m.State != nil || m.LockState != nil }

// answers reports whether a message can be about an order: the bolt is where it was told to go, stuck, or
// nobody knows where.
func (m *message) answers(target device.BoltTarget) bool {
	at, _ := m.position()
	before := device.BoltSecured
	if target == device.BoltTargetSecured {
		before = device.BoltUnsecured
	}
	return m.telling() && at != before
}

// position is where the bolt is. Both keys come from one attribute of the lock; a lock may have only the
// first. Where they contradict each other it is unknown.
func (m *message) position() (at device.BoltPosition, contradicts bool) {
	state := map[string]device.BoltPosition{"LOCK": device.BoltSecured, "UNLOCK": device.BoltUnsecured}[text(m.State)]
	switch text(m.LockState) {
	case "locked":
		if state == device.BoltUnsecured {
			return device.BoltUnknown, true
		}
		return device.BoltSecured, false
	case "unlocked":
		if state == device.BoltSecured {
			return device.BoltUnknown, true
		}
		return device.BoltUnsecured, false
	case "not_fully_locked":
		return device.BoltJammed, false
	}
	if m.LockState != nil {
		return device.BoltUnknown, false // the lock says that it does not know
	}
	return state, false
}

func (m *message) door() (open device.Tri, fault string) {
	switch text(m.DoorState) {
	case "open":
		return device.Yes, ""
	case "closed":
		return device.No, ""
	case "error_jammed":
		return device.Unknown, "the lock says that its door is stuck"
	case "error_forced_open":
		return device.Unknown, "the lock says that its door was forced open"
	case "error_unspecified":
		return device.Unknown, "the lock says that something is wrong with its door"
	}
	return device.Unknown, ""
}

func (m *message) battery(old device.Battery) device.Battery {
	if n, ok := number(m.Battery); ok && n <= 100 {
		old.Known, old.Percent = true, uint8(n)
	}
	if m.Low != nil {
		old.Low = string(m.Low) == "true"
	}
	return old
}

// turn is what an action says of the bolt: the target, and who it was.
func (m *message) turn(first, last int) (device.BoltTarget, device.Cause) {
	action := text(m.Action)
	target := device.BoltTargetUnknown
	switch action {
	case "lock", "one_touch_lock", "key_lock", "auto_lock", "schedule_lock", "manual_lock":
		target = device.BoltTargetSecured
	case "unlock", "key_unlock", "schedule_unlock", "manual_unlock":
		target = device.BoltTargetUnsecured
	default:
		return target, device.Cause{}
	}
	source := text(m.Source)
	switch {
	case action == "auto_lock", action == "schedule_lock":
		return target, device.Cause{Kind: device.CauseAutoRelock}
	case strings.HasPrefix(action, "key_"), strings.HasPrefix(action, "manual_"), source == "manual":
		return target, device.Cause{Kind: device.CauseOutside, Place: device.OutsideByHand}
	case source == "rf":
		return target, device.Cause{Kind: device.CauseOutside, Place: device.OutsideRadio}
	case source == "keypad", source == "rfid", source == "fingerprint":
		if n, ok := number(m.User); ok && n >= first && n <= last && action != "one_touch_lock" {
			return target, device.Cause{Kind: device.CauseCode, Actor: device.SlotActor(n)}
		}
		return target, device.Cause{Kind: device.CauseOutside, Place: device.OutsideKeypad}
	}
	return target, device.Cause{Kind: device.CauseOutside}
}

// slot is what the message says of a slot for codes.
func (m *message) slot(n int, taken time.Time) (device.Slot, bool) {
	var users map[string]struct {
		Status json.RawMessage `json:"status"`
		Code   json.RawMessage `json:"pin_code"`
	}
	if json.Unmarshal(m.Users, &users) != nil {
		return device.Slot{}, false
	}
	user, ok := users[fmt.Sprint(n)]
	if !ok {
		return device.Slot{}, false
	}
	s := device.Slot{Taken: taken}
	switch text(user.Status) {
	case "available":
		s.Use = device.SlotEmpty
		return s, true
	case "enabled":
		s.Use = device.SlotUsed
	case "disabled":
		s.Use = device.SlotDisabled
	}
	if keys := text(user.Code); strings.Trim(keys, "0123456789") == "" {
		s.Keys = device.Keys(keys)
	}
	return s, true
}

// online reads an availability or the state of Zigbee2MQTT: a word, or an object with one.
func online(b []byte) (yes, known bool) {
	if len(b) > mostPayload {
		return false, false
	}
	word := string(b)
	var o struct {
		State string `json:"state"`
	}
	if json.Unmarshal(b, &o) == nil {
		word = o.State
	}
	switch word {
	case "online":
		return true, true
	case "offline":
		return false, true
	}
	return false, false
}
