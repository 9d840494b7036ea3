package store

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
)

// condition is whether the store is degraded, and why. It is safe for use by several goroutines.
type condition struct {
	log    zerolog.Logger
	relief func() // gives room back on a full disk; called without the lock

	mu      sync.Mutex
	reason  *Problem
	passing bool          // it may end without a restart
	changed chan struct{} // holds one: there is something to tell
}

func newCondition(log zerolog.Logger) *condition {
	return &condition{log: log, relief: func() {}, changed: make(chan struct{}, 1)}
}

// degrade notes that something cannot be kept any more. The first reason stays until a worse one comes:
// one that does not pass by itself.
func (c *condition) degrade(p *Problem) {
	c.note(p, errors.Is(p, ErrDiskFull) || errors.Is(p, ErrReadOnly) || errors.Is(p, ErrHeld))
}

// degradeUntilRestart is for what only a new start can end.
func (c *condition) degradeUntilRestart(p *Problem) { c.note(p, false) }

func (c *condition) note(p *Problem, passing bool) {
	c.mu.Lock()
	worse := c.reason == nil || (c.passing && !passing)
	if worse {
		c.reason, c.passing = p, passing
	}
	c.mu.Unlock()
	if errors.Is(p, ErrDiskFull) {
		c.relief()
	}
	if worse {
		c.log.Error().Err(p).Str("remedy", p.Remedy).Msg("the store is degraded: nothing can be changed")
		c.tell()
	}
}

// recovered ends a condition that passes. It returns false if there is one that does not.
func (c *condition) recovered() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == nil || !c.passing {
		return false
	}
	c.reason, c.passing = nil, false
	c.tell()
	return true
}

func (c *condition) tell() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// get returns the reason, nil when all is well, and whether it may pass.
func (c *condition) get() (reason *Problem, passing bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reason, c.passing
}

// refuse returns the error for whoever wants to change something, nil when all is well.
func (c *condition) refuse() error {
	reason, _ := c.get()
	if reason == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrDegraded, reason)
}
