package device

import (
	"errors"
	"time"
)

// opKind is what a machine has done for it by the worker.
type opKind uint8

const (
	opNone     opKind = iota
	opRecall          // read what the device must not forget
	opRemember        // and write it
	opRecord          // a row for the journal
	opMove            // Opener.Trigger, Bolt.Throw
	opStop
	opWarn
	opRefresh
	opIdentify
)

// op is one call of a driver, the journal or the memory. Its result comes back as a message.
type op struct {
	kind   opKind
	errand uint64 // the errand it belongs to: it goes ahead of all that has none
	asker  uint64 // who waits for it, of the ops outside an errand
	target uint8  // opMove: Target or BoltTarget
	on     bool   // opWarn
	entry  Entry
	memory Remembered
}

// urgent reports whether somebody may be waiting for a relay.
func (o *op) urgent() bool {
	return o.errand != 0 || o.kind == opWarn || o.kind == opRecall || o.asker != 0
}

// result is how an op ended.
type result[R any] struct {
	op      op
	err     error
	seq     int64
	reading R
	memory  Remembered
	late    bool // it had been given up before
}

var (
	errSlow  = errors.New("no answer in time")
	errStuck = errors.New("an earlier call has not come back")
)

// Limits of time.
const (
	callTime     = 3 * time.Second         // of one call in the worker
	refreshTime  = time.Second             // of a Refresh
	answerTime   = 2900 * time.Millisecond // until a machine has answered a command
	commandTime  = 3 * time.Second         // until Command returns, whatever happens
	expiry       = 5 * time.Second         // of a command, from its arrival
	freshTime    = 2 * time.Second         // of a reading
	stableTime   = 300 * time.Millisecond  // until a reading is the truth
	bounceTime   = 2 * time.Second         // that a command waits for a contact to rest
	edgeGap      = 2 * time.Second         // between two edges of one relay
	repeatTime   = 30 * time.Second        // in which the same command of the same controller is a repeat
	failedTime   = 30 * time.Second        // in which a target that failed is refused
	unlearned    = 30 * time.Second        // stands for travel x 1.5 while no travel is known
	warnTail     = 2 * time.Second         // that the warning stays on after the close has started
	warnBeat     = 500 * time.Millisecond  // between two looks at a warning
	warnStill    = 2 * time.Second         // that may pass between them: longer, and the program stood still
	startTime    = time.Second             // from the end of the warning to the start of the close
	suspendSlack = 2 * time.Second         // that the computer may sleep before it counts as a suspend
	holdTime     = 5 * time.Minute         // that a door keeps its mantrap shut before its owner hears of it
	refusedTime  = 10 * time.Second        // in which the same refusal is written once
	maxWaiting   = 16                      // commands that wait behind one in flight
	maxFailures  = 2
	maxObstructs = 2
)

// request is a command on its way to a machine.
type request struct {
	id      uint64 // 0: the device's own timer asks
	cmd     Command
	entered time.Time     // when Command was called
	slept   time.Duration // how long the computer had slept by then
	late    bool          // it slept before the machine heard of it
}

// due is when the machine must have answered.
func (r request) due() time.Time { return r.entered.Add(answerTime) }

// expired reports whether the command is too old to move anything.
func (r request) expired(now time.Time) bool {
	at := r.cmd.Arrived
	if at.IsZero() {
		at = r.entered
	}
	return r.late || now.Sub(at) > expiry
}

// reply is the one answer to a request.
type reply struct {
	id     uint64
	answer Answer
	err    error // *Refusal
}

// effects are what a machine wants done, in the order of each list. State is read from the machine.
type effects struct {
	ops     []op
	replies []reply
	notices []Notice
}

func (fx *effects) do(o op)         { fx.ops = append(fx.ops, o) }
func (fx *effects) tell(r reply)    { fx.replies = append(fx.replies, r) }
func (fx *effects) notice(n Notice) { fx.notices = append(fx.notices, n) }
func (fx *effects) write(e Entry)   { fx.ops = append(fx.ops, op{kind: opRecord, entry: e}) }
func (fx *effects) clear() {
	fx.ops, fx.replies, fx.notices = fx.ops[:0], fx.replies[:0], fx.notices[:0]
}
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
