package zigbee2mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Lock is a Zigbee lock. One goroutine owns what is known of it.
type Lock struct {
	id     string
	log    zerolog.Logger
	mqtt   hw.MQTT
	topic  string
	digits int
	first  int // slot
	last   int

	feed   hw.Feed[device.LockReading]
	inbox  chan any
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu    sync.Mutex // of what orders need
	there bool
	why   string // it is not there
	shows bool   // it was seen to show the digits it keeps

	newest message // when a code was last saved and cleared, and nothing else
}

var (
	_ device.Bolt          = (*Lock)(nil)
	_ device.BoltRefresher = (*Lock)(nil)
	_ device.CodeSlots     = (*Lock)(nil)
)

func newLock(id string, log zerolog.Logger, mqtt hw.MQTT, c Config) *Lock {
	l := &Lock{id: id, log: log, mqtt: mqtt, topic: c.Base + "/" + c.Name, digits: c.CodeDigits, first: c.FirstSlot, last: c.FirstSlot + c.Slots - 1,
		inbox: make(chan any), done: make(chan struct{}), why: "it has not answered yet"}
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
	// wait is somebody who waits for a message. Messages that came before it are not shown to it.
	wait struct {
		match func(*message) bool
		now   bool       // a turn is not held back for it
		done  chan error // has room for one
	}
	leave   struct{ w *wait }
	ordered struct{ target device.BoltTarget }
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

// Throw implements device.Bolt: one message, and then the lock's own word of what came of it. A report of where
// the bolt was before may still be on its way, and is no such word.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	word := ""
	switch target {
	case device.BoltTargetSecured:
		word = "LOCK"
	case device.BoltTargetUnsecured:
		word = "UNLOCK"
	default:
		return l.complain("throw", errors.New("no target is given"), "ask for secured or unsecured")
	}
	if err := l.ready(ctx); err != nil {
		return l.fail("throw", err)
	}
	l.tell(ordered{target})
	return l.fail("throw", l.send(ctx, "set", map[string]any{"state": word}, &wait{match: func(m *message) bool { return m.answers(target) }}))
}

// RefreshBolt implements device.BoltRefresher: it asks the lock over the radio.
func (l *Lock) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	if err := l.ready(ctx); err != nil {
		return device.LockReading{}, l.fail("ask", err)
	}
	taken := time.Now()
	err := l.send(ctx, "get", map[string]any{"state": ""}, &wait{match: (*message).telling, now: true})
	if err != nil {
		return device.LockReading{}, l.fail("ask", question(err))
	}
	r, ok := l.feed.Last()
	if !ok || r.Taken.Before(taken) {
		return device.LockReading{}, l.fail("ask", fmt.Errorf("%w: it went away", device.ErrUnavailable))
	}
	return r, nil
}

// mostWait is how long anybody waits for what came of a message: a lock that is awake by then has told.
const mostWait = time.Minute

// send publishes one message, once, and waits for the lock's next one that is about it. An error that wraps
// device.ErrUnsure says that the message went out.
func (l *Lock) send(ctx context.Context, verb string, what any, w *wait) error {
	payload, err := json.Marshal(what)
	if err != nil {
		return err
	}
	w.done = make(chan error, 1)
	if !l.tell(w) {
		return errGone
	}
	defer l.tell(leave{w})
	ctx, cancel := context.WithTimeout(ctx, mostWait)
	defer cancel()
	if err := l.mqtt.Publish(ctx, l.topic+"/"+verb, payload); err != nil {
		if errors.Is(err, device.ErrUnsure) || ctx.Err() != nil {
			return fmt.Errorf("%w: the connection to the broker ended while the message went out", device.ErrUnsure)
		}
		return fmt.Errorf("%w: %w", device.ErrUnavailable, err)
	}
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: Zigbee2MQTT did not tell in time what came of it: %w", device.ErrUnsure, ctx.Err())
	case <-l.done:
		return errLost
	}
}

var (
	errGone = fmt.Errorf("%w: it is closed", device.ErrUnavailable)
	errLost = fmt.Errorf("%w: the lock went away before it told what came of it", device.ErrUnsure)
)

// question says what an error means for a question: it leaves nothing unsure.
func question(err error) error {
	if !errors.Is(err, device.ErrUnsure) {
		return err
	}
	return fmt.Errorf("%w: the lock did not answer", device.ErrUnavailable)
}

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
func (l *Lock) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	hint := "see what Zigbee2MQTT says about this lock; nothing was sent to it"
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the lock before you try again: it may have acted"
	case errors.Is(err, device.ErrCodeRefused):
		hint = "give this person another code"
	case errors.Is(err, device.ErrUnavailable):
		hint = "see that Zigbee2MQTT runs and is connected to the same broker, that name is the lock's friendly name, and that the lock has batteries"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	}
	return l.complain(op, err, hint)
}

func (l *Lock) complain(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: l.id, Err: err, Hint: hint}
}
