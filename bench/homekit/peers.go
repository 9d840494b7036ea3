package main

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/loquet/loquet/bench/figures"
)

// Names of the metrics that the peers are compared in.
const (
	metricStart       = "cold start to the first answered pair-verify"
	metricSetup       = "pair-setup"
	metricVerify      = "connect and pair-verify"
	metricAccessories = "GET /accessories"
	metricGet         = "GET of one characteristic"
	metricPut         = "write that owes nothing"
	metricEvent       = "event to the last of 8 controllers"
	metricMemory      = "memory after the run"
	metricPeak        = "peak of memory"
	metricBytes       = "size of /accessories"
)

const controllers = 8

// chosen are the servers to be measured.
func (o *options) chosen() []kind {
	var who []kind
	for _, k := range kinds() {
		if slices.Contains(o.servers, k.name) {
			who = append(who, k)
		}
	}
	return who
}

// peers measures the servers one after another in each run, each time in another order.
func peers(ctx context.Context, o *options) error {
	who := o.chosen()
	for run := 1; run <= o.runs; run++ {
		for i := range who {
			k := who[(i+run)%len(who)]
			fmt.Fprintf(os.Stderr, "peers: run %d of %d: %s\n", run, o.runs, k.name)
			if err := o.measure(ctx, run, k); err != nil {
				return fmt.Errorf("run %d: %s: %w", run, k.name, err)
			}
		}
	}
	return nil
}

func (o *options) measure(ctx context.Context, run int, k kind) error {
	dir, err := os.MkdirTemp("", "lqb")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	say := func(metric, unit string, f figures.Figure) error {
		return o.out.Add(figures.Record{Part: "peers", Run: run, Server: k.name, Metric: metric, Unit: unit, Figure: f})
	}

	// The first start makes the identity and pairs. The second is a cold start of a home in use.
	h, took, err := k.paired(ctx, o, dir)
	if err != nil {
		return err
	}
	if err := say(metricSetup, "ms", figures.One(took)); err != nil {
		return err
	}
	if took, err = h.restart(ctx, o, dir); err != nil {
		return err
	}
	defer h.stop()
	if err := say(metricStart, "ms", figures.One(took)); err != nil {
		return err
	}
	return h.exercise(ctx, o, k, say)
}

// exercise is what every server goes through, so that their memory can be compared after it.
func (h *home) exercise(ctx context.Context, o *options, k kind, say func(string, string, figures.Figure) error) error {
	c, err := h.session(ctx, h.controllers[1])
	if err != nil {
		return err
	}
	defer c.Close()
	if err := h.settled(ctx, c); err != nil {
		return err
	}
	body, err := c.Accessories()
	if err != nil {
		return err
	}
	if err := say(metricBytes, "bytes", figures.One(float64(len(body)))); err != nil {
		return err
	}
	verifies, err := h.verifies(ctx, 200)
	if err != nil {
		return err
	}
	if err := say(metricVerify, "ms", figures.Of(verifies)); err != nil {
		return err
	}
	for _, m := range []struct {
		metric  string
		n       int
		status  int
		request func(int) []byte
	}{
		{metricAccessories, 100, 200, getAccessories},
		{metricGet, 2000, 200, h.getOne},
		{metricPut, 2000, 204, h.putSecured},
	} {
		took, err := requests(c, m.n, m.status, m.request)
		if err != nil {
			return fmt.Errorf("%s: %w", m.metric, err)
		}
		if err := say(m.metric, "ms", figures.Of(took)); err != nil {
			return err
		}
	}
	if k.name != "homebridge" {
		took, err := h.fanOut(ctx, o.events)
		if err != nil {
			return fmt.Errorf("%s: %w", metricEvent, err)
		}
		if err := say(metricEvent, "ms", figures.Of(took)); err != nil {
			return err
		}
	}
	if err := say(metricMemory, "MB", figures.One(figures.Status(h.pid(), "VmRSS")/1000)); err != nil {
		return err
	}
	return say(metricPeak, "MB", figures.One(figures.Status(h.pid(), "VmHWM")/1000))
}
