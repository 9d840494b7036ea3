package garadget

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// ask is somebody who wants to know where the door is, now.
type ask struct {
	began  time.Time
	until  time.Time
	answer chan result // with room for one
}

type result struct {
	reading device.Reading
	err     error
}

// order is a move that somebody wants.
type order struct {
	ctx    context.Context
	word   string // what the board is told
	target device.Target
	sent   bool // then nobody knows until the board has answered
	// answers are how many are still to come: those to earlier questions, and the one that counts.
	answers int
	since   time.Time // when it was asked or told
	until   time.Time
	answer  chan error // with room for one
}

// Trigger implements device.Opener. An order that the board did not answer is device.ErrUnsure.
func (b *Board) Trigger(ctx context.Context, target device.Target) error {
	switch target {
	case device.TargetOpen:
		return b.do(ctx, "open", target)
	case device.TargetClosed:
		return b.do(ctx, "close", target)
	case device.TargetUnknown:
	}
	return b.wrong("trigger", errors.New("no target is given"), "ask for open or closed")
}

// Stop implements device.Stopper.
func (b *Board) Stop(ctx context.Context) error { return b.do(ctx, "stop", device.TargetUnknown) }

func (b *Board) do(ctx context.Context, word string, target device.Target) error {
	o := &order{ctx: ctx, word: word, target: target, answer: make(chan error, 1)}
	if err := ctx.Err(); err != nil {
		return b.wrong(word, err, "try again; nothing was sent")
	}
	select {
	case b.orders <- o:
		return <-o.answer
	case <-ctx.Done():
		return b.wrong(word, ctx.Err(), "try again; nothing was sent")
	case <-b.done:
		return b.wrong(word, hw.ErrClosed, "try again; nothing was sent")
	}
}

func (b *Board) wrong(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: b.device, Err: err, Hint: hint}
}

// away is why nothing can be asked of the board.
func (b *Board) away() error {
	switch {
	case !b.up:
		return b.wrong("reach the board", fmt.Errorf("%w: there is no connection to the MQTT broker", device.ErrUnavailable), "see that the broker runs: loquet doctor")
	case !b.conflict.IsZero():
		return b.wrong("reach the board", fmt.Errorf("%w: another board answers to its name", device.ErrUnavailable),
			"give one of the two another name (its topic) on its own set-up page")
	case b.name == "":
		return b.wrong("reach the board", fmt.Errorf("%w: no board with this number was ever heard", device.ErrUnavailable),
			"run loquet adopt garadget, and enter what it prints on the board's set-up page")
	}
	return b.wrong("reach the board", fmt.Errorf("%w: it does not answer", device.ErrUnavailable), "see that the board has power and Wi-Fi")
}

// Refresh implements device.Refresher.
func (b *Board) Refresh(ctx context.Context) (device.Reading, error) {
	a := &ask{began: time.Now(), answer: make(chan result, 1)}
	a.until = a.began.Add(askTime)
	select {
	case b.asks <- a:
	case <-ctx.Done():
		return device.Reading{}, b.wrong("ask the board", ctx.Err(), "try again")
	case <-b.done:
		return device.Reading{}, b.wrong("ask the board", hw.ErrClosed, "try again")
	}
	select {
	case r := <-a.answer:
		return r.reading, r.err
	case <-ctx.Done():
		return device.Reading{}, b.wrong("ask the board", ctx.Err(), "see that the board has power and Wi-Fi")
	}
}

// take begins to find an answer.
func (b *Board) take(ctx context.Context, a *ask) {
	if b.heard.IsZero() || !b.up {
		a.answer <- result{err: b.away()}
		return
	}
	b.waiting = append(b.waiting, a)
	b.say(ctx, getStatus)
}

