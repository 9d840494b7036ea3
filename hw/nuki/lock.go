package nuki

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Lock is one Nuki lock. One goroutine owns what is known of it.
type Lock struct {
	id      string // of the device
	log     zerolog.Logger
	mqtt    hw.MQTT
	topic   string
	sensor  bool
	unlatch bool

	feed   hw.Feed[device.LockReading]
	inbox  chan any
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // of what orders need
	there bool
	why   string // it is not there
}

var _ device.Bolt = (*Lock)(nil)

func newLock(id string, log zerolog.Logger, mqtt hw.MQTT, c Config) *Lock {
	number, _ := ID(c.ID)
	l := &Lock{id: id, log: log, mqtt: mqtt, topic: "nuki/" + number, sensor: c.DoorSensor, unlatch: c.Unlatch,
		inbox: make(chan any), done: make(chan struct{}), why: "it has not been heard yet"}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *Lock) close() error {
	l.cancel()
	<-l.done
	l.set(false, "it is closed")
	l.feed.Close()
	return nil
}

// Messages to the goroutine of a lock, beside what comes over MQTT.
type (
	// order waits for what comes of it. What came before it is not shown to it.
	order struct {
		action uint32
		target device.BoltTarget
		done   chan error // has room for one
	}
	leave struct{ o *order }
)

func (l *Lock) tell(m any) bool {
	select {
	case l.inbox <- m:
		return true
	case <-l.done:
		return false
	}
}

// Readings implements device.Bolt.
func (l *Lock) Readings(ctx context.Context) <-chan device.LockReading { return l.feed.Subscribe(ctx) }

// Throw implements device.Bolt: one message, and then the lock's own word that it heard it. It names the action:
// what the lock's simple "unlock" does is a setting in the app, and may pull the latch.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	o := &order{target: target, done: make(chan error, 1)}
	switch {
	case target == device.BoltTargetSecured:
		o.action = actLock
	case target == device.BoltTargetUnsecured && l.unlatch:
		o.action = actUnlatch
	case target == device.BoltTargetUnsecured:
		o.action = actUnlock
	default:
		return l.complain(errors.New("no target is given"), "ask for secured or unsecured")
	}
	if err := l.ready(ctx); err != nil {
		return l.fail(err)
	}
	return l.fail(l.send(ctx, o))
}

// mostWait is how long anybody waits for what came of an order.
const mostWait = time.Minute

// send publishes the order, once, and waits for the lock. An error that wraps device.ErrUnsure says that it went out.
func (l *Lock) send(ctx context.Context, o *order) error {
	if !l.tell(o) {
		return errGone
	}
	defer l.tell(leave{o})
	ctx, cancel := context.WithTimeout(ctx, mostWait)
	defer cancel()
	if err := l.mqtt.Publish(ctx, l.topic+"/"+topicOrder, []byte(strconv.FormatUint(uint64(o.action), 10))); err != nil {
		if errors.Is(err, device.ErrUnsure) || ctx.Err() != nil {
			return fmt.Errorf("%w: the connection to the broker ended while the message went out", device.ErrUnsure)
		}
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: the lock did not tell in time what came of it: %w", device.ErrUnsure, ctx.Err())
	case <-l.done:
		return errLost
	}
}

var (
	errGone = fmt.Errorf("%w: it is closed", device.ErrUnavailable)
	errLost = fmt.Errorf("%w: the lock went away before it told what came of it", device.ErrUnsure)
)

func (l *Lock) ready(ctx context.Context) error {
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

func (l *Lock) set(there bool, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.there, l.why = there, why
}

// fail is complain with the remedy that belongs to the error; nil for nil.
func (l *Lock) fail(err error) error {
	if err == nil {
		return nil
	}
	hint := "look at the lock in the Nuki app: MQTT has to be on with \"allow locking\", and the lock calibrated; it did not move"
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the lock before you try again: it may have acted"
	case errors.Is(err, device.ErrUnavailable):
		hint = "see that the lock has power and Wi-Fi, that MQTT is on in the Nuki app with this broker, and that id is the lock's; nothing was sent"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	}
	return l.complain(err, hint)
}

func (l *Lock) complain(err error, hint string) error {
	return &hw.OpError{Op: "throw", Device: l.id, Err: err, Hint: hint}
}
