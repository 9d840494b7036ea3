package zwave

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

// Times of a lock.
const (
	askWithin   = 15 * time.Second // a battery lock is woken over the radio, perhaps by way of others
	fetchWithin = 10 * time.Second // what the server knows by itself
	firstRetry  = 5 * time.Second  // after a lock did not answer
	lastRetry   = 5 * time.Minute  // each try costs it some battery
	holdBack    = 700 * time.Millisecond
	causeFor    = 5 * time.Second
	orderFor    = 20 * time.Second // in which a turn is taken for the outcome of an order
)

// Lock is a Z-Wave lock. One goroutine owns what is known of it.
type Lock struct {
	id             string
	log            zerolog.Logger
	server         *server
	node, endpoint int
	digits         int

	feed   hw.Feed[device.LockReading]
	inbox  chan any
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex // of what orders need
	session *session   // nil while the lock does not answer
	downs   uint64     // how often it was said not to answer
	why     string
	sleeps  bool
	hides   bool // it holds codes and does not show them
}

var (
	_ device.Bolt          = (*Lock)(nil)
	_ device.BoltRefresher = (*Lock)(nil)
	_ device.CodeSlots     = (*Lock)(nil)
)

func newLock(id string, log zerolog.Logger, s *server, c Config) *Lock {
	l := &Lock{id: id, log: log, server: s, node: c.Node, endpoint: c.Endpoint, digits: c.CodeDigits,
		inbox: make(chan any, 64), done: make(chan struct{}), why: "it has not answered yet"}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func (l *Lock) close() error {
	l.server.leave(l)
	l.cancel()
	<-l.done
	l.feed.Close()
	l.set(nil, "it is closed", nil)
	return nil
}

// Messages to the goroutine of a lock, beside event.
type (
	came    struct{ session *session } // the server is connected
	went    struct{ why string }       // and it is not
	fetched struct {                   // all that the server knows of the node
		session *session
		downs   uint64 // when it was asked for
		node    *nodeState
		at      uint64
		err     error
	}
	asked struct { // what the lock said, over the radio
		session *session
		downs   uint64 // when it was asked
		mode    json.RawMessage
		at      uint64
		taken   time.Time
		err     error
		reply   chan device.LockReading // nil: nobody waits; closed when the answer is worth nothing any more
	}
	ordered struct{ target device.BoltTarget } // an order goes out
)

// tell never waits for anything that waits for the caller: run only computes.
func (l *Lock) tell(m any) {
	select {
	case l.inbox <- m:
	case <-l.ctx.Done():
	}
}

// Readings implements device.Bolt.
func (l *Lock) Readings(ctx context.Context) <-chan device.LockReading { return l.feed.Subscribe(ctx) }

// Throw implements device.Bolt: the order goes out once, and is not repeated by anybody here. The radio
// protocol underneath repeats frames until one is acknowledged; a lock takes each of them for the same order.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	mode := modeUnsecured
	switch target {
	case device.BoltTargetSecured:
		mode = modeSecured
	case device.BoltTargetUnsecured:
	default:
		return l.complain("throw", errors.New("no target is given"), "ask for secured or unsecured")
	}
	if err := ctx.Err(); err != nil {
		return l.fail("throw", err)
	}
	s, err := l.present()
	if err != nil {
		return l.fail("throw", err)
	}
	if l.asleep() {
		return l.fail("throw", errSleeps)
	}
	l.tell(ordered{target})
	result, err := s.call(ctx, "node.set_value", arguments{
		"nodeId":  l.node,
		"valueId": arguments{"commandClass": ccDoorLock, "endpoint": l.endpoint, "property": "targetMode"},
		"value":   mode,
	})
	if err == nil {
		err = setStatus(result.Result)
	}
	return l.fail("throw", orderError(err))
}

// RefreshBolt implements device.BoltRefresher: it asks the lock over the radio.
func (l *Lock) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	downs := l.fallen() // first: a lock that goes and comes between the two is asked before it came
	s, err := l.present()
	if err != nil {
		return device.LockReading{}, l.fail("ask", err)
	}
	if l.asleep() {
		return device.LockReading{}, l.fail("ask", errSleeps)
	}
	a := l.ask(ctx, s, downs)
	if a.err != nil {
		return device.LockReading{}, l.fail("ask", questionError(a.err))
	}
	a.reply = make(chan device.LockReading, 1)
	l.tell(a)
	select {
	case r, ok := <-a.reply:
		if !ok {
			return device.LockReading{}, l.fail("ask", errAway)
		}
		return r, nil
	case <-ctx.Done():
		return device.LockReading{}, l.fail("ask", ctx.Err())
	case <-l.ctx.Done():
		return device.LockReading{}, l.fail("ask", errGone)
	}
}

var errAway = fmt.Errorf("%w: it went away while it was asked", device.ErrUnavailable)

// ask asks the lock where its bolt is.
func (l *Lock) ask(ctx context.Context, s *session, downs uint64) asked {
	a := asked{session: s, downs: downs, taken: time.Now()}
	result, err := s.call(ctx, "node.poll_value", arguments{
		"nodeId":  l.node,
		"valueId": arguments{"commandClass": ccDoorLock, "endpoint": l.endpoint, "property": "currentMode"},
	})
	if err != nil {
		a.err = err
		return a
	}
	var r struct {
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(result.Result, &r); err != nil {
		a.err = fmt.Errorf("an answer that cannot be read: %w", err)
	} else if _, ok := number(r.Value); !ok {
		a.err = fmt.Errorf("%w: the lock does not say where its bolt is", device.ErrUnavailable)
	}
	a.mode, a.at = r.Value, result.at
	return a
}

// set says what orders find: a session, or why there is none.
func (l *Lock) set(s *session, why string, v *view) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.session, l.why = s, why
	if s == nil {
		l.downs++
	}
	if v != nil {
		l.sleeps = v.sleeps
	}
}

// fallen is how often the lock was said not to answer: what was asked before the last time is old.
func (l *Lock) fallen() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.downs
}

func (l *Lock) present() (*session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session == nil {
		return nil, fmt.Errorf("%w: %s", device.ErrUnavailable, l.why)
	}
	return l.session, nil
}

func (l *Lock) asleep() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sleeps
}
