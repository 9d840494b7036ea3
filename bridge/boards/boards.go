// Package boards opens what provides lines: the pins of the machine, the simulated house of the demo, and
// the boards of the configuration.
package boards

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/sim"
)

// World is a simulated house, in this process or another.
type World = sim.Simulation

// Sim is the name of the lines of the demo's house.
const Sim = "sim"

// Boards are the boards of a running house. Its methods belong to whoever changes the house.
type Boards struct {
	env   *hw.Env
	log   zerolog.Logger
	given World // of the demo; nil unless there is one
	open  map[string]*board
}

// board is one section under boards:, opened.
type board struct {
	part  config.Part
	env   *hw.Env // closing it closes the board
	world World   // nil unless it is a simulated house
}

// Open opens the pins and the demo's house. No chip is touched before a line is asked for.
func Open(ctx context.Context, env *hw.Env, world World, log zerolog.Logger) (*Boards, error) {
	b := &Boards{env: env, log: log, given: world, open: map[string]*board{}}
	if world != nil {
		if err := env.Add(Sim, world); err != nil {
			return nil, err
		}
	}
	pins, err := all.Boards().Open(ctx, env, catalog.Pins, nil)
	if err != nil {
		return nil, err
	}
	return b, env.Add(catalog.Pins, pins)
}

// Start opens the boards of a configuration. One whose hardware is not there is tried again when its lines
// are asked for: it keeps its own devices away and nobody else's.
func (b *Boards) Start(ctx context.Context, cfg *config.Config) error {
	return b.add(ctx, cfg, true)
}

// Add opens the boards of a configuration that are not open yet. If one fails, those that it opened are
// closed again.
func (b *Boards) Add(ctx context.Context, cfg *config.Config) error {
	return b.add(ctx, cfg, false)
}

func (b *Boards) add(ctx context.Context, cfg *config.Config, late bool) error {
	var fresh []string
	for _, c := range cfg.Boards {
		if b.open[c.ID] != nil {
			continue
		}
		opened, err := b.openOne(ctx, c, late)
		if err != nil {
			for _, id := range fresh {
				err = errors.Join(err, b.close(id))
			}
			return err
		}
		b.open[c.ID] = opened
		fresh = append(fresh, c.ID)
	}
	return nil
}

func (b *Boards) openOne(ctx context.Context, c config.Board, late bool) (*board, error) {
	env := b.env.For(c.ID)
	chosen, err := all.Boards().Load(c.Part.Driver, c.Part.Decode)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("board %s: %w", c.ID, err), env.Close())
	}
	lines, err := chosen.Open(ctx, env)
	if err != nil && late {
		b.log.Error().Err(err).Str("board", c.ID).Msg("a board cannot be opened, trying it again")
		lines, err = hw.Late(err, func(ctx context.Context) (hw.Board, error) { return chosen.Open(ctx, env) }), nil
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("board %s: %w", c.ID, err), env.Close())
	}
	if err := env.Add(c.ID, lines); err != nil {
		return nil, errors.Join(fmt.Errorf("board %s: %w", c.ID, err), lines.Close(), env.Close())
	}
	world, _ := lines.(World)
	return &board{part: c.Part, env: env, world: world}, nil
}

// Drop closes the boards that a configuration does not have any more, or has with other settings. Nobody
// uses them: the devices on such a board were stopped before.
func (b *Boards) Drop(cfg *config.Config) error {
	next := map[string]config.Part{}
	for _, c := range cfg.Boards {
		next[c.ID] = c.Part
	}
	var errs []error
	for id, is := range b.open {
		if part, ok := next[id]; !ok || !part.Same(&is.part) {
			errs = append(errs, b.close(id))
		}
	}
	return errors.Join(errs...)
}

func (b *Boards) close(id string) error {
	is := b.open[id]
	delete(b.open, id)
	if err := is.env.Close(); err != nil {
		return fmt.Errorf("board %s: %w", id, err)
	}
	return nil
}

// Len is how many boards of the configuration there are.
func (b *Boards) Len() int { return len(b.open) }

// World is the simulated house that the simulator's part of the API reaches into; nil if there is none.
func (b *Boards) World() World {
	if b.given != nil {
		return b.given
	}
	for _, is := range b.open {
		if is.world != nil {
			return is.world
		}
	}
	return nil
}
