package sim

import (
	"context"

	"github.com/loquet/loquet/hw"
)

// BoardConfig are the settings of the board driver "sim".
type BoardConfig struct {
	World string `yaml:"world,omitempty" jsonschema_description:"the unix socket of a simulated world in another process; without it the demo's house is simulated in this one"`
}

// BoardDriver is the board driver "sim".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("sim", "a simulated house, to try a configuration without hardware", BoardConfig{}, open)
}

func open(ctx context.Context, _ *hw.Env, c BoardConfig) (hw.Board, error) {
	if c.World != "" {
		return Dial(ctx, c.World)
	}
	w, err := New(DemoHouse(), 1)
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
