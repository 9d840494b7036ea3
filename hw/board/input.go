package board

import (
	"context"
	"time"

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

// Input implements hw.Board.
func (b *Board) Input(_ context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	n, err := b.p.Inputs.number(line)
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
	l, err := b.link()
	if err != nil {
		return hw.Level{}, err
	}
	s, err := l.Ask(ctx, Asked{Inputs: true})
	if err != nil {
		if ctx.Err() == nil {
			b.fail(l, err)
		}
		return hw.Level{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	high, told := s.Inputs[in.n]
	switch {
	case in.closed:
		return hw.Level{}, hw.ErrClosed
	case b.up != l:
		return hw.Level{}, errGone
	case !told:
		return hw.Level{}, Unusable(b.p.Name, b.p.Inputs.Missing, "it has no %s with a level", b.p.Inputs.name(in.n))
	}
	in.seen(high, s.At)
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
	if in.known {
		in.feed.Break()
	}
	in.known = false
}

// seen is the level that the board told when it was asked at a time. The caller holds Board.mu.
func (in *input) seen(high bool, at time.Time) {
	if in.known && at.Before(in.level.At) {
		return // a newer answer was here first
	}
	active := high != in.low
	changed := !in.known || active != in.level.Active
	if changed {
		in.level.Seq++
	}
	in.level.Active, in.level.At, in.known = active, at, true
	if changed {
		in.feed.Publish(in.level)
	}
}
