package sim

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Board is one holder's view of a World: the lines it has requested, and the pulses since it came.
type Board struct {
	world *World
	base  map[string]int

	mu     sync.Mutex
	dead   bool
	held   map[*line]struct{}
	ctx    context.Context // ends with the Board
	cancel context.CancelFunc
}

var _ Simulation = (*Board)(nil)

// Board returns a new holder of lines, in this process.
func (w *World) Board() *Board { return w.board("") }

func (w *World) board(holder string) *Board {
	b := &Board{world: w, base: w.base(holder), held: make(map[*line]struct{})}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	if holder == "" {
		return b
	}
	w.mu.Lock()
	before := w.holders[holder]
	w.holders[holder] = b
	w.mu.Unlock()
	if before != nil {
		before.Abandon() // the same process, on a connection whose end has not been noticed yet
	}
	return b
}

// Output implements hw.Board.
func (b *Board) Output(_ context.Context, name string, o hw.OutputOptions) (hw.Output, error) {
	l, err := b.hold(name, o.Rest != o.ActiveLow)
	if err != nil {
		return nil, err
	}
	sw := func(_ context.Context, active bool, _ time.Duration) error { return b.set(l, active != o.ActiveLow) }
	return hw.NewBounded(sw, func() error { b.free(l); return nil }, o), nil
}

// Input implements hw.Board.
func (b *Board) Input(_ context.Context, name string, o hw.InputOptions) (hw.Input, error) {
	l, err := b.world.line(name, false)
	if err != nil {
		return nil, err
	}
	in := &input{board: b, line: l, low: o.ActiveLow}
	in.ctx, in.cancel = context.WithCancel(b.ctx)
	return in, nil
}

// Edges implements hw.EdgeBoard.
func (b *Board) Edges(_ context.Context, names []string, o hw.InputOptions) (hw.Edges, error) {
	e := &edges{low: o.ActiveLow, falls: o.Falling}
	for _, name := range names {
		l, err := b.world.line(name, false)
		if err != nil {
			return nil, err
		}
		if len(e.lines) > 0 && e.lines[0].unit != l.unit {
			return nil, fmt.Errorf("%s and %s are not on one device", e.lines[0].name, name)
		}
		e.lines = append(e.lines, l)
	}
	e.ctx, e.cancel = context.WithCancel(b.ctx)
	return e, nil
}

// Devices implements Simulation.
func (b *Board) Devices(context.Context) ([]string, error) { return b.world.Devices(), nil }

// Status implements Simulation. Pulses are those since this holder came.
func (b *Board) Status(_ context.Context, device string) (Status, error) {
	s, err := b.world.Status(device)
	s.Pulses -= b.base[device]
	return s, err
}

// Event implements Simulation.
func (b *Board) Event(_ context.Context, device string, e Event) error {
	return b.world.Event(device, e)
}

// Close gives all lines back, outputs at rest.
func (b *Board) Close() error {
	for _, l := range b.letGo() {
		l.unit.do(func(time.Duration) {
			l.level = l.rest
			l.drive(false)
			l.holder = nil
		})
	}
	b.cancel()
	return nil
}

// Abandon gives all lines back as they are, as a kernel does for a process that was killed.
func (b *Board) Abandon() {
	for _, l := range b.letGo() {
		l.unit.do(func(time.Duration) { l.holder = nil })
	}
	b.cancel() // last: who waits for the lines finds them free
}

func (b *Board) letGo() []*line {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dead = true
	var held []*line
	for l := range b.held {
		held = append(held, l)
	}
	b.held = nil
	return held
}

func (w *World) line(name string, output bool) (*line, error) {
	l, ok := w.lines[name]
	if !ok {
		return nil, fmt.Errorf("%w %q in this house, have devices %v", hw.ErrNoLine, name, w.Devices())
	}
	if l.output != output {
		return nil, fmt.Errorf("%w: %q is wired the other way round (an output for an input, or an input for an output)", hw.ErrNoLine, name)
	}
	return l, nil
}

// hold requests an output with its rest level. That is no order: it may end a pulse, and never counts.
func (b *Board) hold(name string, rest bool) (*line, error) {
	l, err := b.world.line(name, true)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dead {
		return nil, fmt.Errorf("%w: the board is %w", device.ErrUnavailable, hw.ErrClosed)
	}
	l.unit.do(func(time.Duration) {
		if l.holder != nil {
			err = fmt.Errorf("%w: another holder has %s", hw.ErrInUse, name)
			return
		}
		l.holder, l.rest, l.level = b, rest, rest
		l.drive(false)
	})
	if err != nil {
		return nil, err
	}
	b.held[l] = struct{}{}
	return l, nil
}

// set is an order.
func (b *Board) set(l *line, level bool) error {
	var err error
	l.unit.do(func(time.Duration) {
		if l.holder != b {
			err = fmt.Errorf("%w: the line was given back", device.ErrUnavailable)
			return
		}
		if l.level == level {
			return
		}
		l.level = level
		l.drive(true)
	})
	return err
}

// holds is who has an output.
func (l *line) holds() *Board {
	l.unit.mu.Lock()
	defer l.unit.mu.Unlock()
	return l.holder
}

func (b *Board) free(l *line) {
	b.mu.Lock()
	delete(b.held, l)
	b.mu.Unlock()
	l.unit.do(func(time.Duration) {
		if l.holder == b {
			l.holder = nil
		}
	})
}

// input is a requested input in this process.
type input struct {
	board  *Board
	line   *line
	low    bool
	ctx    context.Context
	cancel context.CancelFunc
}

var _ hw.Input = (*input)(nil)

func (in *input) Read(ctx context.Context) (hw.Level, error) {
	if err := ctx.Err(); err != nil {
		return hw.Level{}, err
	}
	if in.ctx.Err() != nil {
		return hw.Level{}, fmt.Errorf("%w: the line was given back", device.ErrUnavailable)
	}
	asked := time.Now()
	level, seq := in.line.read()
	return hw.Level{Active: level != in.low, At: asked, Seq: seq}, nil
}

func (in *input) Watch(ctx context.Context) <-chan hw.Level {
	both := either(ctx, in.ctx)
	if in.low {
		return in.line.low.Subscribe(both)
	}
	return in.line.high.Subscribe(both)
}

func (in *input) Close() error {
	in.cancel()
	return nil
}

// either ends with the first of two contexts.
func either(a, b context.Context) context.Context {
	both, cancel := context.WithCancel(a)
	stop := context.AfterFunc(b, cancel)
	context.AfterFunc(both, func() { stop() })
	return both
}
