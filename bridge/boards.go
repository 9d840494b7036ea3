package bridge

import (
	"context"
	"fmt"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/sim"
)

// World is a simulated house, in this process or another.
type World = sim.Simulation

// simBoard is the name of the lines of the demo's house.
const simBoard = "sim"

// openBoards opens the boards of the configuration. One that is a simulated house is also what the
// simulator's part of the API reaches into.
func (a *App) openBoards(ctx context.Context) error {
	for _, b := range a.cfg.Boards {
		board, err := all.Boards().Open(ctx, a.env.For(b.ID), b.Part.Driver, b.Part.Decode)
		if err != nil {
			return fmt.Errorf("board %s: %w", b.ID, err)
		}
		if err := a.env.Add(b.ID, board); err != nil {
			return err
		}
		if w, ok := board.(World); ok && a.world == nil {
			a.world = w
		}
	}
	return nil
}

// simulator is the App for the API if there is something simulated, else nothing.
func (a *App) simulator() api.Simulator {
	if a.world == nil {
		return nil
	}
	return a
}

// Catalog is what a configuration may name in this build.
func Catalog() config.Catalog { return catalog.Of(simBoard) }
