package modbus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
)

const (
	answerWithin = time.Second            // boards answer in some ten milliseconds
	hurried      = 200 * time.Millisecond // instead, while another board on the line has to do something
	lineWithin   = 3 * time.Second        // until the line is free for a question
	lateFor      = time.Second            // that an RTU board is asked nothing after it did not answer
)

// Board is a board on a line. It may go and come back.
type Board = board.Board

// newBoard begins to speak with a board on a line. Lines are counted as they are printed on boards, from 1.
func newBoard(log zerolog.Logger, line *bus, c Config, numbered bool) *Board {
	u := &unit{c: c, number: byte(c.Unit), bus: line, numbered: numbered}
	const missing = "correct relays and inputs: count them on the board"
	return board.New(log, board.Plan{
		Name: "the Modbus board", Reach: "see that the board has power and is connected, and that url and unit are its own",
		Relays:  board.Lines{Prefix: "relay-", First: 1, Count: c.Relays, Missing: missing},
		Inputs:  board.Lines{Prefix: "input-", First: 1, Count: c.Inputs, Missing: missing},
		Connect: u.connect, Retry: firstBackoff, LastRetry: lastBackoff, Poll: c.Poll, Look: time.Second,
	})
}

// unit is a board by its number on the line, over all connections.
type unit struct {
	c        Config
	number   byte
	bus      *bus
	numbered bool

	mu   sync.Mutex
	late time.Time // until when an old answer may come
}

// connect waits for the line, and until nobody else needs it: but a relay of our own that is away from rest does not wait.
func (u *unit) connect(ctx context.Context, away bool) (board.Link, error) {
	s, err := u.bus.wait(ctx)
	if err == nil && !away {
		err = sleep(ctx, u.bus.calm(u.number))
	}
	return link{u, s}, err
}

// link is a unit over one connection of the line.
type link struct {
	*unit
	session *session
}

// Changed implements board.Link: no board tells anything unasked.
func (l link) Changed() <-chan struct{} { return nil }

// Gone implements board.Link.
func (l link) Gone() <-chan struct{} { return l.session.gone }

// Close implements board.Link. The line is there for others.
func (l link) Close() { l.bus.known(l.number, false) }

// Ask implements board.Link.
func (l link) Ask(ctx context.Context, what board.Asked) (board.Status, error) {
	s := board.Status{At: time.Now()}
	if what.Relays {
		data, at, err := l.question(ctx, l.c.asking())
		if err != nil {
			return s, err
		}
		s.Relays, s.At = levels(l.c.Relays, func(n int) bool { return l.c.relay(data, n) }), at
	}
	if what.Inputs {
		data, at, err := l.question(ctx, ask(readInputs, l.c.FirstInput, l.c.Inputs))
		if err != nil {
			return s, err
		}
		s.Inputs = levels(l.c.Inputs, func(n int) bool { return bit(data, n) })
		if !what.Relays {
			s.At = at
		}
	}
	return s, nil
}

func levels(count int, high func(n int) bool) map[int]bool {
	all := make(map[int]bool, count)
	for n := range count {
		all[n+1] = high(n)
	}
	return all
}

// question asks the board something that changes nothing.
func (l link) question(ctx context.Context, p pdu) ([]byte, time.Time, error) {
	l.mu.Lock()
	late := l.late
	l.mu.Unlock()
	if err := sleep(ctx, time.Until(late)); err != nil {
		return nil, time.Time{}, err
	}
	limit := l.patience()
	if l.bus.calm(l.number) > 0 {
		limit = hurried
	}
	data, at, err := l.session.ask(ctx, l.number, p, time.Now().Add(lineWithin), limit)
	switch {
	case err == nil:
		l.bus.known(l.number, true)
	case errors.Is(err, errEcho):
		err = &hw.OpError{Op: "ask the board", Err: fmt.Errorf("%w: %w", device.ErrUnavailable, err),
			Hint: "switch the adapter's echo off, or take another one: with it nobody can tell an order from its answer"}
	case !at.IsZero() && !l.numbered:
		l.mu.Lock()
		l.late = time.Now().Add(lateFor)
		l.mu.Unlock()
	}
	return data, at, err
}

// patience is how long the board may take to answer. One that is not known to be there does not hold up the others.
func (l link) patience() time.Duration {
	if l.bus.others(l.number) && !l.bus.answered(l.number) {
		return hurried
	}
	return answerWithin
}

// Rest implements board.Link. The relay is ordered before the board is asked anything: it may be away from rest.
func (l link) Rest(ctx context.Context, r board.Relay) error {
	if err := l.order(ctx, board.Order{Relay: r, High: r.Rest, Until: time.Now().Add(lineWithin)}, l.patience()); err != nil {
		return fmt.Errorf("relay-%d is not brought to rest: %w", r.N, err)
	}
	return nil
}

// Set implements board.Link.
func (l link) Set(ctx context.Context, o board.Order) error { return l.order(ctx, o, answerWithin) }

func (l link) order(ctx context.Context, o board.Order, within time.Duration) error {
	if o.Max > 0 {
		l.bus.hold(l.number, time.Now().Add(o.Max+answerWithin))
	}
	_, _, err := l.session.ask(ctx, l.number, l.c.switching(o.N-1, o.High, o.Max), o.Until, within)
	switch {
	case err == nil, errors.Is(err, device.ErrUnsure), errors.Is(err, device.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	}
	return &hw.OpError{Op: "switch the relay", Err: err, Hint: "correct kind, relays and first_relay of the board; nothing was energised"}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
