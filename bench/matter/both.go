package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/loquet/loquet/bench/figures"
	"github.com/loquet/loquet/homekit/haptest"
)

// Of the house that both protocols show: with the bridge itself 150 accessories of HomeKit, of which the locks of the other parts
// are in Matter as well.
const (
	bothDoors = 75
	bothLocks = 74
	hapCode   = "031-45-154"
)

// both measures the memory of one loquet with both protocols beside that of two bridges that do the same together.
func both(ctx context.Context, o *options) error {
	for run := 1; run <= o.runs; run++ {
		fmt.Fprintf(os.Stderr, "both: run %d of %d\n", run, o.runs)
		for _, one := range []struct {
			name   string
			memory func(context.Context, *options, int) (float64, error)
		}{{"loquet", bothLoquet}, {"hap-nodejs", hapNodeJS}, {"matter.js", bothMatterJS}} {
			memory, err := one.memory(ctx, o, run)
			if err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
			like := figures.Record{Part: "matter-both", Run: run, Server: one.name}
			if err := o.say(like, metricBothRatio, "MB", figures.One(memory)); err != nil {
				return err
			}
		}
	}
	return nil
}

func bothMatterJS(ctx context.Context, o *options, run int) (float64, error) {
	return o.measure(ctx, matterJS(o.locks), figures.Record{Part: "matter-both", Run: run, Server: "matter.js"})
}

// bothLoquet uses both protocols before it looks.
func bothLoquet(ctx context.Context, o *options, run int) (float64, error) {
	dir, err := os.MkdirTemp("", "lqm")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	like := figures.Record{Part: "matter-both", Run: run, Server: "loquet"}
	s, v, err := o.inUse(ctx, loquet(o.locks, bothDoors, bothLocks-o.locks), dir, like)
	if err != nil {
		return 0, err
	}
	defer v.tb.end()
	defer s.stop()
	code, err := s.setupCode(ctx)
	if err != nil {
		return 0, err
	}
	if err := phone(ctx, code, o.samples); err != nil {
		return 0, err
	}
	if err := o.ask(ctx, s, v, like); err != nil {
		return 0, err
	}
	return figures.Status(s.PID(), "VmRSS") / 1000, nil
}

func hapNodeJS(ctx context.Context, o *options, _ int) (float64, error) {
	dir, err := os.MkdirTemp("", "lqm")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir)
	k := kind{name: "hap-nodejs", begin: func(_ *options, dir string) ([]string, error) {
		return []string{"node", "bench/homekit/peers/hap-nodejs.cjs", filepath.Join(dir, "state"), fmt.Sprint(hapPort), fmt.Sprint(bothDoors), fmt.Sprint(bothLocks)}, nil
	}}
	s, err := k.start(o, dir)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if err := s.hears(ctx); err != nil {
		return 0, err
	}
	if err := phone(ctx, hapCode, o.samples); err != nil {
		return 0, fmt.Errorf("%w; it said: %s", err, s.Said())
	}
	return figures.Status(s.PID(), "VmRSS") / 1000, nil
}

// phone pairs with a HomeKit bridge and reads all of it, again and again.
func phone(ctx context.Context, code string, samples int) error {
	at := fmt.Sprintf("127.0.0.1:%d", hapPort)
	c, err := haptest.Dial(ctx, at)
	if err != nil {
		return err
	}
	acc, err := c.PairSetup(code)
	if err != nil {
		return fmt.Errorf("pair-setup: %w", err)
	}
	who := c.Controller
	c.Close()
	if c, err = haptest.Dial(ctx, at); err != nil {
		return err
	}
	defer c.Close()
	c.Controller = who
	if err := c.PairVerify(acc); err != nil {
		return fmt.Errorf("pair-verify: %w", err)
	}
	for range max(1, samples/10) {
		if _, err := c.Accessories(); err != nil {
			return err
		}
	}
	return nil
}
