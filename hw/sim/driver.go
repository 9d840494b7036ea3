package sim

import (
	"context"
	"fmt"

	"github.com/loquet/loquet/hw"
)

// BoardConfig are the settings of the board driver "sim".
type BoardConfig struct {
	World string `yaml:"world,omitempty" jsonschema_description:"the unix socket of a simulated world in another process; without it the demo's house is simulated in this one"`
	Doors int    `yaml:"doors,omitempty" jsonschema_description:"a house with so many garage doors instead of the demo's: door-1, door-2 ..."`
	Locks int    `yaml:"locks,omitempty" jsonschema_description:"and so many motor locks: lock-1, lock-2 ..."`
}

// mostDevices keeps a typing error from filling the memory.
const mostDevices = 10_000

// Check implements hw.Checker.
func (c BoardConfig) Check() error {
	switch sized := c.Doors != 0 || c.Locks != 0; {
	case sized && c.World != "":
		return &hw.FieldError{Field: "world", Problem: "a world in another process has the size that it was started with", Remedy: "leave doors and locks out"}
	case c.Doors < 0 || c.Locks < 0 || c.Doors > mostDevices || c.Locks > mostDevices:
		return &hw.FieldError{Field: "doors", Problem: fmt.Sprintf("%d doors and %d locks are no house", c.Doors, c.Locks), Remedy: fmt.Sprintf("take 0 to %d of each", mostDevices)}
	}
	return nil
}

func (c BoardConfig) house() House {
	if c.Doors == 0 && c.Locks == 0 {
		return DemoHouse()
	}
	return Size(c.Doors, c.Locks)
}

// BoardDriver is the board driver "sim".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("sim", "a simulated house, to try a configuration without hardware", BoardConfig{}, open)
}

func open(ctx context.Context, _ *hw.Env, c BoardConfig) (hw.Board, error) {
	if c.World != "" {
		return Dial(ctx, c.World)
	}
	w, err := New(c.house(), 1)
	if err != nil {
		return nil, err
	}
	return ownWorld{w.Board(), w}, nil
}

// ownWorld is a board whose world ends with it.
type ownWorld struct {
	*Board
	world *World
}

var _ Simulation = ownWorld{}

// Close drives every output to rest and ends the world.
func (o ownWorld) Close() error {
	err := o.Board.Close()
	o.world.Close()
	return err
}
