package modbus

import (
	"context"
	"errors"
	"fmt"
	"maps"
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
}

// Output implements hw.Board. The lines are relay-1 and up, as the relays are printed on the board.
func (b *Board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	n, err := number(line, relayLine, b.c.Relays)
	if err != nil {
		return nil, err
	}
	if err := take(ctx, b.turn); err != nil {
		return nil, err
	}
	defer b.give()
	b.mu.Lock()
	_, used := b.outs[n]
	s, closed := b.up, b.closed
	b.mu.Unlock()
	switch {
	case closed:
		return nil, hw.ErrClosed
	case used:
		return nil, hw.ErrInUse
	}
	out := &output{rest: o.Rest != o.ActiveLow}
	out.want = out.rest
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, n, out, active != o.ActiveLow, max)
	}
	out.Bounded = hw.NewBounded(sw, func() error { b.forget(n); return nil }, o)
	if s == nil || b.settle(s, n, out, answerWithin) != nil {
		out.Lost() // the board is brought to rest when it is back
		b.fail(s)
	}
	b.mu.Lock()
	b.outs[n] = out
	b.mu.Unlock()
	return out, nil
}

func (b *Board) forget(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.outs, n)
}

func (b *Board) lent() map[int]*output {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.outs)
}

// away says whether a relay of ours is away from rest, or perhaps.
func (b *Board) away() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outs {
		if o.want != o.rest || o.since.IsZero() {
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
	o.want, o.since, o.timed = high, time.Time{}, max > 0
	b.mu.Unlock()
	if max > 0 {
		b.bus.hold(b.unit, time.Now().Add(max+answerWithin))
	}
	_, _, err := s.ask(ctx, b.unit, b.c.switching(n, high, max), until, within)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		o.since = time.Now()
	case !errors.Is(err, device.ErrUnsure):
		o.want, o.since, o.timed = before.want, before.since, before.timed
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
