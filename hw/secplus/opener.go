package secplus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Commands.
const (
	cmdGetStatus uint16 = 0x080
	cmdStatus    uint16 = 0x081
	cmdDoor      uint16 = 0x280
)

// Door actions. A toggle (2) is never sent: nobody could say what it does.
const (
	doClose byte = 0
	doOpen  byte = 1
	doStop  byte = 3
)

// Opener is one opener. One goroutine owns the wire.
type Opener struct {
	id    string
	log   zerolog.Logger
	codes *counter
	dial  func() (wire, error)

	feed   hw.Feed[device.Reading]
	inbox  chan any
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // of what orders need
	there bool
	why   string // it is not there
}

var (
	_ device.Opener    = (*Opener)(nil)
	_ device.Refresher = (*Opener)(nil)
	_ device.Stopper   = (*Opener)(nil)
)

func newOpener(id string, log zerolog.Logger, codes *counter, dial func() (wire, error)) *Opener {
	o := &Opener{id: id, log: log, codes: codes, dial: dial, inbox: make(chan any), done: make(chan struct{}), why: "it has not answered yet"}
	o.ctx, o.cancel = context.WithCancel(context.Background())
	return o
}

func (o *Opener) close() error {
	o.cancel()
	<-o.done
	o.set(false, "it is closed")
	o.feed.Close()
	return nil
}

// Messages to the goroutine of an opener, beside what comes over the wire.
type (
	// order is a press that somebody wants.
	order struct {
		ctx    context.Context
		action byte
		done   chan error // has room for one
	}
	// question is somebody who wants to know where the door is, now.
	question struct {
		ctx    context.Context
		began  time.Time
		answer chan device.Reading // has room for one
	}
)

// Readings implements device.Opener.
func (o *Opener) Readings(ctx context.Context) <-chan device.Reading { return o.feed.Subscribe(ctx) }

// Trigger implements device.Opener: one press, one release, and then the opener's own word that it obeys.
func (o *Opener) Trigger(ctx context.Context, target device.Target) error {
	switch target {
	case device.TargetOpen:
		return o.press(ctx, "open", doOpen)
	case device.TargetClosed:
		if r, ok := o.feed.Last(); ok && r.Moving == device.TargetOpen && ctx.Err() == nil {
			return o.complain("close", errors.New("the opener takes no order to close while it opens"), "stop the door first, or wait until it is open; nothing was sent")
		}
		return o.press(ctx, "close", doClose)
	case device.TargetUnknown:
	}
	return o.complain("trigger", errors.New("no target is given"), "ask for open or closed")
}

// Stop implements device.Stopper.
func (o *Opener) Stop(ctx context.Context) error { return o.press(ctx, "stop", doStop) }

func (o *Opener) press(ctx context.Context, op string, action byte) error {
	if err := o.ready(ctx); err != nil {
		return o.fail(op, err)
	}
	w := &order{ctx: ctx, action: action, done: make(chan error, 1)}
	select {
	case o.inbox <- w:
	case <-ctx.Done():
		return o.fail(op, ctx.Err())
	case <-o.done:
		return o.fail(op, fmt.Errorf("%w: it is closed", device.ErrUnavailable))
	}
	select {
	case err := <-w.done:
		return o.fail(op, err)
	case <-ctx.Done():
		return o.fail(op, fmt.Errorf("%w: the opener did not answer in time: %w", device.ErrUnsure, ctx.Err()))
	case <-o.done:
		return o.fail(op, fmt.Errorf("%w: it was closed", device.ErrUnsure))
	}
}

// Refresh implements device.Refresher: it asks the opener.
func (o *Opener) Refresh(ctx context.Context) (device.Reading, error) {
	if err := o.ready(ctx); err != nil {
		return device.Reading{}, o.fail("ask", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q := &question{ctx: ctx, began: time.Now(), answer: make(chan device.Reading, 1)}
	select {
	case o.inbox <- q:
		select {
		case r := <-q.answer:
			return r, nil
		case <-ctx.Done():
		case <-o.done:
		}
	case <-ctx.Done():
	case <-o.done:
	}
	return device.Reading{}, o.fail("ask", fmt.Errorf("%w: the opener did not answer", device.ErrUnavailable))
}

func (o *Opener) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.there {
		return fmt.Errorf("%w: %s", device.ErrUnavailable, o.why)
	}
	return nil
}

func (o *Opener) set(there bool, why string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.there, o.why = there, why
}

// fail is complain with the remedy that belongs to the error; nil for nil.
func (o *Opener) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	hint := "see loquet doctor; nothing was sent"
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the door before you try again: it may move"
	case errors.Is(err, device.ErrUnavailable):
		hint = "see that the serial port is there, and that its level shifter is on the wire of the wall button; nothing was sent"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	}
	return o.complain(op, err, hint)
}

func (o *Opener) complain(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: o.id, Err: err, Hint: hint}
}
