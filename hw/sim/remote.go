package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// remoteOutput is an output in another process. The timer that bounds it is here, as with a GPIO line.
type remoteOutput struct {
	*hw.Bounded
	client *Client
	name   string
	o      hw.OutputOptions
	on     *link // the connection on which it is requested; guarded by the client
}

// Output implements hw.Board.
func (c *Client) Output(ctx context.Context, name string, o hw.OutputOptions) (hw.Output, error) {
	out := &remoteOutput{client: c, name: name, o: o}
	out.Bounded = hw.NewBounded(out.set, out.free, o)
	c.mu.Lock()
	if _, ok := c.outputs[name]; ok {
		c.mu.Unlock()
		return nil, fmt.Errorf("%w: %s is requested already", hw.ErrInUse, name)
	}
	c.outputs[name] = out
	l := c.link
	out.on = l
	if l == nil {
		out.Lost()
	}
	c.mu.Unlock()
	if err := c.register(ctx, l, out); err != nil {
		c.mu.Lock()
		delete(c.outputs, name)
		c.mu.Unlock()
		return nil, err
	}
	return out, nil
}

// register requests a line on the connection there is. Without one it waits for the next.
func (c *Client) register(ctx context.Context, l *link, r registrar) error {
	if l == nil {
		return nil
	}
	_, err := l.call(ctx, r.request(), answerWithin)
	if err != nil && !l.alive() {
		return nil
	}
	return err
}

func (o *remoteOutput) request() request {
	return request{Op: opOutput, Line: o.name, Level: o.o.Rest != o.o.ActiveLow}
}

func (o *remoteOutput) claim(l *link) { o.on = l }

func (o *remoteOutput) set(ctx context.Context, active bool, max time.Duration) error {
	o.client.mu.Lock()
	l, on := o.client.link, o.on
	o.client.mu.Unlock()
	if l == nil || l != on {
		return fmt.Errorf("%w: no connection to the simulated world at %s", device.ErrUnavailable, o.client.path)
	}
	within := answerWithin
	if max > 0 {
		within = min(within, max)
	}
	_, err := l.call(ctx, request{Op: opSet, Line: o.name, Level: active != o.o.ActiveLow}, within)
	return err
}

func (o *remoteOutput) free() error {
	o.client.mu.Lock()
	delete(o.client.outputs, o.name)
	l := o.client.link
	o.client.mu.Unlock()
	if l == nil {
		return nil
	}
	_, err := l.call(context.Background(), request{Op: opFree, Line: o.name}, answerWithin)
	return err
}

// remoteInput is an input in another process. All who request the line share one.
type remoteInput struct {
	client    *Client
	name      string
	users     int // guarded by the client, as is on
	on        *link
	high, low hw.Feed[hw.Level]
}

// Input implements hw.Board.
func (c *Client) Input(ctx context.Context, name string, o hw.InputOptions) (hw.Input, error) {
	c.mu.Lock()
	in, ok := c.inputs[name]
	if !ok {
		in = &remoteInput{client: c, name: name}
		c.inputs[name] = in
	}
	in.users++
	l := c.link
	if !ok {
		in.on = l
	}
	c.mu.Unlock()
	if !ok {
		if err := c.register(ctx, l, in); err != nil {
			in.free()
			return nil, err
		}
	}
	handle := &remoteReader{in: in, flip: o.ActiveLow}
	handle.ctx, handle.cancel = context.WithCancel(c.ctx)
	return handle, nil
}

func (in *remoteInput) request() request { return request{Op: opWatch, Line: in.name} }

func (in *remoteInput) claim(l *link) { in.on = l }

func (in *remoteInput) publish(r reply) {
	now := time.Now()
	in.high.Publish(hw.Level{Active: r.Level, At: now, Seq: r.Seq})
	in.low.Publish(hw.Level{Active: !r.Level, At: now, Seq: r.Seq})
}

