package sim

import (
	"fmt"
	"time"
)

// House is what stands in a World: plain data.
type House struct {
	Doors []DoorSpec
	Locks []LockSpec
}

// Reaction is what an opener does when something gets in the way of a closing door.
type Reaction uint8

// Reactions to an obstruction.
const (
	Reverses Reaction = iota // opens again, all the way
	Halts                    // stops where it is
)

// Cycle is what the presses of a button mean, one after another.
type Cycle uint8

// Cycles of an opener with one button.
const (
	OpenStopCloseStop Cycle = iota
	ReversesOnClose         // a press while closing opens
	NoStop                  // a press while moving reverses
)

// DoorSpec is a door with its opener.
type DoorSpec struct {
	ID       string
	Name     string
	Kind     string // as the configuration spells it: sectional, gate-sliding ...
	Discrete bool   // a line a direction, instead of one button
	Cycle    Cycle
	Travel   time.Duration // from one end to the other
	RunUp    time.Duration // from standing to full speed
	Coast    time.Duration // from full speed to standing, after the motor is off
	Bounce   time.Duration // how long a contact chatters when it changes
	Obstacle Reaction
	Open     bool // stands open at first
}

// LockDrive is how a lock is moved.
type LockDrive uint8

// Drives of locks.
const (
	Motor   LockDrive = iota // a line a direction, contacts at both ends
	Strike                   // released while energised, secured by its spring
	Maglock                  // holds while energised
)

// LockSpec is a lock on a door of its own.
type LockSpec struct {
	ID       string
	Name     string
	Drive    LockDrive
	FailSafe bool          // strike: released without power
	Bridge   bool          // motor: an H-bridge with lines direction (high: secures) and enable, instead of a line a direction
	Travel   time.Duration // motor: from end to end
	Bounce   time.Duration
	Keypad   string // the id of the keypad beside it; empty if there is none
	Released bool   // motor: stands unsecured at first
}

// DemoHouse is the house of `loquet demo`.
func DemoHouse() House {
	return House{
		Doors: []DoorSpec{
			garage("garage", "Garage"),
			{
				ID: "gate", Name: "Gate", Kind: "gate-sliding", Discrete: true, Obstacle: Halts,
				Travel: 15 * time.Second, RunUp: 800 * time.Millisecond, Coast: 400 * time.Millisecond, Bounce: 4 * time.Millisecond,
			},
		},
		Locks: []LockSpec{
			bolt("front", "Front door"),
			{ID: "studio", Name: "Studio", Drive: Strike, Bounce: 3 * time.Millisecond, Keypad: "studio-pad"},
		},
	}
}

// Size is a house with that many garage doors and motor locks: door-1, door-2 ... lock-1, lock-2 ...
func Size(doors, locks int) House {
	var h House
	for i := range doors {
		h.Doors = append(h.Doors, garage(fmt.Sprintf("door-%d", i+1), fmt.Sprintf("Door %d", i+1)))
	}
	for i := range locks {
		h.Locks = append(h.Locks, bolt(fmt.Sprintf("lock-%d", i+1), fmt.Sprintf("Lock %d", i+1)))
	}
	return h
}

func garage(id, name string) DoorSpec {
	return DoorSpec{
		ID: id, Name: name, Kind: "sectional", Travel: 12 * time.Second,
		RunUp: 500 * time.Millisecond, Coast: 250 * time.Millisecond, Bounce: 5 * time.Millisecond,
	}
}

func bolt(id, name string) LockSpec {
	return LockSpec{ID: id, Name: name, Drive: Motor, Travel: 1200 * time.Millisecond, Bounce: 2 * time.Millisecond}
}
