package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/loquet/loquet/bench/figures"
)

func (o *options) startLimit() time.Duration { return 120 * time.Second }

func sinceMS(t time.Time) float64 { return float64(time.Since(t)) / 1e6 }

// scale measures loquet alone from a few doors to many. What a request of less than 0.1 ms takes depends on
// which of the cores the two sides happen to share for a while: the median over a few rounds does not.
func scale(ctx context.Context, o *options) error {
	for o.round = 1; o.round <= o.rounds; o.round++ {
		for _, n := range o.sizes {
			fmt.Fprintf(os.Stderr, "scale: round %d of %d: %d doors and locks\n", o.round, o.rounds, n)
			if err := o.size(ctx, n); err != nil {
				return fmt.Errorf("%d: %w", n, err)
			}
		}
	}
	return nil
}

func (o *options) size(ctx context.Context, n int) error {
	sized := *o
	sized.doors, sized.locks = n-n/2, n/2
	dir, err := os.MkdirTemp("", "lqb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	say := func(metric, unit string, f figures.Figure) error {
		return o.out.Add(figures.Record{Part: "scale", Run: o.round, Server: "loquet", Size: n, Metric: metric, Unit: unit, Figure: f})
	}
	k := kinds()[0]
	s, err := k.start(&sized, dir)
	if err != nil {
		return err
	}
	if err := s.await(ctx); err != nil {
		return err
	}
	homes, err := s.pairAll(ctx)
	if err != nil {
		return err
	}
	if err := s.stop(); err != nil {
		return err
	}
	again, err := k.start(&sized, dir)
	if err != nil {
		return err
	}
	defer again.stop()
	for _, h := range homes {
		at := h.addr
		started := *again
		started.addr = at
		h.server = &started
	}
	err = figures.Within(ctx, o.startLimit(), func() error {
		c, err := homes[0].session(ctx, homes[0].controllers[0])
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := say(metricStart, "ms", figures.One(sinceMS(again.Began))); err != nil {
		return err
	}
	if err := again.await(ctx); err != nil { // the later bridges too
		return err
	}
	r, err := again.readReady()
	if err != nil || len(r.HomeKit) != len(homes) {
		return errors.Join(err, fmt.Errorf("%d bridges, and %d after a restart", len(homes), len(r.HomeKit)))
	}
	for i, b := range r.HomeKit { // a port that was any may be another one now
		homes[i].addr = b.Addr
	}
	return o.sizeOf(ctx, homes, n, say)
}

// pairAll pairs every bridge: a house of more than 149 doors has several.
func (s *server) pairAll(ctx context.Context) ([]*home, error) {
	r, err := s.readReady()
	if err != nil {
		return nil, err
	}
	var homes []*home
	for _, b := range r.HomeKit {
		one := *s
		one.addr, one.code = b.Addr, b.Code
		h, _, err := one.pair(ctx, controllers)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.Addr, err)
		}
		homes = append(homes, h)
	}
	return homes, nil
}

func (o *options) sizeOf(ctx context.Context, homes []*home, n int, say func(string, string, figures.Figure) error) error {
	doors, locks := homes[0], homes[0]
	for _, h := range homes {
		if len(h.locks) > len(locks.locks) {
			locks = h
		}
	}
	if len(doors.doors) == 0 || len(locks.locks) == 0 {
		return errors.New("a house without doors or without locks")
	}
	c, err := locks.session(ctx, locks.controllers[1])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := locks.settled(ctx, c); err != nil {
		return err
	}
	took, err := locks.verifies(ctx, 200)
	if err != nil {
		return err
	}
	if err := say(metricVerify, "ms", figures.Of(took)); err != nil {
		return err
	}
	var gets, puts []time.Duration
	for range 10 {
		if took, err = requests(c, 200, 200, locks.getOne); err != nil {
			return err
		}
		gets = append(gets, took...)
		if took, err = requests(c, 200, 204, locks.putSecured); err != nil {
			return err
		}
		puts = append(puts, took...)
	}
	if err := errors.Join(say(metricGet, "ms", figures.Of(gets)), say(metricPut, "ms", figures.Of(puts))); err != nil {
		return err
	}
	if took, err = doors.fanOut(ctx, o.events); err != nil {
		return err
	}
	if err := say(metricEvent, "ms", figures.Of(took)); err != nil {
		return err
	}
	if err := say(metricMemory, "MB", figures.One(figures.Status(locks.pid(), "VmRSS")/1000)); err != nil {
		return err
	}
	return locks.pulse(ctx, o, figures.Record{Part: "scale", Run: o.round, Server: "loquet", Size: n, Unit: "ms"}, scaleSamples, false)
}

// scaleSamples of writes that owe a pulse: the few locks of a small house may not move more often.
const scaleSamples = 80
