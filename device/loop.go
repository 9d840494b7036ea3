package device

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

var errRunning = errors.New("the device runs already")

// loop is everything that belongs to one Run. What follows turn belongs to whoever holds it.
type loop[S comparable, R any] struct {
	*actor[S, R]
	ctx    context.Context
	inbox  chan *message // pointers: there is room for many, and a house has many devices
	gone   chan struct{} // closed at the end
	faults chan error    // a panic in a step of another goroutine's
	feed   feed[R]       // of the device's own goroutine
	silent *time.Timer   // ends the wait for a first word

	turn    sync.Mutex // held for memory only
	over    bool
	worker  worker[R]
	waiting map[uint64]chan reply
	timer   *time.Timer
	timerAt time.Time
	slept   time.Duration // how long the computer had slept at the last step
}

// serve runs the actor until ctx ends. It leaves the outputs to the driver, which knows their rest.
func (a *actor[S, R]) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &loop[S, R]{
		actor: a, ctx: ctx, inbox: make(chan *message, 64), gone: make(chan struct{}), faults: make(chan error, 1), silent: time.NewTimer(silence),
		waiting: make(map[uint64]chan reply), timer: time.NewTimer(time.Hour), slept: a.asleep(),
	}
	defer l.timer.Stop()
	defer l.silent.Stop()
	l.turn.Lock() // nobody comes before the machine has begun
	if !a.run.CompareAndSwap(nil, l) {
		return errRunning
	}
	l.worker.start(ctx, a.crew, l.lend)
	l.feed.start(ctx, a.driver.readings)
	now := time.Now()
	l.m.begin(now)
	l.settle(now)
	l.turn.Unlock()
	for {
		select {
		case <-ctx.Done():
			l.close()
			l.worker.wait()
			return ctx.Err()
		case err := <-l.faults:
			l.run.Store(nil)
			close(l.gone)
			return err
		case msg := <-l.inbox:
			l.step(func(now time.Time) { l.receive(now, msg) })
		case r, ok := <-l.feed.readings:
			l.silent.Stop()
			if ok {
				l.feed.alive()
				l.step(func(now time.Time) { l.m.reading(now, r) })
			} else {
				l.feed.lost(ctx)
				l.step(func(now time.Time) { l.m.lost(now) })
			}
		case <-l.silent.C:
			l.step(func(now time.Time) { l.m.lost(now) })
		case ch := <-l.feed.subscribed:
			l.feed.readings = ch
		case <-l.timer.C:
			l.step(func(now time.Time) {
				l.timerAt = time.Time{}
				if r, ok := l.worker.overdue(now); ok {
					l.m.done(now, r)
				}
				l.m.expire(now)
			})
		}
	}
}

// step lets the machine make one step, in its turn. A panic ends the device and nothing else, whose
// goroutine it may be.
func (l *loop[S, R]) step(do func(now time.Time)) (goesOn bool) {
	l.turn.Lock()
	defer l.turn.Unlock()
	if l.over {
		return false
	}
	defer func() {
		if p := recover(); p != nil {
			l.over = true
			l.faults <- fmt.Errorf("panic: %v\n%s", p, debug.Stack()) // there is room: nobody steps after it
		}
	}()
	now := l.wake()
	do(now)
	l.settle(now)
	return true
}

// lend makes the calls of a device on a goroutine of the crew's, for as long as there is a next one: what
// follows from a call is decided where the call was made, and the way to a relay has no other goroutine
// to wait for.
func (l *loop[S, R]) lend() {
	for goesOn := true; goesOn && l.ctx.Err() == nil; {
		select {
		case o := <-l.worker.jobs:
			r := l.call(l.ctx, o)
			goesOn = l.step(func(now time.Time) {
				l.worker.lent = true
				l.m.done(now, l.worker.returned(r))
			})
		default:
			return
		}
	}
}

// wake takes the time, and tells the machine if the computer slept since the last step.
func (l *loop[S, R]) wake() time.Time {
	now, slept := time.Now(), l.asleep()
	if slept-l.slept > suspendSlack {
		l.m.suspended(now)
	}
	l.slept = slept
	return now
}

func (l *loop[S, R]) receive(now time.Time, msg *message) {
	switch msg.kind {
	case messageCommand:
		l.waiting[msg.r.id] = msg.to
		msg.r.late = l.slept-msg.r.slept > suspendSlack
		l.m.command(now, msg.r)
	case messageLockOut:
		l.waiting[msg.r.id] = msg.to
		l.m.lockOut(now, msg.on, msg.cause, msg.r.id)
	case messageIdentify:
		l.waiting[msg.r.id] = msg.to
		l.m.effects().do(op{kind: opIdentify, asker: msg.r.id})
	case messagePing:
		msg.to <- reply{id: msg.r.id} // it has room for the one answer
	case messageWithdraw:
		delete(l.waiting, msg.r.id)
		l.m.withdraw(now, msg.r.id)
	}
}

// settle carries out what the machine wants: the snapshot first, so that whoever gets an answer sees
// it; then the worker, so that a relay does not wait for those who watch.
func (l *loop[S, R]) settle(now time.Time) {
	fx := l.m.effects()
	changed := l.store()
	if changed && l.publish != nil || len(fx.notices) > 0 {
		l.worker.lent = false // who made the last call tells of it first, somebody else makes the next
	}
	for {
		for _, o := range fx.ops {
			l.worker.add(o)
		}
		fx.ops = fx.ops[:0]
		refused, any := l.worker.kick(now)
		if !any {
			break
		}
		l.m.done(now, refused)
	}
	l.worker.lent = false
	changed = l.store() || changed
	for _, r := range fx.replies {
		l.answer(r)
	}
	if changed && l.publish != nil {
		l.publish(l.state())
	}
	if l.notice != nil {
		for _, n := range fx.notices {
			l.notice(n)
		}
	}
	fx.clear()
	l.arm(now)
}

func (l *loop[S, R]) store() bool {
	l.owed.Store(l.m.busy())
	s := l.m.state()
	if s == *l.snapshot.Load() {
		return false
	}
	l.snapshot.Store(&s)
	return true
}

func (l *loop[S, R]) answer(r reply) {
	to, ok := l.waiting[r.id]
	if !ok {
		return
	}
	delete(l.waiting, r.id)
	to <- r // it has room for the one answer
}

// arm sets the timer, and leaves it alone where nothing changed.
func (l *loop[S, R]) arm(now time.Time) {
	at := earlier(l.m.next(), l.worker.deadline())
	if at.Equal(l.timerAt) {
		return
	}
	l.timerAt = at
	if at.IsZero() {
		l.timer.Stop()
		return
	}
	l.timer.Reset(max(at.Sub(now), 0))
}

// close answers everybody who still waits.
func (l *loop[S, R]) close() {
	l.turn.Lock()
	defer l.turn.Unlock()
	now := time.Now()
	l.over = true
	l.run.Store(nil)
	l.m.end(now)
	l.store()
	for _, r := range l.m.effects().replies {
		l.answer(r)
	}
	l.m.effects().clear()
	l.owed.Store(false)
	close(l.gone)
	for {
		select {
		case msg := <-l.inbox:
			if msg.to != nil {
				msg.to <- reply{id: msg.r.id, err: l.stopped()}
			}
		default:
			return
		}
	}
}
