package sim

import (
	"context"
	"time"

	"github.com/loquet/loquet/hw"
)

// edgeBuffer is how many edges wait for a slow reader, as many as a kernel is asked to keep.
const edgeBuffer = 256

// edges are lines of one device that are watched together.
type edges struct {
	lines  []*line
	low    bool
	falls  bool // only edges to inactive count
	ctx    context.Context
	cancel context.CancelFunc
}

var _ hw.Edges = (*edges)(nil)

// tap is one reader. It is guarded by the device of its lines.
type tap struct {
	edges *edges
	ch    chan hw.Edge
	seq   uint32
}

// Watch implements hw.Edges.
func (e *edges) Watch(ctx context.Context) <-chan hw.Edge {
	t := &tap{edges: e, ch: make(chan hw.Edge, edgeBuffer)}
	u := e.lines[0].unit
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, l := range e.lines {
		if l.taps == nil {
			l.taps = make(map[*tap]struct{})
		}
		l.taps[t] = struct{}{}
	}
	context.AfterFunc(either(ctx, e.ctx), func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		for _, l := range e.lines {
			delete(l.taps, t)
		}
		close(t.ch)
	})
	return t.ch
}

// Close implements hw.Edges.
func (e *edges) Close() error {
	e.cancel()
	return nil
}

// edge counts an edge also where there is no room for it: the gap tells that it was lost.
func (t *tap) edge(l *line, at time.Duration) {
	if active := l.level != t.edges.low; active && t.edges.falls {
		return
	}
	t.seq++
	for i, mine := range t.edges.lines {
		if mine != l {
			continue
		}
		select {
		case t.ch <- hw.Edge{Line: i, Active: l.level != t.edges.low, At: at, Seq: t.seq}:
		default:
		}
	}
}
