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

// link is what openers of both protocols have: readings, somebody who owns the wire, and whether it answers.
type link struct {
	id   string
	log  zerolog.Logger
	dial func() (wire, error)

	feed   hw.Feed[device.Reading]
	inbox  chan any // orders and questions
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // of what orders need
	there bool
	why   string // it is not there
}

func newLink(id string, log zerolog.Logger, dial func() (wire, error)) *link {
	l := &link{id: id, log: log, dial: dial, inbox: make(chan any), done: make(chan struct{}), why: "it has not answered yet"}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *link) close() error {
	l.cancel()
	<-l.done
	l.set(false, "it is closed")
	l.feed.Close()
	return nil
}

// question is somebody who wants to know where the door is, now.
type question struct {
	ctx    context.Context
	began  time.Time
	answer chan device.Reading // has room for one
}

// maxAsking is how many may wait for one answer.
const maxAsking = 16

// Readings implements device.Opener.
func (l *link) Readings(ctx context.Context) <-chan device.Reading { return l.feed.Subscribe(ctx) }

// Refresh implements device.Refresher: it asks the opener.
func (l *link) Refresh(ctx context.Context) (device.Reading, error) {
	if err := l.ready(ctx); err != nil {
		return device.Reading{}, l.fail("ask", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	q := &question{ctx: ctx, began: time.Now(), answer: make(chan device.Reading, 1)}
	select {
	case l.inbox <- q:
		select {
		case r := <-q.answer:
			return r, nil
		case <-ctx.Done():
		case <-l.done:
		}
	case <-ctx.Done():
	case <-l.done:
	}
	return device.Reading{}, l.fail("ask", fmt.Errorf("%w: the opener did not answer", device.ErrUnavailable))
}

func (l *link) ready(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.there {
		return fmt.Errorf("%w: %s", device.ErrUnavailable, l.why)
	}
	return nil
}

func (l *link) set(there bool, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.there, l.why = there, why
}

// fail is complain with the remedy that belongs to the error; nil for nil.
func (l *link) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	hint := "see loquet doctor; nothing was sent"
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the door before you try again: it may move"
	case errors.Is(err, errMoved):
		hint = "look where the door is and try again; nothing was sent"
	case errors.Is(err, device.ErrUnavailable):
		hint = "see that the serial port is there, and that its level shifter is on the wire of the wall button; nothing was sent"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	}
	return l.complain(op, err, hint)
}

// errMoved is an order whose door is not where it was when the order was given.
var errMoved = errors.New("the door has moved in this instant")

func (l *link) complain(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: l.id, Err: err, Hint: hint}
}

// piece is what came over the wire, or that it ended.
type piece struct {
	bytes []byte
	at    time.Time
	err   error
}

func listen(w wire, in chan<- piece, done <-chan struct{}) {
	for {
		b := make([]byte, 256)
		n, err := w.Read(b)
		select {
		case in <- piece{b[:n], time.Now(), err}:
		case <-done:
			return
		}
		if err != nil {
			return
		}
	}
}
