package gpio

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/loquet/loquet/hw"
)

// edges are lines requested together.
type edges struct {
	held *held

	mu     sync.Mutex
	taps   map[chan hw.Edge]func() bool // the function stops watching the reader's context
	closed bool
}

var _ hw.Edges = (*edges)(nil)

func newEdges(h *held) *edges {
	e := &edges{held: h, taps: make(map[chan hw.Edge]func() bool)}
	go h.keep(e)
	return e
}

// Watch implements hw.Edges. Time and count are the kernel's.
func (e *edges) Watch(ctx context.Context) <-chan hw.Edge {
	ch := make(chan hw.Edge, eventBuffer)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		close(ch)
		return ch
	}
	e.taps[ch] = context.AfterFunc(ctx, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if _, ok := e.taps[ch]; ok {
			delete(e.taps, ch)
			close(ch)
		}
	})
	return ch
}

// Close implements hw.Edges.
func (e *edges) Close() error {
	e.held.board.forget(e)
	e.held.end()
	e.hangUp(true)
	return nil
}

// watch implements keeper.
func (e *edges) watch(ctx context.Context, r request) {
	buf := make([]lineEvent, eventBuffer)
	for ctx.Err() == nil {
		n, err := r.events(buf, probe)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			_, err = r.get(1) // is the chip still there?
		}
		if err != nil {
			return
		}
		for _, event := range buf[:n] {
			e.tell(event)
		}
	}
}

// tell hands an edge to everybody. Who has no room misses it, and sees the gap in Seq.
func (e *edges) tell(event lineEvent) {
	edge := hw.Edge{Active: event.ID == eventRising, At: time.Duration(event.Time), Seq: event.Seq}
	for i, p := range e.held.places {
		if p.offset == event.Offset {
			edge.Line = i
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for ch := range e.taps {
		select {
		case ch <- edge:
		default:
		}
	}
}

func (e *edges) lost() { e.hangUp(false) }

func (e *edges) back(request) error { return nil }

func (e *edges) hangUp(closed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = e.closed || closed
	for ch, stop := range e.taps {
		stop()
		delete(e.taps, ch)
		close(ch)
	}
}
