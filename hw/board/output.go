package board

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// output is a relay that is lent.
type output struct {
	*hw.Bounded
	Relay
	board *Board

	place // guarded by Board.mu
}

var _ hw.Reasoned = (*output)(nil)

// place is where a relay was brought to.
type place struct {
	want  bool
	since time.Time // when the board had confirmed that; zero while it has not
	timed bool      // it comes back from there by itself
	away  bool      // it is away from rest, or perhaps
}

// Output implements hw.Board.
func (b *Board) Output(ctx context.Context, line string, opt hw.OutputOptions) (hw.Output, error) {
	n, err := b.p.Relays.number(line)
	if err != nil {
		return nil, err
	}
	if b.p.Falls && opt.Cap <= 0 {
		return nil, &hw.OpError{Op: "lend " + line, Err: errors.New("a relay that is reached over the network must fall back by itself, and this one shall stay"),
			Hint: "use a relay on this machine for lamps and magnets"}
	}
	o := &output{board: b, Relay: Relay{N: n, Rest: opt.Rest != opt.ActiveLow, Cap: opt.Cap}}
	o.want = o.Rest
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, o, active != opt.ActiveLow, max)
	}
	o.Bounded = hw.NewBounded(sw, func() error { b.forget(o); return nil }, opt)
	o.Lost() // until it was brought to rest
	l, err := b.lend(o)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return o, nil // it comes with the board
	}
	if err := b.take(ctx); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	defer b.give()
	if err := b.rest(l, o); err != nil {
		b.fail(l, err) // it is looked at from the start, and says what is wrong
		return o, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == l {
		o.Back()
	}
	return o, nil
}

// Why implements hw.Reasoned.
func (o *output) Why() error { return o.board.Why() }

// lend remembers an output, and returns the connection if there is one. If not, begin will find the output.
func (b *Board) lend(o *output) (Link, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch _, used := b.outs[o.N]; {
	case b.closed:
		return nil, hw.ErrClosed
	case used:
		return nil, hw.ErrInUse
	}
	b.outs[o.N] = o
	return b.up, nil
}

func (b *Board) forget(o *output) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.outs, o.N)
}

// moved writes down where a relay is brought to, and what came of it.
func (b *Board) moved(l Link, o *output, high bool, max time.Duration, do func() error) error {
	b.mu.Lock()
	before := o.place
	o.place = place{want: high, timed: max > 0, away: before.away || high != o.Rest}
	b.mu.Unlock()
	err := do()
	if errors.Is(err, device.ErrUnsure) {
		b.fail(l, errUnconfirmed)
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		o.place = before
		return err
	}
	o.since, o.away = time.Now(), high != o.Rest
	return nil
}
