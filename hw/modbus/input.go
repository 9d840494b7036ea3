package modbus

import (
	"context"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// input is an input that is lent.
type input struct {
	board *Board
	n     int
	low   bool
	feed  hw.Feed[hw.Level]

	// Guarded by Board.mu.
	level  hw.Level
	known  bool
	closed bool
}

var _ hw.Input = (*input)(nil)

// Input implements hw.Board. The lines are input-1 and up, as the inputs are printed on the board.
func (b *Board) Input(_ context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	n, err := number(line, inputLine, b.c.Inputs)
	if err != nil {
		return nil, err
	}
	in := &input{board: b, n: n, low: o.ActiveLow}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil, hw.ErrClosed
	}
	b.ins[in] = struct{}{}
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return in, nil
}

// Read implements hw.Input: the board is asked now.
func (in *input) Read(ctx context.Context) (hw.Level, error) {
	b := in.board
	s, err := b.present()
	if err != nil {
		return hw.Level{}, err
	}
	if err := b.read(ctx, s, answerWithin); err != nil {
		if ctx.Err() == nil {
			b.fail(s)
		}
		return hw.Level{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case in.closed:
		return hw.Level{}, hw.ErrClosed
	case !in.known:
		return hw.Level{}, fmt.Errorf("%w: the board went away", device.ErrUnavailable)
	}
	return in.level, nil
}

// Watch implements hw.Input.
func (in *input) Watch(ctx context.Context) <-chan hw.Level { return in.feed.Subscribe(ctx) }

// Close implements hw.Input.
func (in *input) Close() error {
	in.board.mu.Lock()
	in.closed = true
	delete(in.board.ins, in)
	in.board.mu.Unlock()
	in.feed.Close()
	return nil
}

// lost says that nobody knows the level. The caller holds Board.mu.
func (in *input) lost() {
	in.known = false
	in.feed.Break()
}

// seen is the level that the board told at a time. The caller holds Board.mu.
func (in *input) seen(high bool, at time.Time) {
	active := high != in.low
	changed := !in.known || active != in.level.Active
	if in.known && at.Before(in.level.At) {
		return // a newer answer was here first
	}
	if changed {
		in.level.Seq++
	}
	in.level.Active, in.level.At, in.known = active, at, true
	if changed {
		in.feed.Publish(in.level)
	}
}

// read asks for all inputs, if any of them is lent.
func (b *Board) read(ctx context.Context, s *session, limit time.Duration) error {
	b.mu.Lock()
	idle := len(b.ins) == 0
	b.mu.Unlock()
	if idle && b.c.Relays > 0 {
		return nil // looking at the relays tells whether the board is there
	}
	data, at, err := b.question(ctx, s, ask(readInputs, b.c.FirstInput, b.c.Inputs), limit)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != s {
		return errGone // the board was lost meanwhile, and everybody told so
	}
	for in := range b.ins {
		in.seen(bit(data, in.n), at)
	}
	return nil
}
