package alerts

import (
	"time"

	"github.com/loquet/loquet/health"
)

// Kind is the stable word for what an alert is about; receivers sort by it.
type Kind string

// Kinds of alerts.
const (
	LeftOpen     Kind = "left-open"
	Night        Kind = "night"
	RefusedTries Kind = "refused-tries"
	Jam          Kind = "jam"
	DeviceLost   Kind = "device-lost"
	Battery      Kind = "battery"
	Duress       Kind = "duress"
	Trouble      Kind = "trouble" // any other problem of the house
)

// kindOf sorts the problems of the house.
func kindOf(code health.Code) Kind {
	switch code {
	case health.KeypadGuessed, health.KeypadTampered:
		return RefusedTries
	case health.LockJammed, health.RelayStuck, health.Suspended, health.Obstructed:
		return Jam
	case health.DeviceUnavailable:
		return DeviceLost
	case health.BatteryLow:
		return Battery
	case health.DuressUsed:
		return Duress
	default:
		return Trouble
	}
}

// urgent reports whether an alert goes out in the quiet hours too: what may be somebody at the door.
func (k Kind) urgent() bool { return k == Night || k == RefusedTries || k == Jam || k == Duress }

// patience is how long something must last before it is worth an alert.
func (k Kind) patience() time.Duration {
	if k == DeviceLost {
		return 2 * time.Minute // a router that starts again is no news
	}
	return 0
}

// Alert is one message to the owner. It holds names of devices, never of people, and no digit of a code.
type Alert struct {
	ID     string    `json:"id"` // the same at every attempt to deliver it
	Kind   Kind      `json:"kind"`
	Device string    `json:"device,omitempty"`
	Name   string    `json:"name,omitempty"`
	Title  string    `json:"title"`
	Text   string    `json:"text"`
	At     time.Time `json:"at"`
	Times  int       `json:"times"`  // the how-manyth alert about the same thing, from 1
	Over   bool      `json:"over"`   // it is over: the door is closed, the device is back
	Urgent bool      `json:"urgent"` // it goes out in the quiet hours too
}
