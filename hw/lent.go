package hw

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// lentOutput names the device in errors, and gives the line back to the house.
type lentOutput struct {
	Output
	env  *Env
	ref  Ref
	key  Line
	once sync.Once
	err  error
}

func (l *lentOutput) Set(ctx context.Context, active bool, max time.Duration) error {
	if err := l.Output.Set(ctx, active, max); err != nil {
		return opError(l.env.device, "set "+string(l.ref), err)
	}
	return nil
}

// Why implements Reasoned, where the board does.
func (l *lentOutput) Why() error {
	return opError(l.env.device, "ask "+string(l.ref), Why(l.Output))
}

func (l *lentOutput) Close() error {
	l.once.Do(func() {
		l.err = opError(l.env.device, "release "+string(l.ref), l.Output.Close())
		h := l.env.house
		h.mu.Lock()
		delete(h.outputs, l.key)
		h.mu.Unlock()
	})
	return l.err
}

// sharedInput is one requested input with all who read it.
type sharedInput struct {
	Input
	low   bool   // the polarity it was requested with
	first string // who asked first
	users int    // guarded by house.ask
}

// lentInput is one reader of a shared input.
type lentInput struct {
	shared *sharedInput
	flip   bool
	env    *Env
	ref    Ref
	key    Line
	closed atomic.Bool
}

func (l *lentInput) Read(ctx context.Context) (Level, error) {
	if l.closed.Load() {
		return Level{}, opError(l.env.device, "read "+string(l.ref), ErrClosed)
	}
	level, err := l.shared.Read(ctx)
	if err != nil {
		return Level{}, opError(l.env.device, "read "+string(l.ref), err)
	}
	level.Active = level.Active != l.flip
	return level, nil
}

func (l *lentInput) Watch(ctx context.Context) <-chan Level {
	levels := l.shared.Watch(ctx)
	if !l.flip {
		return levels
	}
	out := make(chan Level, 1)
	go func() {
		defer close(out)
		for level := range levels {
			level.Active = !level.Active
			Offer(out, level)
		}
	}()
	return out
}

func (l *lentInput) Close() error {
	if l.closed.Swap(true) {
		return nil
	}
	h := l.env.house
	h.ask.Lock()
	defer h.ask.Unlock()
	if l.shared.users--; l.shared.users > 0 {
		return nil
	}
	h.mu.Lock()
	delete(h.inputs, l.key)
	h.mu.Unlock()
	return opError(l.env.device, "give back "+string(l.ref), l.shared.Close())
}
