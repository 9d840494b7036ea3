package modbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// output is a relay that is lent.
type output struct {
	*hw.Bounded
	rest bool // the level of its rest; all levels here are those of the relay itself

	// Guarded by Board.mu.
	want  bool      // the level it was last brought to
	since time.Time // when the board had confirmed that; zero while it has not
	timed bool      // it comes back from want by itself
	away  bool      // it is away from rest, or perhaps
}

// Output implements hw.Board. The lines are relay-1 and up, as the relays are printed on the board.
func (b *Board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	n, err := number(line, relayLine, b.c.Relays)
	if err != nil {
		return nil, err
	}
	out := &output{rest: o.Rest != o.ActiveLow}
	out.want = out.rest
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, n, out, active != o.ActiveLow, max)
	}
	out.Bounded = hw.NewBounded(sw, func() error { b.forget(n); return nil }, o)
	out.Lost() // until it was brought to rest
	s, err := b.lend(n, out)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return out.Bounded, nil // it comes with the board
	}
	if err := take(ctx, b.turn); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	defer b.give()
	if b.settle(s, n, out, answerWithin) != nil {
		b.fail(s)
		return out.Bounded, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == s {
		out.Back()
	}
	return out.Bounded, nil
}

// lend remembers an output, and returns the connection if the board is there. If not, begin will find it.
func (b *Board) lend(n int, out *output) (*session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch _, used := b.outs[n]; {
	case b.closed:
		return nil, hw.ErrClosed
	case used:
		return nil, hw.ErrInUse
	}
	b.outs[n] = out
	return b.up, nil
}

func (b *Board) forget(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.outs, n)
}

// unsettled returns an output that was not brought to rest yet. If there is none, the board is up from here on.
func (b *Board) unsettled(s *session, done map[*output]bool) (int, *output) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		if !done[o] {
			return n, o
		}
	}
	b.up, b.trip = s, make(chan struct{})
	return 0, nil
}

// away says whether a relay of ours is away from rest, or perhaps.
func (b *Board) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outs {
		if o.away {
			return true
		}
	}
	return false
}

// order switches a relay. Once it is under way it does not matter that ctx ends.
func (b *Board) order(ctx context.Context, n int, o *output, high bool, max time.Duration) error {
	limit := answerWithin
	if max > 0 {
		limit = min(limit, max)
	}
	until := time.Now().Add(limit)
	if _, err := b.present(); err != nil {
		return err
	}
	waiting, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	if err := take(waiting, b.turn); err != nil {
		if ctx.Err() == nil {
			err = errBusy
		}
		return err
	}
	defer b.give()
	s, err := b.present()
	if err != nil {
		return err
	}
	err = b.set(ctx, s, n, o, high, max, until, answerWithin)
	if errors.Is(err, device.ErrUnsure) {
		b.fail(s)
	}
	return err
}

// settle brings a relay to its rest level.
func (b *Board) settle(s *session, n int, o *output, limit time.Duration) error {
	return b.set(b.ctx, s, n, o, o.rest, 0, time.Now().Add(lineWithin), limit)
}

func (b *Board) set(ctx context.Context, s *session, n int, o *output, high bool, max time.Duration, until time.Time, within time.Duration) error {
	b.mu.Lock()
	before := *o
	o.want, o.since, o.timed, o.away = high, time.Time{}, max > 0, o.away || high != o.rest
	b.mu.Unlock()
	if max > 0 {
		b.bus.hold(b.unit, time.Now().Add(max+answerWithin))
	}
	_, _, err := s.ask(ctx, b.unit, b.c.switching(n, high, max), until, within)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		o.since, o.away = time.Now(), high != o.rest
	case !errors.Is(err, device.ErrUnsure):
		o.want, o.since, o.timed, o.away = before.want, before.since, before.timed, before.away
		return refused(err)
	}
	return err
}

// refused is an order that the board did not take, with what to do.
func refused(err error) error {
	if errors.Is(err, device.ErrUnavailable) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return &hw.OpError{Op: "switch the relay", Err: err, Hint: "correct kind, relays and first_relay of the board; nothing was energised"}
}

// look compares the relays with what they should be: a board that restarted has forgotten.
func (b *Board) look(s *session, limit time.Duration) error {
	if b.c.Relays == 0 {
		return nil
	}
	data, at, err := b.question(b.ctx, s, b.c.asking(), limit)
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		if o.since.IsZero() || o.since.After(at) || o.timed || b.c.relay(data, n) == o.want {
			continue
		}
		return fmt.Errorf("%w: relay-%d is not where it was left", device.ErrUnavailable, n+1)
	}
	return nil
}
