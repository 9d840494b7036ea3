package secplus

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
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

// Opener is an opener of Security+ 2.0. One goroutine owns the wire.
type Opener struct {
	*link
	codes *counter
}

var (
	_ device.Opener    = (*Opener)(nil)
	_ device.Refresher = (*Opener)(nil)
	_ device.Stopper   = (*Opener)(nil)
)

func newOpener(id string, log zerolog.Logger, codes *counter, dial func() (wire, error)) *Opener {
	return &Opener{link: newLink(id, log, dial), codes: codes}
}

// order is a press that somebody wants.
type order struct {
	ctx    context.Context
	action byte
	done   chan error // has room for one
}

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
