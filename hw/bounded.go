package hw

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// Switch drives the bare line of a board. It returns when the line has changed, at the latest when max
// is over (a second for the way to rest, where max is 0), whatever ctx says. An error says that nothing
// changed, unless it is device.ErrUnsure. Boards with a timer in the device set it to max.
type Switch func(ctx context.Context, active bool, max time.Duration) error

const (
	releaseTimeout = time.Second
	firstRetry     = 20 * time.Millisecond
	lastRetry      = time.Second
	closeTries     = 3
)

// Bounded is the Output of every board: it puts the timer, the rest level and the watchers around the
// bare line. It is born at rest: the board has requested the line with its rest level.
type Bounded struct {
	sw   Switch
	free func() error
	o    OutputOptions
	turn chan struct{} // one order at a time, and a caller can give up waiting
	feed Feed[Level]

	mu     sync.Mutex // guards what follows, and is never held while sw runs
	away   bool       // away from rest, or perhaps
	down   bool       // the board does not answer
	closed bool
	order  uint64 // counts what was decided; an older timer or answer has no say
	seq    uint64
	timer  *time.Timer
}

var _ Output = (*Bounded)(nil)

// NewBounded makes an Output of a bare line that is at rest. free gives the line back to the board.
func NewBounded(sw Switch, free func() error, o OutputOptions) *Bounded {
	b := &Bounded{sw: sw, free: free, o: o, turn: make(chan struct{}, 1)}
	b.feed.Publish(Level{Active: o.Rest, At: time.Now()})
	return b
}

// Last implements Output.
func (b *Bounded) Last() (Level, bool) { return b.feed.Last() }

// Watch implements Output.
func (b *Bounded) Watch(ctx context.Context) <-chan Level { return b.feed.Subscribe(ctx) }

// Set implements Output.
func (b *Bounded) Set(ctx context.Context, active bool, max time.Duration) error {
	if err := b.take(ctx); err != nil {
		return err
	}
	defer b.give()
	if err := b.usable(); err != nil {
		return err
	}
	if active == b.o.Rest {
		return b.rest(ctx)
	}
	return b.leave(ctx, active, b.limit(max))
}

func (b *Bounded) usable() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return fmt.Errorf("%w: the output is %w", device.ErrUnavailable, ErrClosed)
	case b.down:
		return fmt.Errorf("%w: the board does not answer", device.ErrUnavailable)
	}
	return nil
}

// Lost says that the board does not answer: watchers are told, orders are refused. The timer goes on.
func (b *Bounded) Lost() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = true
	b.feed.Break()
}

// Back says that the board has requested the line again, at its rest level.
func (b *Bounded) Back() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.away = false, false
	b.decide(0)
	b.publish(b.o.Rest, "")
}

// Close implements Output.
func (b *Bounded) Close() error {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return nil
	}
	b.closed = true
	b.decide(0)
	b.mu.Unlock()

	err := b.lastRest()
	b.feed.Close()
	b.mu.Lock()
	away := b.away
	b.mu.Unlock()
	if !away {
		err = nil // it never left its rest level, so there is nothing to worry about
	}
	if err != nil {
		err = &OpError{Op: "release", Err: err, Hint: "the output may still be energised: cut its power, then look at the wiring"}
	}
	return errors.Join(err, b.free())
}

// lastRest takes the line to rest for good. It waits for the order that is under way.
func (b *Bounded) lastRest() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTries*releaseTimeout)
	defer cancel()
	if err := b.take(ctx); err != nil {
		return err
	}
	defer b.give()
	var err error
	for range closeTries {
		if err = b.sw(ctx, b.o.Rest, 0); err == nil {
			b.settled()
			return nil
		}
	}
	return err
}

// leave takes the line away from rest. The timer is armed before the line changes, so that nothing that
// happens later can make the order longer.
func (b *Bounded) leave(ctx context.Context, active bool, limit time.Duration) error {
	b.mu.Lock()
	before := b.away
	if before && b.o.Cap > 0 {
		b.mu.Unlock()
		return ErrStillOn
	}
	b.away = true
	order := b.decide(limit)
	b.mu.Unlock()

	err := b.sw(ctx, active, limit)

	b.mu.Lock()
	defer b.mu.Unlock()
	if b.order != order {
		return err
	}
	if err != nil && !errors.Is(err, device.ErrUnsure) {
		b.away = before
		if !before {
			b.decide(0)
		}
		return err
	}
	b.publish(active, "")
	return err
}

// rest takes the line to rest by order. If that fails it is tried again until it works.
func (b *Bounded) rest(ctx context.Context) error {
	err := b.sw(ctx, b.o.Rest, 0)
	if err == nil {
		b.settled()
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away && !b.closed {
		b.order++
		b.again(b.order, firstRetry)
	}
	return err
}

// expire is the timer of one order.
func (b *Bounded) expire(order uint64, retry time.Duration) {
	b.turn <- struct{}{}
	defer b.give()
	b.mu.Lock()
	stale := b.order != order || b.closed
	b.mu.Unlock()
	if stale {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	if err := b.sw(ctx, b.o.Rest, 0); err == nil {
		b.settled()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.order != order || b.closed {
		return
	}
	b.publish(!b.o.Rest, "the output does not go back to rest")
	b.again(order, retry)
}

func (b *Bounded) again(order uint64, after time.Duration) {
	b.stop()
	b.timer = time.AfterFunc(after, func() { b.expire(order, min(2*after, lastRetry)) })
}

// settled notes that the line is at rest.
func (b *Bounded) settled() {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.away
	b.away = false
	b.decide(0)
	if was {
		b.publish(b.o.Rest, "")
	}
}

// decide starts a new order, with a timer unless limit is 0.
func (b *Bounded) decide(limit time.Duration) uint64 {
	b.stop()
	b.order++
	order := b.order
	if limit > 0 {
		b.timer = time.AfterFunc(limit, func() { b.expire(order, firstRetry) })
	}
	return order
}

func (b *Bounded) stop() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
}

func (b *Bounded) publish(active bool, fault string) {
	if b.down {
		return
	}
	b.seq++
	b.feed.Publish(Level{Active: active, At: time.Now(), Seq: b.seq, Fault: fault})
}

// limit is how long an order may last: 0 for as long as it likes.
func (b *Bounded) limit(max time.Duration) time.Duration {
	switch {
	case b.o.Cap > 0 && (max <= 0 || max > b.o.Cap):
		return b.o.Cap
	case max < 0:
		return 0
	}
	return max
}

func (b *Bounded) take(ctx context.Context) error {
	select {
	case b.turn <- struct{}{}:
	default:
		select {
		case b.turn <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := ctx.Err(); err != nil {
		b.give()
		return err
	}
	return nil
}

func (b *Bounded) give() { <-b.turn }
