package shelly

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Prefixes of lines, as the device's own components are called.
const (
	relayLine = "switch-"
	inputLine = "input-"
)

const (
	firstBackoff = 250 * time.Millisecond
	lastBackoff  = 2 * time.Second // a device is back within 5 s of its network
)

// Board is one Shelly. It may go and come back.
type Board struct {
	c      Config
	dial   func(context.Context) (peer, error)
	log    zerolog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	turn   chan struct{} // one order at a time, and nothing is lent while relays are brought to rest
	wake   chan struct{} // an input was lent: ask now

	mu     sync.Mutex
	up     peer          // nil while the device does not answer, or must not be used
	trip   chan struct{} // closed when the device is to be looked at from the start
	why    error         // why it is not up
	outs   map[int]*output
	ins    map[*input]struct{}
	closed bool
}

var _ hw.Board = (*Board)(nil)

var errNotYet = fmt.Errorf("%w: it is not connected yet", device.ErrUnavailable)

func newBoard(log zerolog.Logger, c Config, dial func(context.Context) (peer, error)) *Board {
	b := &Board{
		c: c, dial: dial, log: log, done: make(chan struct{}), turn: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		why: errNotYet, outs: make(map[int]*output), ins: make(map[*input]struct{}),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	go b.run()
	return b
}

// Close brings every relay that is lent to rest and lets go of the device.
func (b *Board) Close() error {
	b.mu.Lock()
	b.closed = true
	outs, ins := maps.Clone(b.outs), maps.Clone(b.ins)
	b.mu.Unlock()
	var errs []error
	for _, o := range outs {
		errs = append(errs, o.Close())
	}
	for in := range ins {
		errs = append(errs, in.Close())
	}
	b.cancel()
	<-b.done
	return errors.Join(errs...)
}

// number reads the number behind the prefix of a line.
func number(line, prefix string, count int) (int, error) {
	digits, ok := strings.CutPrefix(line, prefix)
	n, err := strconv.Atoi(digits)
	switch {
	case ok && err == nil && strconv.Itoa(n) == digits && n >= 0 && n < count:
		return n, nil
	case count == 0:
		return 0, fmt.Errorf("%w: the configuration of this Shelly gives it none", hw.ErrNoLine)
	}
	return 0, fmt.Errorf("%w: this Shelly has %s0 to %s%d", hw.ErrNoLine, prefix, prefix, count-1)
}

// run keeps the device known.
func (b *Board) run() {
	defer close(b.done)
	backoff, told := firstBackoff, ""
	for b.ctx.Err() == nil {
		err := b.visit(&backoff)
		if b.ctx.Err() != nil {
			return
		}
		b.end(err)
		if text := err.Error(); text != told {
			b.log.Warn().Err(err).Msg("the Shelly cannot be used")
			told = text
		}
		select {
		case <-time.After(backoff):
			backoff = min(2*backoff, lastBackoff)
		case <-b.ctx.Done():
		}
	}
}

// visit connects, and serves until something is wrong, which it returns.
func (b *Board) visit(backoff *time.Duration) error {
	p, err := b.dial(b.ctx)
	if err != nil {
		return err
	}
	defer p.close()
	if err := b.begin(p); err != nil {
		return err
	}
	*backoff = firstBackoff
	b.log.Info().Msg("the Shelly answers")
	return b.watch(p)
}

// begin looks at how the device is set, brings every relay that is lent to rest, and only then lets orders
// through.
func (b *Board) begin(p peer) error {
	if err := take(b.ctx, b.turn); err != nil {
		return err
	}
	defer b.give()
	s, err := b.ask(p)
	if err != nil {
		return err
	}
	b.mu.Lock()
	outs := maps.Clone(b.outs)
	b.mu.Unlock()
	for n, o := range outs {
		if err := b.settle(p, s, n, o); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.trip, b.why = p, make(chan struct{}), nil
	for n, o := range b.outs {
		if outs[n] == o {
			o.Back()
		}
	}
	b.heard(s)
	return nil
}

// ask gets the status of the device, and makes sure that it is the right one.
func (b *Board) ask(p peer) (status, error) {
	s, err := p.status(b.ctx)
	if err == nil && s.mac != b.c.mac() {
		err = strange("correct url: give the device a fixed address in the router", "another device answers, with the MAC address %s", clip(s.mac))
	}
	return s, err
}

// watch asks the device again and again until something is wrong, and says what.
func (b *Board) watch(p peer) error {
	b.mu.Lock()
	trip := b.trip
	b.mu.Unlock()
	tick := time.NewTicker(b.c.Poll)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-b.wake:
		case <-p.pushed():
		case <-p.gone():
			return fmt.Errorf("%w: the connection ended", device.ErrUnavailable)
		case <-trip:
			return fmt.Errorf("%w: an order was not confirmed", device.ErrUnavailable)
		case <-b.ctx.Done():
			return b.ctx.Err()
		}
		s, err := b.ask(p)
		if err != nil {
			return err
		}
		if err := b.compare(s); err != nil {
			return err
		}
	}
}

// compare tells inputs what the device says, and finds relays that are not where they were left: the device
// started again, or somebody else switches it.
func (b *Board) compare(s status) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for n, o := range b.outs {
		on, told := s.relays[n]
		if !told {
			return errNoRelay(n)
		}
		if o.since.IsZero() || o.since.After(s.asked) || o.timed || on == o.want {
			continue
		}
		return fmt.Errorf("%w: switch-%d is not where it was left: somebody else switched it, or the device started again", device.ErrUnavailable, n)
	}
	b.heard(s)
	return nil
}

func errNoRelay(n int) error {
	return strange("correct the line, and see that the device is not set up as a roller", "the device has no relay switch-%d", n)
}

// heard tells inputs what the device says. The caller holds mu.
func (b *Board) heard(s status) {
	for in := range b.ins {
		if on, told := s.inputs[in.n]; told {
			in.seen(on, s.asked)
		} else {
			in.lost()
		}
	}
}

// end tells everybody that the device is gone, and why.
func (b *Board) end(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.up, b.why = nil, err
	for _, o := range b.outs {
		o.Lost()
	}
	for in := range b.ins {
		in.lost()
	}
}

// fail has the device looked at from the start.
func (b *Board) fail(p peer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p == nil || b.up != p {
		return
	}
	b.up, b.why = nil, fmt.Errorf("%w: an order was not confirmed", device.ErrUnavailable)
	close(b.trip)
}

// present is the device, or why it is not there.
func (b *Board) present() (peer, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.up != nil {
		return b.up, nil
	}
	why := b.why
	var op *hw.OpError
	if errors.As(why, &op) {
		return nil, why
	}
	return nil, &hw.OpError{Op: "reach the Shelly", Err: why, Hint: "see that it has power and is in the network, and that url is its address; nothing was energised"}
}

func (b *Board) give() { <-b.turn }

func take(ctx context.Context, turn chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
