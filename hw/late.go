package hw

import (
	"context"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// lateEvery is how often opening a late board is tried at most, however many devices ask for its lines.
const lateEvery = time.Second

// late is a board that could not be opened when the house started.
type late struct {
	open func(context.Context) (Board, error)

	mu     sync.Mutex
	board  Board // nil until it could be opened
	err    error // of the last try
	tried  time.Time
	closed bool
}

var (
	_ EdgeBoard   = (*late)(nil)
	_ NamingBoard = (*late)(nil)
)

// Late returns a board that open makes, tried again when a line of it is asked for. Until that works every
// request is refused with the error of open, which was err so far.
func Late(err error, open func(context.Context) (Board, error)) Board {
	return &late{open: open, err: err, tried: time.Now()}
}

func (l *late) present(ctx context.Context) (Board, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case l.board != nil:
		return l.board, nil
	case time.Since(l.tried) < lateEvery:
		return nil, l.err
	}
	l.board, l.err = l.open(ctx)
	l.tried = time.Now()
	return l.board, l.err
}

// Output implements Board.
func (l *late) Output(ctx context.Context, line string, o OutputOptions) (Output, error) {
	b, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	return b.Output(ctx, line, o)
}

// Input implements Board.
func (l *late) Input(ctx context.Context, line string, o InputOptions) (Input, error) {
	b, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	return b.Input(ctx, line, o)
}

// Edges implements EdgeBoard.
func (l *late) Edges(ctx context.Context, lines []string, o InputOptions) (Edges, error) {
	b, err := l.present(ctx)
	if err != nil {
		return nil, err
	}
	eb, ok := b.(EdgeBoard)
	if !ok {
		return nil, &OpError{Op: "watch lines together", Err: device.ErrUnavailable, Hint: "take a board that can watch several lines together"}
	}
	return eb.Edges(ctx, lines, o)
}

// Canonical implements NamingBoard. A board that is not there has no say: its lines cannot be lent either.
func (l *late) Canonical(line string) (string, error) {
	l.mu.Lock()
	b := l.board
	l.mu.Unlock()
	if n, ok := b.(NamingBoard); ok {
		return n.Canonical(line)
	}
	return line, nil
}

// Close implements Board.
func (l *late) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.board == nil {
		return nil
	}
	return l.board.Close()
}
