package shelly

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
	since time.Time // when the device had confirmed that; zero while it has not
	timed bool      // it comes back from want by itself
}

// Output implements hw.Board. The lines are switch-0 and up. An output that may stay away from rest for
// ever is refused: when the network dies nobody could take it back.
func (b *Board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	n, err := number(line, relayLine, b.c.Relays)
	if err != nil {
		return nil, err
	}
	if o.Cap <= 0 {
		return nil, &hw.OpError{Op: "lend " + line, Err: errors.New("a relay that is reached over the network must fall back by itself, and this one shall stay"),
			Hint: "use a relay on this machine for lamps and magnets"}
	}
	out := &output{rest: o.Rest != o.ActiveLow}
	out.want = out.rest
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, n, out, active != o.ActiveLow, max)
	}
	out.Bounded = hw.NewBounded(sw, func() error { b.forget(n); return nil }, o)
	out.Lost() // until it was brought to rest
	p, err := b.lend(n, out)
	switch {
	case err != nil:
		return nil, err
	case p == nil:
		return out.Bounded, nil // it comes with the device
	}
	if err := take(ctx, b.turn); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	defer b.give()
	s, err := b.ask(p)
	if err == nil {
		err = b.settle(p, s, n, out)
	}
	if err != nil {
		b.fail(p)
		return out.Bounded, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == p {
		out.Back()
	}
	return out.Bounded, nil
}

// lend remembers an output, and returns the device if it is there. If not, begin will find it.
func (b *Board) lend(n int, out *output) (peer, error) {
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

// settle makes sure that the device itself moves nothing, and brings a relay to its rest level if it is
// not there.
func (b *Board) settle(p peer, s status, n int, o *output) error {
	set, err := p.settings(b.ctx, n)
	if err != nil {
		return err
	}
	level := map[bool]string{true: "on", false: "off"}
	switch {
	case set.powerOn != level[o.rest]:
		return strange(fmt.Sprintf("set the power-on default of this relay to %s on the device's own page", level[o.rest]),
			"switch-%d would move when power comes back (its power-on default is %q)", n, clip(set.powerOn))
	case !set.detached:
		return strange("set the input mode of this relay to detached on the device's own page", "the device's own input switches switch-%d past loquet", n)
	case set.autoOn:
		return strange("switch auto-on off on the device's own page", "switch-%d switches on by itself (auto-on)", n)
	}
	on, told := s.relays[n]
	if !told {
		return errNoRelay(n)
	}
	if on == o.rest {
		b.mu.Lock()
		o.want, o.since, o.timed = o.rest, time.Now(), false
		b.mu.Unlock()
		return nil
	}
	return b.set(b.ctx, p, n, o, o.rest, 0)
}

// order switches a relay. Once it is under way it does not matter that ctx ends.
func (b *Board) order(ctx context.Context, n int, o *output, high bool, max time.Duration) error {
	if _, err := b.present(); err != nil {
		return err
	}
	waiting, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if err := take(waiting, b.turn); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: the Shelly is busy", device.ErrUnavailable)
		}
		return err
	}
	defer b.give()
	p, err := b.present()
	if err != nil {
		return err
	}
	err = b.set(context.WithoutCancel(ctx), p, n, o, high, max)
	if errors.Is(err, device.ErrUnsure) {
		b.fail(p)
	}
	return err
}

func (b *Board) set(ctx context.Context, p peer, n int, o *output, high bool, max time.Duration) error {
	b.mu.Lock()
	before := *o
	o.want, o.since, o.timed = high, time.Time{}, max > 0
	b.mu.Unlock()
	err := p.set(ctx, n, high, max)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		o.since = time.Now()
	case !errors.Is(err, device.ErrUnsure):
		o.want, o.since, o.timed = before.want, before.since, before.timed
	}
	return err
}

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

// Input implements hw.Board. The lines are input-0 and up, on devices whose inputs are set up as switches.
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

// Read implements hw.Input: the device is asked now.
func (in *input) Read(ctx context.Context) (hw.Level, error) {
	b := in.board
	p, err := b.present()
	if err != nil {
		return hw.Level{}, err
	}
	s, err := p.status(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.fail(p)
		}
		return hw.Level{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	on, told := s.inputs[in.n]
	switch {
	case in.closed:
		return hw.Level{}, hw.ErrClosed
	case b.up != p || s.mac != b.c.mac():
		return hw.Level{}, fmt.Errorf("%w: the device went away", device.ErrUnavailable)
	case !told:
		return hw.Level{}, strange("set the input up as a switch on the device's own page", "the device has no input-%d with a level", in.n)
	}
	in.seen(on, s.asked)
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

// seen is the level that the device told when it was asked. The caller holds Board.mu.
func (in *input) seen(on bool, asked time.Time) {
	active := on != in.low
	if in.known && asked.Before(in.level.At) {
		return // a newer answer was here first
	}
	changed := !in.known || active != in.level.Active
	if changed {
		in.level.Seq++
	}
	in.level.Active, in.level.At, in.known = active, asked, true
	if changed {
		in.feed.Publish(in.level)
	}
}
