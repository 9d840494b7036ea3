package bridge

import (
	"context"
	"errors"
	"fmt"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/sim"
)

// World is a simulated house, in this process or another.
type World = sim.Simulation

// simBoard is the name of the lines of the demo's house.
const simBoard = "sim"

// Catalog is what a configuration may name in this build.
func Catalog() config.Catalog { return catalog.Of() }

// DemoCatalog is what the configuration of a house with Options.World may name: its lines as well.
func DemoCatalog() config.Catalog { return catalog.Of(simBoard) }

func (a *App) catalog() config.Catalog {
	if a.opts.World != nil {
		return DemoCatalog()
	}
	return Catalog()
}

// board is one section under boards:, opened.
type board struct {
	part  config.Part
	env   *hw.Env // closing it closes the board
	world World   // nil unless it is a simulated house
}

func (a *App) openLines(ctx context.Context) error {
	a.env = hw.NewEnv(a.log)
	a.onStop("lines", func(context.Context) error { return a.env.Close() })
	if a.opts.World != nil {
		if err := a.env.Add(simBoard, a.opts.World); err != nil {
			return err
		}
	}
	pins, err := all.Boards().Open(ctx, a.env, catalog.Pins, nil) // touches nothing before a line is asked for
	if err != nil {
		return err
	}
	if err := a.env.Add(catalog.Pins, pins); err != nil {
		return err
	}
	return a.openBoards(ctx, a.cfg)
}

// openBoards opens the boards of a configuration that are not open yet. If one fails, those that it
// opened are closed again.
func (a *App) openBoards(ctx context.Context, cfg *config.Config) error {
	var fresh []string
	for _, b := range cfg.Boards {
		if a.boards[b.ID] != nil {
			continue
		}
		opened, err := a.openBoard(ctx, b)
		if err != nil {
			for _, id := range fresh {
				err = errors.Join(err, a.closeBoard(id))
			}
			return err
		}
		a.boards[b.ID] = opened
		fresh = append(fresh, b.ID)
	}
	a.chooseWorld()
	return nil
}

func (a *App) openBoard(ctx context.Context, b config.Board) (*board, error) {
	env := a.env.For(b.ID)
	lines, err := all.Boards().Open(ctx, env, b.Part.Driver, b.Part.Decode)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("board %s: %w", b.ID, err), env.Close())
	}
	if err := env.Add(b.ID, lines); err != nil {
		return nil, errors.Join(fmt.Errorf("board %s: %w", b.ID, err), lines.Close(), env.Close())
	}
	world, _ := lines.(World)
	return &board{part: b.Part, env: env, world: world}, nil
}

// closeBoards closes the boards that a configuration does not have any more, or has with other
// settings. Nobody uses them: the devices on such a board were stopped before.
func (a *App) closeBoards(cfg *config.Config) error {
	next := map[string]config.Part{}
	for _, b := range cfg.Boards {
		next[b.ID] = b.Part
	}
	var errs []error
	for id, b := range a.boards {
		if part, ok := next[id]; !ok || !part.Same(&b.part) {
			errs = append(errs, a.closeBoard(id))
		}
	}
	a.chooseWorld()
	return errors.Join(errs...)
}

func (a *App) closeBoard(id string) error {
	b := a.boards[id]
	delete(a.boards, id)
	if err := b.env.Close(); err != nil {
		return fmt.Errorf("board %s: %w", id, err)
	}
	return nil
}

// chooseWorld finds the simulated house that the simulator's part of the API reaches into.
func (a *App) chooseWorld() {
	world := a.opts.World
	for _, b := range a.boards {
		if world == nil {
			world = b.world
		}
	}
	a.mu.Lock()
	a.world = world
	a.mu.Unlock()
}
