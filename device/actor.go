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

// actor runs one machine. At each moment one goroutine at most has it: its own, or the
// one that has just made a call for it (see loop.lend). Whoever has it never waits: everything that may
// take time happens in its worker.
type actor[S comparable, R any] struct {
	id      string
	m       machine[S, R]
	driver  driver[R]
	journal Journal
	memory  Memory
	publish func(S)
	notice  func(Notice)
	awake   *Awake
	asleep  func() time.Duration // how long the computer has slept since it was started
	seeds   seeds
	crew    *Crew

	snapshot atomic.Pointer[S]
	owed     atomic.Bool
	ids      atomic.Uint64
	run      atomic.Pointer[loop[S, R]] // the present one; nil while none runs
}

func newActor[S comparable, R any](id string, m machine[S, R], d driver[R], deps Deps[S]) (*actor[S, R], error) {
	if deps.Journal == nil || deps.Memory == nil {
		return nil, errors.New("device " + id + ": it has no journal or no memory")
	}
	seeds := newSeeds()
	a := &actor[S, R]{
		id: id, m: m, driver: d, journal: deps.Journal, memory: deps.Memory, publish: deps.Publish, notice: deps.Notice,
		crew: deps.Crew, awake: deps.Awake, asleep: seeds.sleeper(sleeper()), seeds: seeds,
	}
	s := m.state()
	a.snapshot.Store(&s)
	return a, nil
}

func (a *actor[S, R]) state() S { return *a.snapshot.Load() }

func (a *actor[S, R]) stopped() *Refusal {
	return &Refusal{Device: a.id, Code: RefusedUnavailable, Why: "loquet is not running this device", Remedy: "try again in a moment"}
}

// ask sends a message and waits for its one answer, for at most commandTime.
func (a *actor[S, R]) ask(ctx context.Context, msg message) (Answer, error) {
	l := a.run.Load()
	if l == nil {
		return Answer{}, a.stopped()
	}
	msg.r.id = a.ids.Add(1)
	msg.r.entered, msg.r.slept = time.Now(), a.asleep()
	if at := a.awake.look(msg.r.entered); msg.r.cmd.Arrived.IsZero() || at.Before(msg.r.cmd.Arrived) {
		msg.r.cmd.Arrived = at
	}
	msg.to = make(chan reply, 1)
	select {
	case l.inbox <- &msg:
	default:
		return Answer{}, &Refusal{Device: a.id, Code: RefusedBusy, Why: "too many commands wait", Remedy: "try again in a moment"}
	}
	guard := time.NewTimer(commandTime)
	defer guard.Stop()
	var end *Refusal
	select {
	case r := <-msg.to:
		return r.answer, r.err
	case <-l.gone:
		end = a.stopped()
	case <-ctx.Done():
		l.withdraw(msg.r.id)
		end = &Refusal{Device: a.id, Code: RefusedExpired, Why: "the one who asked went away", Remedy: "look whether it moved before you ask again", Err: ctx.Err()}
	case <-guard.C:
		l.withdraw(msg.r.id)
		end = &Refusal{Device: a.id, Code: RefusedUnsure, Why: "there was no answer in time", Remedy: "look whether it moved before you ask again", Err: errSlow}
	}
	select {
	case r := <-msg.to: // it came at the same moment
		return r.answer, r.err
	default:
		return Answer{}, end
	}
}

func (l *loop[S, R]) withdraw(id uint64) {
	select {
	case l.inbox <- &message{kind: messageWithdraw, r: request{id: id}}:
	default: // it is answered and forgotten by its own time limit
	}
}
