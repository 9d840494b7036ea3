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

// scale measures loquet alone from a few doors to many.
func scale(ctx context.Context, o *options) error {
	for _, n := range o.sizes {
		fmt.Fprintf(os.Stderr, "scale: %d doors and locks\n", n)
		if err := o.size(ctx, n); err != nil {
			return fmt.Errorf("%d: %w", n, err)
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
		return o.out.Add(figures.Record{Part: "scale", Server: "loquet", Size: n, Metric: metric, Unit: unit, Figure: f})
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
	err = within(ctx, o.startLimit(), func() error {
		c, err := homes[0].session(ctx, homes[0].controllers[0])
		if err == nil {
			err = c.Close()
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := say(metricStart, "ms", figures.One(sinceMS(again.began))); err != nil {
		return err
	}
	if err := again.await(ctx); err != nil { // the later bridges too
		return err
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
	for _, m := range []struct {
		metric  string
		status  int
		request func(int) []byte
	}{{metricGet, 200, locks.getOne}, {metricPut, 204, locks.putSecured}} {
		took, err := requests(c, 2000, m.status, m.request)
		if err != nil {
			return err
		}
		if err := say(m.metric, "ms", figures.Of(took)); err != nil {
			return err
		}
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
	return locks.pulse(ctx, o, figures.Record{Part: "scale", Server: "loquet", Size: n, Unit: "ms"}, scaleSamples, false)
}

// scaleSamples of writes that owe a pulse: the few locks of a small house may not move more often.
const scaleSamples = 80
