package usbrelay

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/rs/zerolog"
)

const (
	answerWithin = time.Second // boards answer in some ten milliseconds
	firstBackoff = 50 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// relays is a board that is connected.
type relays interface {
	// set gives one order, once, and says whether the relay obeyed. An error says that it did not, unless
	// it is device.ErrUnsure.
	set(ctx context.Context, channel int, on bool) error
	// gone is closed when the board does not answer any more.
	gone() <-chan struct{}
	Close() error
}

// Board is a relay board that may be pulled out and put back.
type Board struct {
	connect     func(context.Context) (relays, error)
	first, last int // the channels as the board numbers them
	log         zerolog.Logger
	ctx         context.Context
	cancel      context.CancelFunc
	done        chan struct{}
	turn        chan struct{} // one order at a time, and nothing is lent while relays are brought to rest

	mu     sync.Mutex
	dev    relays // nil while there is none
	outs   map[int]output
	closed bool
}

// output is a relay that is lent, and the level of its rest.
type output struct {
	*hw.Bounded
	rest bool
}

var _ hw.Board = (*Board)(nil)

// newBoard starts to connect. Until it has, outputs can be requested and refuse orders.
func newBoard(log zerolog.Logger, first, last int, connect func(context.Context) (relays, error)) *Board {
	b := &Board{
		connect: connect, first: first, last: last, log: log, outs: make(map[int]output),
		done: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// Output implements hw.Board. The line is the relay's number as it is printed on the board.
func (b *Board) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	channel, err := b.channel(line)
	if err != nil {
		return nil, err
	}
	if err := b.take(ctx); err != nil {
		return nil, err
	}
	defer b.give()
	if err := b.free(channel); err != nil {
		return nil, err
	}
	rest := o.Rest != o.ActiveLow
	dev := b.present()
	if dev != nil && b.settle(dev, channel, rest) != nil {
		dev = nil // the connection is made anew, and brings it to rest
	}
	sw := func(ctx context.Context, active bool, max time.Duration) error {
		return b.order(ctx, channel, active != o.ActiveLow, max)
	}
	out := output{rest: rest}
	out.Bounded = hw.NewBounded(sw, func() error { b.forget(channel); return nil }, o)
	if dev == nil {
		out.Lost()
	}
	b.mu.Lock()
	b.outs[channel] = out
	b.mu.Unlock()
	return out.Bounded, nil
}

// Input implements hw.Board: there are none.
func (b *Board) Input(context.Context, string, hw.InputOptions) (hw.Input, error) {
	return nil, fmt.Errorf("%w: this relay board has no inputs", hw.ErrNoLine)
}

// Close brings every relay that is lent to rest and lets go of the board.
func (b *Board) Close() error {
	b.mu.Lock()
	b.closed = true
	var outs []output
	for _, o := range b.outs {
		outs = append(outs, o)
	}
	b.mu.Unlock()
	var errs []error
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	b.cancel()
	<-b.done
	return errors.Join(errs...)
}

func (b *Board) channel(line string) (int, error) {
	n, err := strconv.Atoi(line)
	if err != nil || strconv.Itoa(n) != line || n < b.first || n > b.last {
		return 0, fmt.Errorf("%w: the relays of this board are %d to %d", hw.ErrNoLine, b.first, b.last)
	}
	return n, nil
}

func (b *Board) free(channel int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return hw.ErrClosed
	}
	if _, ok := b.outs[channel]; ok {
		return hw.ErrInUse
	}
	return nil
}

func (b *Board) forget(channel int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.outs, channel)
}

func (b *Board) present() relays {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.dev
}

// order sets a relay, if the board is there. Once it is under way it does not matter that ctx ends.
func (b *Board) order(ctx context.Context, channel int, on bool, max time.Duration) error {
	if err := b.take(ctx); err != nil {
		return err
	}
	defer b.give()
	dev := b.present()
	if dev == nil {
		return fmt.Errorf("%w: the relay board is not connected", device.ErrUnavailable)
	}
	limit := answerWithin
	if max > 0 {
		limit = min(limit, max)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := dev.set(ctx, channel, on)
	if err != nil {
		_ = dev.Close()
	}
	return err
}

// settle brings a relay to its rest level.
func (b *Board) settle(dev relays, channel int, rest bool) error {
	ctx, cancel := context.WithTimeout(b.ctx, answerWithin)
	defer cancel()
	err := dev.set(ctx, channel, rest)
	if err != nil {
		_ = dev.Close()
	}
	return err
}

// run keeps the board connected.
func (b *Board) run() {
	defer close(b.done)
	backoff := firstBackoff
	for b.ctx.Err() == nil {
		dev, err := b.connect(b.ctx)
		if err == nil {
			err = b.begin(dev)
		}
		if err == nil {
			b.log.Info().Msg("the relay board is connected")
			backoff = firstBackoff
			select {
			case <-dev.gone():
				b.log.Warn().Msg("the relay board is gone")
			case <-b.ctx.Done():
			}
			b.end()
			_ = dev.Close()
		} else if backoff == firstBackoff {
			b.log.Warn().Err(err).Msg("the relay board cannot be used")
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-b.ctx.Done():
		}
	}
}

// begin brings every relay that is lent to rest, and only then lets orders through.
func (b *Board) begin(dev relays) error {
	if err := b.take(b.ctx); err != nil {
		_ = dev.Close()
		return err
	}
	defer b.give()
	b.mu.Lock()
	outs := make(map[int]output, len(b.outs))
	for channel, o := range b.outs {
		outs[channel] = o
	}
	b.mu.Unlock()
	for channel, o := range outs {
		if err := b.settle(dev, channel, o.rest); err != nil {
			return err
		}
	}
	b.mu.Lock()
	b.dev = dev
	b.mu.Unlock()
	for _, o := range outs {
		o.Back()
	}
	return nil
}

// end tells everybody that the board is gone.
func (b *Board) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.dev = nil
	for _, o := range b.outs {
		o.Lost()
	}
}

func (b *Board) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case b.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *Board) give() { <-b.turn }
