package device

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// machine is the pure part of a device. It has no goroutine, no clock and does no I/O: every input
// carries the time, what it wants done is left in effects, and next says when expire is due.
type machine[S, R any] interface {
	begin(now time.Time)
	command(now time.Time, r request)
	withdraw(now time.Time, id uint64)
	lockOut(now time.Time, on bool, cause Cause, id uint64)
	reading(now time.Time, r R)
	lost(now time.Time)
	suspended(now time.Time)
	expire(now time.Time)
	done(now time.Time, r result[R])
	end(now time.Time)
	next() time.Time
	busy() bool
	state() S
	effects() *effects
}

type messageKind uint8

const (
	messageCommand messageKind = iota
	messageWithdraw
	messageLockOut
	messageIdentify
	messagePing
)

// message is what others send to an actor.
type message struct {
	kind  messageKind
	r     request
	on    bool
	cause Cause
	to    chan reply
}

// actor runs one machine in one goroutine. It never waits: everything that may take time happens in
// its worker and comes back as a message.
type actor[S comparable, R any] struct {
	id      string
	m       machine[S, R]
	driver  driver[R]
	journal Journal
	memory  Memory
	publish func(S)
	notice  func(Notice)
	awake   *Awake
	seeds   seeds
	crew    *Crew

	inbox    chan *message // pointers: there is room for many, and a house has many devices
	snapshot atomic.Pointer[S]
	owed     atomic.Bool
	ids      atomic.Uint64
	run      atomic.Pointer[chan struct{}] // closed when the present Run ends; nil while none runs
}

func newActor[S comparable, R any](id string, m machine[S, R], d driver[R], deps Deps[S]) (*actor[S, R], error) {
	if deps.Journal == nil || deps.Memory == nil {
		return nil, errors.New("device " + id + ": it has no journal or no memory")
	}
	a := &actor[S, R]{
		id: id, m: m, driver: d, journal: deps.Journal, memory: deps.Memory, publish: deps.Publish, notice: deps.Notice,
		inbox: make(chan *message, 64), crew: deps.Crew, awake: deps.Awake, seeds: newSeeds(),
	}
	s := m.state()
	a.snapshot.Store(&s)
	return a, nil
}

func (a *actor[S, R]) state() S { return *a.snapshot.Load() }

var errRunning = errors.New("the device runs already")

// loop is everything that belongs to one Run.
type loop[S comparable, R any] struct {
	*actor[S, R]
	worker  worker[R]
	feed    feed[R]
	waiting map[uint64]chan reply
	silent  *time.Timer // ends the wait for a first word
	timer   *time.Timer
	timerAt time.Time
	last    time.Time // of the last step, to notice a suspend
}

// serve runs the actor until ctx ends. It leaves the outputs to the driver, which knows their rest.
func (a *actor[S, R]) serve(ctx context.Context) error {
	gone := make(chan struct{})
	if !a.run.CompareAndSwap(nil, &gone) {
		return errRunning
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &loop[S, R]{actor: a, waiting: make(map[uint64]chan reply), timer: time.NewTimer(time.Hour), silent: time.NewTimer(silence), last: time.Now()}
	l.worker.start(ctx, a, a.crew)
	l.feed.start(ctx, a.driver.readings)
	defer l.timer.Stop()
	defer l.silent.Stop()

	l.m.begin(l.last)
	l.settle(ctx, l.last)
	for {
		select {
		case <-ctx.Done():
			l.close(gone)
			l.worker.wait()
			return ctx.Err()
		case msg := <-a.inbox:
			now := l.wake()
			l.receive(now, msg)
			l.settle(ctx, now)
		case r, ok := <-l.feed.readings:
			now := l.wake()
			l.silent.Stop()
			if ok {
				l.feed.alive()
				l.m.reading(now, r)
			} else {
				l.feed.lost(ctx)
				l.m.lost(now)
			}
			l.settle(ctx, now)
		case <-l.silent.C:
			now := l.wake()
			l.m.lost(now)
			l.settle(ctx, now)
		case ch := <-l.feed.subscribed:
			l.feed.readings = ch
		case r := <-l.worker.results:
			now := l.wake()
			if r.op.kind != opNone {
				l.m.done(now, l.worker.returned(r))
			}
			l.settle(ctx, now)
		case <-l.timer.C:
			l.timerAt = time.Time{}
			now := l.wake()
			if r, ok := l.worker.overdue(now); ok {
				l.m.done(now, r)
			}
			l.m.expire(now)
			l.settle(ctx, now)
		}
	}
}

// wake takes the time, and tells the machine if the computer slept since the last step.
func (l *loop[S, R]) wake() time.Time {
	now := time.Now()
	if slept(l.last, now) {
		l.m.suspended(now)
	}
	l.last = now
	return now
}

func (l *loop[S, R]) receive(now time.Time, msg *message) {
	switch msg.kind {
	case messageCommand:
		l.waiting[msg.r.id] = msg.to
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
func (l *loop[S, R]) settle(ctx context.Context, now time.Time) {
	fx := l.m.effects()
	changed := l.store()
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
func (l *loop[S, R]) close(gone chan struct{}) {
	now := time.Now()
	l.run.Store(nil)
	l.m.end(now)
	l.store()
	for _, r := range l.m.effects().replies {
		l.answer(r)
	}
	l.m.effects().clear()
	l.owed.Store(false)
	close(gone)
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

func (a *actor[S, R]) stopped() *Refusal {
	return &Refusal{Device: a.id, Code: RefusedUnavailable, Why: "loquet is not running this device", Remedy: "try again in a moment"}
}

// ask sends a message and waits for its one answer, for at most commandTime.
func (a *actor[S, R]) ask(ctx context.Context, msg message) (Answer, error) {
	run := a.run.Load()
	if run == nil {
		return Answer{}, a.stopped()
	}
	msg.r.id = a.ids.Add(1)
	msg.r.entered = time.Now()
	if at := a.awake.look(msg.r.entered); msg.r.cmd.Arrived.IsZero() || at.Before(msg.r.cmd.Arrived) {
		msg.r.cmd.Arrived = at
	}
	msg.to = make(chan reply, 1)
	select {
	case a.inbox <- &msg:
	default:
		return Answer{}, &Refusal{Device: a.id, Code: RefusedBusy, Why: "too many commands wait", Remedy: "try again in a moment"}
	}
	guard := time.NewTimer(commandTime)
	defer guard.Stop()
	var end *Refusal
	select {
	case r := <-msg.to:
		return r.answer, r.err
	case <-*run:
		end = a.stopped()
	case <-ctx.Done():
		a.withdraw(msg.r.id)
		end = &Refusal{Device: a.id, Code: RefusedExpired, Why: "the one who asked went away", Remedy: "look whether it moved before you ask again", Err: ctx.Err()}
	case <-guard.C:
		a.withdraw(msg.r.id)
		end = &Refusal{Device: a.id, Code: RefusedUnsure, Why: "there was no answer in time", Remedy: "look whether it moved before you ask again", Err: errSlow}
	}
	select {
	case r := <-msg.to: // it came at the same moment
		return r.answer, r.err
	default:
		return Answer{}, end
	}
}

func (a *actor[S, R]) withdraw(id uint64) {
	select {
	case a.inbox <- &message{kind: messageWithdraw, r: request{id: id}}:
	default: // it is answered and forgotten by its own time limit
	}
}
