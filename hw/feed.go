package hw

import (
	"context"
	"sync"
)

// Feed hands the newest value to everybody who subscribed. A slow reader misses what lies between.
// The zero value is ready. It is the one way in which lines and drivers here publish.
type Feed[T any] struct {
	mu     sync.Mutex
	subs   map[chan T]func() bool // the function stops watching the subscriber's context
	last   T
	has    bool
	closed bool
}

// Offer puts v into a channel with room for one value, in place of what an only sender put there before.
func Offer[T any](ch chan T, v T) {
	select {
	case ch <- v:
		return
	default:
	}
	select {
	case <-ch:
	default:
	}
	select {
	case ch <- v:
	default:
	}
}

// Publish makes v the newest value. It never blocks.
func (f *Feed[T]) Publish(v T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.last, f.has = v, true
	for ch := range f.subs {
		Offer(ch, v)
	}
}

// Last returns the newest value, if there is one.
func (f *Feed[T]) Last() (T, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last, f.has
}

// Subscribe returns a channel with the newest value in it, if there is one, and all that follow. It is
// closed when ctx ends, and by Break and Close.
func (f *Feed[T]) Subscribe(ctx context.Context) <-chan T {
	ch := make(chan T, 1)
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		close(ch)
		return ch
	}
	if f.has {
		ch <- f.last
	}
	if f.subs == nil {
		f.subs = make(map[chan T]func() bool)
	}
	f.subs[ch] = context.AfterFunc(ctx, func() { f.drop(ch) })
	return ch
}

func (f *Feed[T]) drop(ch chan T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.subs[ch]; !ok {
		return
	}
	delete(f.subs, ch)
	close(ch)
}

// Break closes all subscriptions and forgets the value: what it was about is unavailable. Who subscribes
// afterwards gets the next value that is published.
func (f *Feed[T]) Break() { f.end(false) }

// Close is Break for ever.
func (f *Feed[T]) Close() { f.end(true) }

func (f *Feed[T]) end(closed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var none T
	f.last, f.has, f.closed = none, false, f.closed || closed
	for ch, stop := range f.subs {
		stop()
		delete(f.subs, ch)
		close(ch)
	}
}
