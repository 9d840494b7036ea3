package main

import (
	"context"
	"fmt"
	"os"

	"github.com/loquet/loquet/bench/figures"
)

// starts measures cold starts alone, many times: each server is paired once, and then started again and
// again, in turn with the others.
func starts(ctx context.Context, o *options) error {
	var homes []*home
	var dirs []string
	defer func() {
		for _, dir := range dirs {
			_ = os.RemoveAll(dir) // scratch
		}
	}()
	for _, k := range o.chosen() {
		dir, err := os.MkdirTemp("", "lqb")
		if err != nil {
			return err
		}
		dirs = append(dirs, dir)
		h, _, err := k.paired(ctx, o, dir)
		if err != nil {
			return err
		}
		homes = append(homes, h)
	}
	for run := 1; run <= o.runs; run++ {
		fmt.Fprintf(os.Stderr, "start: run %d of %d\n", run, o.runs)
		for i := range homes {
			n := (i + run) % len(homes)
			if err := o.again(ctx, run, homes[n], dirs[n]); err != nil {
				return fmt.Errorf("run %d: %s: %w", run, homes[n].kind.name, err)
			}
		}
	}
	return nil
}

// paired is a server that was started, paired, and stopped.
func (k kind) paired(ctx context.Context, o *options, dir string) (*home, float64, error) {
	s, err := k.start(o, dir)
	if err != nil {
		return nil, 0, err
	}
	if err := s.await(ctx); err != nil {
		return nil, 0, err
	}
	h, took, err := s.pair(ctx, controllers)
	if err != nil {
		return nil, 0, err
	}
	return h, float64(took) / 1e6, s.stop()
}

// again starts a server whose home is in use, and says how long the first pair-verify took.
func (o *options) again(ctx context.Context, run int, h *home, dir string) error {
	took, err := h.restart(ctx, o, dir)
	if err != nil {
		return err
	}
	err = o.out.Add(figures.Record{Part: "start", Run: run, Server: h.kind.name, Metric: metricStart, Unit: "ms", Figure: figures.One(took)})
	if err != nil {
		return err
	}
	// What would come after it is let come: a server that is stopped in the middle of its start is
	// another matter.
	c, err := h.session(ctx, h.controllers[1])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := h.settled(ctx, c); err != nil {
		return err
	}
	return h.stop()
}

// restart starts the server of a home and waits for the first answered pair-verify.
func (h *home) restart(ctx context.Context, o *options, dir string) (float64, error) {
	var err error
	if h.server, err = h.kind.start(o, dir); err != nil {
		return 0, err
	}
	err = figures.Within(ctx, o.startLimit(), func() error {
		c, err := h.session(ctx, h.controllers[0])
		if err == nil {
			err = c.Close()
		}
		return err
	})
	return sinceMS(h.Began), err
}
