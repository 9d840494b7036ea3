package netlock

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

// Plan is a lock as its driver describes it.
type Plan struct {
	Topic   string // of the lock itself: what is sent to it goes below
	Silent  string // why orders are refused before it was heard
	Refused string // what to do when an order was not taken: a sentence
	Away    string // what to do while it is away: a sentence
}

// Lock is the frame of one lock. M is what its driver understands of a message.
type Lock[M any] struct {
	Plan
	Log  zerolog.Logger
	Feed hw.Feed[device.LockReading]

	id     string // of the device
	mqtt   hw.MQTT
	inbox  chan func()
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // of what orders need
	there bool
	why   string // it is not there

	waits map[*wait[M]]struct{} // the goroutine's own
}

// wait is somebody who waits for a message. Messages that came before it are not shown to it.
type wait[M any] struct {
	is   func(M) (bool, error)
	done chan error // has room for one
}

// Why an order has no answer.
var (
	errGone = fmt.Errorf("%w: it is closed", device.ErrUnavailable)
	errLost = fmt.Errorf("%w: the lock went away before it told what came of it", device.ErrUnsure)
)

// New is a lock that does not listen yet.
func New[M any](env *hw.Env, p Plan) (*Lock[M], error) {
	mqtt, err := env.MQTT()
	if err != nil {
		return nil, err
	}
	l := &Lock[M]{Plan: p, Log: env.Log, id: env.Device(), mqtt: mqtt, inbox: make(chan func()), done: make(chan struct{}), why: p.Silent, waits: make(map[*wait[M]]struct{})}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l, nil
}

// Run listens to topics until env is closed, and hands every event to the driver. A lock is one device: the second one
// with its topic is refused.
func (l *Lock[M]) Run(ctx context.Context, env *hw.Env, event func(hw.MQTTEvent), down func(why string), topics ...string) error {
	shared, err := hw.Share(ctx, env, "lock:"+l.Topic, func(context.Context) (*Lock[M], func() error, error) {
		go l.run(l.mqtt.Listen(l.ctx, topics...), event, down)
		return l, l.close, nil
	})
	if err == nil && shared != l {
		err = &hw.OpError{Op: "open " + l.Topic, Device: l.id, Err: hw.ErrInUse, Hint: "a lock is one device: give each device a lock of its own"}
	}
	if err != nil {
		l.cancel()
	}
	return err
}

func (l *Lock[M]) run(events <-chan hw.MQTTEvent, event func(hw.MQTTEvent), down func(why string)) {
	defer close(l.done)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				down("the house has no MQTT broker any more")
				return
			}
			event(e)
		case do := <-l.inbox:
			do()
		case <-l.ctx.Done():
			return
		}
	}
}

func (l *Lock[M]) close() error {
	l.cancel()
	<-l.done
	l.set(false, "it is closed")
	l.Feed.Close()
	return nil
}

// Do has the lock's goroutine do something, and reports whether it will.
func (l *Lock[M]) Do(something func()) bool {
	select {
	case l.inbox <- something:
		return true
	case <-l.done:
		return false
	}
}

// Readings implements device.Bolt.
func (l *Lock[M]) Readings(ctx context.Context) <-chan device.LockReading {
	return l.Feed.Subscribe(ctx)
}

// Ready says why nothing can be sent now; nil where it can.
func (l *Lock[M]) Ready(ctx context.Context) error {
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

func (l *Lock[M]) set(there bool, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.there, l.why = there, why
}

// Up reports whether the lock is there.
func (l *Lock[M]) Up() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.there
}

// Arrive lets orders through, and reports whether the lock was away until now. The lock's goroutine calls it.
func (l *Lock[M]) Arrive(how string) bool {
	if l.Up() {
		return false
	}
	l.Log.Info().Str("lock", l.Topic).Str("why", how).Msg("the lock is there")
	l.set(true, "")
	return true
}

// Down refuses orders and ends the readings: nothing more is claimed. The lock's goroutine calls it.
func (l *Lock[M]) Down(why string) {
	if l.Up() {
		l.Log.Warn().Str("lock", l.Topic).Str("why", why).Msg("the lock is away")
	}
	l.set(false, why)
	for w := range l.waits {
		l.answer(w, errLost)
	}
	l.Feed.Break()
}

// Heard shows a message to all who wait for one. The lock's goroutine calls it, after it has taken the message in.
func (l *Lock[M]) Heard(m M) {
	for w := range l.waits {
		if is, err := w.is(m); is {
			l.answer(w, err)
		}
	}
}

func (l *Lock[M]) answer(w *wait[M], err error) {
	delete(l.waits, w)
	w.done <- err
}

// mostWait is how long anybody waits for what came of a message: a lock that is awake by then has told.
const mostWait = time.Minute

// Send publishes one message below the lock's topic, once, and waits for the one that is about it: is recognises that, on
// the lock's goroutine, and says what it means. An error that wraps device.ErrUnsure says that the message went out.
func (l *Lock[M]) Send(ctx context.Context, below string, payload []byte, is func(M) (bool, error)) error {
	w := &wait[M]{is: is, done: make(chan error, 1)}
	if !l.Do(func() { l.waits[w] = struct{}{} }) {
		return errGone
	}
	defer l.Do(func() { delete(l.waits, w) })
	ctx, cancel := context.WithTimeout(ctx, mostWait)
	defer cancel()
	if err := l.mqtt.Publish(ctx, l.Topic+"/"+below, payload); err != nil {
		if errors.Is(err, device.ErrUnsure) || ctx.Err() != nil {
			return fmt.Errorf("%w: the connection to the broker ended while the message went out", device.ErrUnsure)
		}
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: the lock did not tell in time what came of it: %w", device.ErrUnsure, ctx.Err())
	case <-l.done:
		return errLost
	}
}

// askWithin is how long a question may take on its way to the broker.
const askWithin = 3 * time.Second

// Ask publishes a question that nobody waits for. The answer comes as any message does.
func (l *Lock[M]) Ask(below string, payload []byte) {
	go func() {
		ctx, cancel := context.WithTimeout(l.ctx, askWithin)
		defer cancel()
		if err := l.mqtt.Publish(ctx, l.Topic+"/"+below, payload); err != nil {
			l.Log.Debug().Err(err).Msg("the lock was not asked")
		}
	}()
}

// Fail adds to an error what to do about it; nil for nil.
func (l *Lock[M]) Fail(op string, err error) error {
	if err == nil {
		return nil
	}
	hint := l.Refused
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the lock before you try again: it may have acted"
	case errors.Is(err, device.ErrCodeRefused):
		hint = "give this person another code"
	case errors.Is(err, device.ErrUnavailable):
		hint = l.Away
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	case errors.Is(err, ErrNoTarget):
		hint = "ask for secured or unsecured"
	}
	return &hw.OpError{Op: op, Device: l.id, Err: err, Hint: hint}
}

// ErrNoTarget is an order that does not say where the bolt is to go.
var ErrNoTarget = errors.New("no target is given")
