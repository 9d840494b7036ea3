package bridge

import (
	"context"
	"fmt"
	"sync"
)

// tasks are the goroutines of an App that belong to no device. They end before anything that they use.
type tasks struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu    sync.Mutex
	ended bool
	group sync.WaitGroup
}

func newTasks() *tasks {
	t := &tasks{}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// run starts a task; after the end it does nothing.
func (t *tasks) run(do func(ctx context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.group.Go(func() { do(t.ctx) })
	}
}

// end ends all tasks and waits for them, until ctx ends.
func (t *tasks) end(ctx context.Context) error {
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
