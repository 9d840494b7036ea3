package apitest

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
)

// Clock is an api.Timekeeper in memory, whose machine's time is always right.
type Clock struct {
	Facts api.ClockFacts // what is known before somebody confirms it
	Err   error          // what a confirmation is refused with

	mu sync.Mutex
	by string
}

var _ api.Timekeeper = (*Clock)(nil)

// ClockFacts are those that were put in, or that somebody confirmed it.
func (c *Clock) ClockFacts() api.ClockFacts {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.Facts
	if c.by != "" {
		f.Trust, f.By, f.Since, f.Until = "trusted", c.by, f.At, f.At.Add(144*time.Hour)
	}
	return f
}

// ConfirmClock believes everybody.
func (c *Clock) ConfirmClock(_ context.Context, by device.Cause, _ time.Time) (api.ClockFacts, error) {
	if c.Err != nil {
		return api.ClockFacts{}, c.Err
	}
	c.mu.Lock()
	c.by = by.Actor
	c.mu.Unlock()
	return c.ClockFacts(), nil
}
