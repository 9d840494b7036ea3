package sim

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/hw"
)

// Status is what there is to know about a simulated device. Durations are nanoseconds in JSON.
type Status struct {
	Pulses         int     `json:"pulses"`       // orders that energised a relay, by this process
	PulsesTotal    int     `json:"pulses_total"` // the same, by all since the world began
	Edges          int     `json:"edges"`        // times that the device saw a relay's contact close
	LastEdgeUnixNS int64   `json:"last_edge_unix_ns"`
	Position       float64 `json:"position"` // 0 closed or secured, 1 open or unsecured
	Moving         string  `json:"moving"`   // up, down (towards 0), no
	Energised      bool    `json:"energised"`
	Obstructed     bool    `json:"obstructed,omitempty"`
	Jammed         bool    `json:"jammed,omitempty"`
	DoorOpen       bool    `json:"door_open,omitempty"` // the door that a lock is on
	Lamp           Signal  `json:"lamp,omitzero"`
	Beeper         Signal  `json:"beeper,omitzero"`
	LastMove       Move    `json:"last_move,omitzero"`
	Keys           string  `json:"keys,omitempty"` // the last digits typed on the keypad
}

// Signal is what a lamp or a beeper did.
type Signal struct {
	On    bool          `json:"on"`
	Edges int           `json:"edges"`
	Total time.Duration `json:"total_ns"` // how long it has been on since the world began
	Lasts time.Duration `json:"lasts_ns"` // for how long it has been signalling, the dark halves of flashes included
}

// Move is the start of a movement.
type Move struct {
	UnixNS    int64         `json:"unix_ns"`
	Direction string        `json:"direction"` // up, down
	Cause     string        `json:"cause"`     // relay, wall-button, obstruction, hand
	Lamp      time.Duration `json:"lamp_ns"`   // for how long the lamp had been signalling when it started
	Beeper    time.Duration `json:"beeper_ns"`
}

// Event is something that happens in the house and that no relay causes.
type Event struct {
	Name   string `json:"event"`
	Digits string `json:"digits,omitempty"` // keypad: 0 to 9, * and #
	Sensor string `json:"sensor,omitempty"` // lose-sensor, restore-sensor, bounce: closed, open ...; empty: see Events
}

// Names of events.
const (
	WallButton    = "wall-button"    // the button of the opener; the knob of a motor lock; the exit button of a strike
	Obstruct      = "obstruct"       // something stands in the way
	Clear         = "clear"          // and is gone
	Jam           = "jam"            // the door or bolt is stuck where it is
	Unjam         = "unjam"          // it is free; so is a relay that stuck
	LoseSensor    = "lose-sensor"    // all contacts, or one, read as not made
	RestoreSensor = "restore-sensor" // they work again
	Bounce        = "bounce"         // the contact that is made chatters for three seconds
	StickRelay    = "stick-relay"    // a relay's contact stays made the next time it is energised, until unjam
	DoorOpen      = "door-open"      // somebody opens the door by hand
	DoorClosed    = "door-closed"    // and closes it
	Keypad        = "keypad"         // somebody types digits
)

// Events lists the names of all events.
func Events() []string {
	return []string{WallButton, Obstruct, Clear, Jam, Unjam, LoseSensor, RestoreSensor, Bounce, StickRelay, DoorOpen, DoorClosed, Keypad}
}

// Sentinels of Status and Event.
var (
	ErrNoDevice   = errors.New("no such simulated device")
	ErrNoEvent    = errors.New("no such event")
	ErrImpossible = errors.New("that cannot happen now")
)

// Simulation is a World in this process or another: lines for drivers, and the house itself for tests.
type Simulation interface {
	hw.Board
	hw.EdgeBoard
	Devices(ctx context.Context) ([]string, error)
	Status(ctx context.Context, device string) (Status, error)
	Event(ctx context.Context, device string, e Event) error
}