// answered gives the newest status to everybody who asked before it. asked says that it is the answer to a question.
func (b *Board) answered(ctx context.Context, at time.Time, asked bool) {
	rest := b.waiting[:0]
	for _, a := range b.waiting {
		if at.Before(a.began) {
			rest = append(rest, a)
			continue
		}
		r, _ := b.feed.Last()
		a.answer <- result{reading: r}
	}
	clear(b.waiting[len(rest):])
	b.waiting = rest
	o := b.order
	switch {
	case o == nil:
	case at.Before(o.since) && (!o.sent || !asked): // an answer that crossed the order is one of those it waits for
	case !o.sent:
		b.tell(ctx)
	default:
		if o.answers--; o.answers == 0 { // of those that come, the last was asked after the order
			b.finish(nil)
		}
	}
}

// begin takes an order in hand.
func (b *Board) begin(ctx context.Context, o *order) {
	now := time.Now()
	b.order = o
	switch {
	case o.ctx.Err() != nil:
		b.giveUp(o.ctx.Err())
	case b.heard.IsZero() || !b.up || !b.conflict.IsZero():
		b.finish(b.away())
	case now.Sub(b.statusAt) <= freshTime && !b.confirmed.IsZero():
		b.tell(ctx)
	default:
		o.since, o.until = now, now.Add(askTime)
		if b.confirmed.IsZero() {
			b.say(ctx, getConfig)
		}
		b.say(ctx, getStatus)
	}
}

// tell sends the order, once, and asks for a sign that it has arrived.
func (b *Board) tell(ctx context.Context) {
	o := b.order
	if o.ctx.Err() != nil {
		b.giveUp(o.ctx.Err())
		return
	}
	if b.status == statusOpening && o.target == device.TargetOpen || b.status == statusClosing && o.target == device.TargetClosed {
		b.finish(nil) // it is on its way: another word could only do harm
		return
	}
	now := time.Now()
	if err := b.mqtt.Publish(o.ctx, "garadget/"+b.name+"/command", []byte(o.word)); err != nil {
		b.finish(b.wrong(o.word, err, "see that the MQTT broker runs; nothing was sent"))
		return
	}
	o.sent, o.since, o.until = true, now, now.Add(arrivedTime)
	b.fault, b.blocked = "", time.Time{}
	b.stopSent = o.word == "stop"
	b.pulses = now.Add(b.clicks())
	if o.word == "open" && b.status == statusClosed {
		b.leaving = now.Add(time.Duration(b.settings.Scan)*time.Millisecond + leaveTime)
	}
	b.publish()
	o.answers = len(b.unanswered(now)) + 1
	b.say(ctx, getStatus)
}

// clicks is how long the two pulses take that an order needs at most.
func (b *Board) clicks() time.Duration {
	pulse, gap := b.settings.Pulse, b.settings.Gap
	if pulse == 0 {
		pulse = 2000
	}
	if gap == 0 {
		gap = 5000
	}
	return time.Duration(2*pulse+gap)*time.Millisecond + 200*time.Millisecond
}

func (b *Board) finish(err error) {
	o := b.order
	b.order = nil
	o.answer <- err
}

// giveUp ends the order in hand without an answer of the board.
func (b *Board) giveUp(why error) {
	if b.order.sent {
		b.finish(b.wrong(b.order.word, fmt.Errorf("%w: %w", device.ErrUnsure, why), "look at the door before you try again: it may move"))
		return
	}
	if errors.Is(why, context.Canceled) || errors.Is(why, context.DeadlineExceeded) {
		b.finish(b.wrong(b.order.word, why, "try again; nothing was sent"))
		return
	}
	b.finish(b.wrong(b.order.word, fmt.Errorf("%w: %w", device.ErrUnavailable, why), "see that the board has power and Wi-Fi; nothing was sent"))
}

// abandon answers everybody at the end.
func (b *Board) abandon() {
	if b.order != nil {
		b.giveUp(hw.ErrClosed)
	}
	for _, a := range b.waiting {
		a.answer <- result{err: b.wrong("ask the board", hw.ErrClosed, "try again")}
	}
	b.waiting = nil
}