func (in *remoteInput) free() {
	c := in.client
	c.mu.Lock()
	in.users--
	last := in.users == 0
	if last {
		delete(c.inputs, in.name)
	}
	l := c.link
	c.mu.Unlock()
	if last && l != nil {
		// Without an answer the connection is gone, and the watch with it.
		_, _ = l.call(context.Background(), request{Op: opUnwatch, Line: in.name}, answerWithin)
	}
}

// remoteReader is one user of an input.
type remoteReader struct {
	in     *remoteInput
	flip   bool
	ctx    context.Context
	cancel context.CancelFunc
}

func (h *remoteReader) Read(ctx context.Context) (hw.Level, error) {
	if h.ctx.Err() != nil {
		return hw.Level{}, fmt.Errorf("%w: the line was given back", device.ErrUnavailable)
	}
	level := hw.Level{At: time.Now()}
	r, err := h.in.client.ask(ctx, request{Op: opRead, Line: h.in.name})
	if err != nil {
		return hw.Level{}, err
	}
	level.Active, level.Seq = r.Level != h.flip, r.Seq
	return level, nil
}

func (h *remoteReader) Watch(ctx context.Context) <-chan hw.Level {
	if h.flip {
		return h.in.low.Subscribe(either(ctx, h.ctx))
	}
	return h.in.high.Subscribe(either(ctx, h.ctx))
}

func (h *remoteReader) Close() error {
	if h.ctx.Err() == nil {
		h.cancel()
		h.in.free()
	}
	return nil
}

// remoteEdges are lines that are watched together in another process.
type remoteEdges struct {
	client *Client
	id     int
	lines  []string
	flip   bool
	falls  bool
	on     *link // guarded by the client, as is subs
	subs   map[chan hw.Edge]struct{}
}

// Edges implements hw.EdgeBoard.
func (c *Client) Edges(ctx context.Context, names []string, o hw.InputOptions) (hw.Edges, error) {
	c.mu.Lock()
	c.lastTap++
	e := &remoteEdges{client: c, id: c.lastTap, lines: names, flip: o.ActiveLow, falls: o.Falling, subs: make(map[chan hw.Edge]struct{})}
	c.taps[e.id] = e
	l := c.link
	e.on = l
	c.mu.Unlock()
	if err := c.register(ctx, l, e); err != nil {
		c.mu.Lock()
		delete(c.taps, e.id)
		c.mu.Unlock()
		return nil, err
	}
	return e, nil
}

func (e *remoteEdges) request() request {
	r := request{Op: opEdges, Tap: e.id, Lines: e.lines}
	if e.falls { // the server knows voltages only
		r.Only = &e.flip
	}
	return r
}

func (e *remoteEdges) claim(l *link) { e.on = l }

// edge runs with the client locked, as does lose.
func (e *remoteEdges) edge(w edgeWords) {
	for ch := range e.subs {
		select {
		case ch <- hw.Edge{Line: w.Line, Active: w.Level != e.flip, At: w.At, Seq: w.Seq}:
		default: // the gap in Seq tells
		}
	}
}

func (e *remoteEdges) lose() {
	for ch := range e.subs {
		delete(e.subs, ch)
		close(ch)
	}
}

func (e *remoteEdges) Watch(ctx context.Context) <-chan hw.Edge {
	ch := make(chan hw.Edge, edgeBuffer)
	e.client.mu.Lock()
	defer e.client.mu.Unlock()
	e.subs[ch] = struct{}{}
	context.AfterFunc(ctx, func() {
		e.client.mu.Lock()
		defer e.client.mu.Unlock()
		if _, ok := e.subs[ch]; ok {
			delete(e.subs, ch)
			close(ch)
		}
	})
	return ch
}

func (e *remoteEdges) Close() error {
	e.client.mu.Lock()
	delete(e.client.taps, e.id)
	e.lose()
	l := e.client.link
	e.client.mu.Unlock()
	if l != nil {
		_, _ = l.call(context.Background(), request{Op: opUnedges, Tap: e.id}, answerWithin)
	}
	return nil
}
