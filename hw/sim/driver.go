package sim

import (
	"context"

	"github.com/loquet/loquet/hw"
)

// BoardConfig are the settings of the board driver "sim".
type BoardConfig struct {
	World string `yaml:"world" jsonschema_description:"the unix socket of a simulated world in another process"`
}

// Check implements hw.Checker.
func (c BoardConfig) Check() error {
	if c.World == "" {
		return &hw.FieldError{Field: "world", Problem: "there is no socket", Remedy: "name the socket of a running world"}
	}
	return nil
}

// BoardDriver is the board driver "sim".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("sim", "a simulated house in another process", BoardConfig{},
		func(ctx context.Context, _ *hw.Env, c BoardConfig) (hw.Board, error) { return Dial(ctx, c.World) })
}
