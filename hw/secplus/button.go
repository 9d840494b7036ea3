package secplus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
)

// Button is an opener of Security+ 1.0, which has one button for everything. One goroutine owns the wire.
type Button struct {
	*link
	panel string // what the owner says of the wall panel
	t     times
}

var (
	_ device.Opener    = (*Button)(nil)
	_ device.Refresher = (*Button)(nil)
)

// times are how long things take on the wire of Security+ 1.0.
type times struct {
	listen time.Duration // for a panel, before loquet asks instead: one that gets power takes its time
	brief  time.Duration // the same where none should be
	poll   time.Duration // between two questions of a panel
	quick  time.Duration // the same while somebody waits for the answer
	quiet  time.Duration // after the last byte, before one of ours
	gap    time.Duration // between two of ours where a panel speaks too
	window time.Duration // after a message of a panel, in which ours may go out
	hold   time.Duration // that the button is pressed
	silent time.Duration // without a word of the door: it is away
	dial   time.Duration // between two tries to open the port
}

// usual are the times as the boards have them that do this job everywhere.
func usual() times {
	return times{
		listen: 35 * time.Second, brief: 2 * time.Second, poll: 250 * time.Millisecond, quick: 250 * time.Millisecond,
		quiet: 50 * time.Millisecond, gap: 200 * time.Millisecond, window: 200 * time.Millisecond,
		hold: 500 * time.Millisecond, silent: 5 * time.Second, dial: time.Second,
	}
}

func newButton(id string, log zerolog.Logger, panel string, t times, dial func() (wire, error)) *Button {
	return &Button{link: newLink(id, log, dial), panel: panel, t: t}
}

// push is a press of the button that somebody wants.
type push struct {
	ctx     context.Context
	began   time.Time
	done    chan error // has room for one
	saw     byte       // where the door was when it was asked for
	pressed bool
}

// Trigger implements device.Opener: one press, and then the opener's own word that it obeys. What the press does is not
// for this driver to say: see device.CycleReversesOnClose.
func (o *Button) Trigger(ctx context.Context, target device.Target) error {
	const op = "press the button"
	if target == device.TargetUnknown {
		return o.complain(op, errors.New("no target is given"), "ask for open or closed")
	}
	if err := o.ready(ctx); err != nil {
		return o.fail(op, err)
	}
	w := &push{ctx: ctx, began: time.Now(), done: make(chan error, 1)}
	select {
	case o.inbox <- w:
	case <-ctx.Done():
		return o.fail(op, ctx.Err())
	case <-o.done:
		return o.fail(op, fmt.Errorf("%w: it is closed", device.ErrUnavailable))
	}
	return o.fail(op, <-w.done) // the goroutine answers every order that it has taken
}
