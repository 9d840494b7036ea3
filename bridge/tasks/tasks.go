// Package tasks ends what a program began: goroutines that belong to no device end together, before anything
// that they use.
package tasks

import (
	"context"
	"fmt"
	"sync"
)

// Tasks are goroutines that end together. New makes them.
type Tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	ended bool
	group sync.WaitGroup
}

// New returns tasks of which none runs.
func New() *Tasks {
	t := &Tasks{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// Context ends when the tasks are to end.
func (t *Tasks) Context() context.Context { return t.ctx }

// Cancel tells the tasks to end, and waits for none.
func (t *Tasks) Cancel() { t.cancel() }

// Run starts a task; after the end it does nothing.
func (t *Tasks) Run(do func(ctx context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.group.Go(func() { do(t.ctx) })
	}
}

// End ends all tasks and waits for them, until ctx ends.
func (t *Tasks) End(ctx context.Context) error {
	t.cancel()
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	all := make(chan struct{})
	go func() {
		t.group.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("work goes on: %w", ctx.Err())
	}
}
