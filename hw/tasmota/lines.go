package tasmota

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
	rest bool          // the level of its rest; all levels here are those of the relay itself
	cap  time.Duration // how long it may be away from that

	// Guarded by Board.mu.
	pulse time.Duration // how long the device lets it be away; 0 until it was asked
	want  bool          // the level it was last brought to
	since time.Time     // when the device had confirmed that; zero while it has not
}

// Output implements hw.Board. The lines are relay-1 and up. An output that may stay away from rest for ever is
// refused: when the network dies nobody could take it back.
func (b *Board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	n, err := number(line, relayLine, b.c.Relays)
	if err != nil {
		return nil, err
	}
	if o.Cap <= 0 {
		return nil, &hw.OpError{Op: "lend " + line, Err: errors.New("a relay that is reached over the network must fall back by itself, and this one shall stay"),
			Hint: "use a relay on this machine for lamps and magnets"}
	}
	out := &output{rest: o.Rest != o.ActiveLow, cap: o.Cap}
	out.want = out.rest
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, n, out, active != o.ActiveLow, max)
	}
	out.Bounded = hw.NewBounded(sw, func() error { b.forget(n); return nil }, o)
	out.Lost() // until it was brought to rest
	l, err := b.lend(n, out)
	switch {
	case err != nil:
		return nil, err
	case l == nil:
		return out.Bounded, nil // it comes with the device
	}
	if err := take(ctx, b.turn); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	defer b.give()
	s, err := b.ask(l)
	if err == nil {
		err = b.rest(l, s, n, out)
	}
	if err != nil {
		b.fail(l) // it is looked at again, and says what is wrong
		return out.Bounded, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up == l {
		out.Back()
	}
	return out.Bounded, nil
}

// lend remembers an output, and returns the device if it is there. If not, settle will find it.
func (b *Board) lend(n int, out *output) (*link, error) {
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

// rest makes sure that the device itself ends each pulse and moves nothing, and brings a relay to its rest
// level if it is not there.
func (b *Board) rest(l *link, s status, n int, o *output) error {
	on, told := s.relays[n]
	if !told {
		return errNoRelay(n)
	}
	set, err := l.settings(b.ctx, n)
	if err != nil {
		return err
	}
	set.switches = len(s.switches) > 0
	if err := set.wrong(n, o.rest, o.cap); err != nil {
		return err
	}
	b.mu.Lock()
	o.pulse = pulse(set.pulse)
	if on == o.rest {
		o.want, o.since = o.rest, time.Now()
	}
	b.mu.Unlock()
	if on == o.rest {
		return nil
	}
	return b.set(b.ctx, l, n, o, o.rest)
}

// order switches a relay. Once it is under way it does not matter that ctx ends.
func (b *Board) order(ctx context.Context, n int, o *output, high bool, max time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	if _, err := b.there(); err != nil {
		return err
	}
	if err := take(waiting, b.turn); err != nil {
		if ctx.Err() == nil {
			err = fmt.Errorf("%w: the device is busy", device.ErrUnavailable)
		}
		return err
	}
	defer b.give()
	l, err := b.there()
	if err != nil {
		return err
	}
	b.mu.Lock()
	timer := o.pulse
	b.mu.Unlock()
	if high != o.rest && max > timer {
		return strange(fmt.Sprintf("enter PulseTime%d %d in the device's console; nothing was energised", n, pulseFor(max)),
			"relay-%d is to be held for %v, and the device lets go after %v", n, max, timer)
	}
	err = b.set(context.WithoutCancel(ctx), l, n, o, high)
	if errors.Is(err, device.ErrUnsure) {
		b.fail(l)
	}
	return err
}

func (b *Board) set(ctx context.Context, l *link, n int, o *output, high bool) error {
	b.mu.Lock()
	before := *o
	o.want, o.since = high, time.Time{}
	b.mu.Unlock()
	err := l.set(ctx, n, high)
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case err == nil:
		o.since = time.Now()
	case !errors.Is(err, device.ErrUnsure):
		o.want, o.since = before.want, before.since
	}
	return err
}

// input is a switch that is lent.
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

// Input implements hw.Board. The lines are switch-1 and up.
func (b *Board) Input(_ context.Context, line string, o hw.InputOptions) (hw.Input, error) {
	n, err := number(line, switchLine, b.c.Switches)
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
	b.look()
	return in, nil
}

// Read implements hw.Input: the device is asked now.
func (in *input) Read(ctx context.Context) (hw.Level, error) {
	b := in.board
	l, err := b.there()
	if err != nil {
		return hw.Level{}, err
	}
	s, err := l.switches(ctx)
	if err != nil {
		if ctx.Err() == nil {
			b.fail(l)
		}
		return hw.Level{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	on, told := s.switches[in.n]
	switch {
	case in.closed:
		return hw.Level{}, hw.ErrClosed
	case b.up != l:
		return hw.Level{}, errGone
	case !told:
		return hw.Level{}, strange("set a pin of the device up as a switch, and SwitchMode to 1 or 2", "the device has no switch-%d", in.n)
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
