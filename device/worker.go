package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// driver is what a worker can call. A nil function is a capability that the driver does not have.
type driver[R any] struct {
	move     func(ctx context.Context, target uint8) error
	stop     func(ctx context.Context) error
	warn     func(ctx context.Context, on bool) error
	refresh  func(ctx context.Context) (R, error)
	identify func(ctx context.Context) error
	readings func(ctx context.Context) <-chan R
}

// maxIdle is how many rows nobody waits for are kept while the journal does not answer.
const maxIdle = 256

// worker makes the calls of one device, one at a time. All its methods belong to the actor; only a call
// is another goroutine, for as long as it takes: a house has many devices, and they rest most of the time.
type worker[R any] struct {
	jobs  chan op
	work  func()        // has somebody make the call that is in jobs, and those that follow
	ended chan struct{} // closed when they have been made; nil before the first
	lent  bool          // whoever steps now makes the next call too

	urgent, idle []op
	lost         int       // rows given up because too many waited
	at           op        // in flight; opNone if nothing is
	since        time.Time // of the one in flight
	givenUp      bool      // it took too long, and is still out there
}

func (w *worker[R]) start(ctx context.Context, crew *Crew, lend func()) {
	w.jobs = make(chan op, 1)
	w.work = func() {
		before, ended := w.ended, make(chan struct{})
		w.ended = ended
		crew.Do(func() {
			defer close(ended)
			lend()
			if before != nil {
				<-before // it is on its last step
			}
		})
	}
}

// wait gives the call in flight the time that every call has.
func (w *worker[R]) wait() {
	if w.ended == nil {
		return
	}
	limit := time.NewTimer(callTime)
	defer limit.Stop()
	select {
	case <-w.ended:
	case <-limit.C:
	}
}

// add puts an op into its queue. What must survive a restart is only worth writing once.
func (w *worker[R]) add(o op) {
	if o.urgent() {
		i := 0
		for i < len(w.urgent) && rank(&w.urgent[i]) <= rank(&o) {
			i++
		}
		w.urgent = slices.Insert(w.urgent, i, o)
		return
	}
	if o.kind == opRemember {
		for i := range w.idle {
			if w.idle[i].kind == opRemember {
				w.idle[i].memory = o.memory
				return
			}
		}
	}
	if len(w.idle) >= maxIdle {
		w.idle = slices.Delete(w.idle, 0, 1)
		w.lost++
	}
	w.idle = append(w.idle, o)
}

// rank orders what somebody waits for. A move goes first: it is added when the worker is idle, so that
// it never grows old in the queue. A warning goes off before the next one goes on.
func rank(o *op) int {
	switch {
	case o.kind == opMove || o.kind == opStop:
		return 0
	case o.kind == opWarn && !o.on:
		return 1
	case o.errand != 0:
		return 2
	}
	return 3
}

// kick sends the next op to the worker. While an earlier call is out there for too long, ops that
// somebody waits for come back at once with an error.
func (w *worker[R]) kick(now time.Time) (refused result[R], any bool) {
	switch {
	case w.at.kind != opNone && !w.givenUp:
		return refused, false
	case w.givenUp:
		i := slices.IndexFunc(w.urgent, func(o op) bool { return o.kind != opWarn || o.on })
		if i < 0 {
			return refused, false // a warning goes off as soon as it can
		}
		o := w.urgent[i]
		w.urgent = slices.Delete(w.urgent, i, i+1)
		return result[R]{op: o, err: errors.Join(ErrUnavailable, errStuck)}, true
	case len(w.urgent) > 0:
		w.at = w.pop(&w.urgent)
	case len(w.idle) > 0:
		w.at = w.pop(&w.idle)
	default:
		return refused, false
	}
	w.since = now
	w.jobs <- w.at // there is room: the worker is idle
	if w.work != nil && !w.lent {
		w.work()
	}
	return refused, false
}

func (w *worker[R]) pop(queue *[]op) op {
	o := (*queue)[0]
	*queue = slices.Delete(*queue, 0, 1)
	return o
}

// returned takes in what came back from the worker.
func (w *worker[R]) returned(r result[R]) result[R] {
	r.late = w.givenUp
	w.at, w.givenUp = op{}, false
	if w.lost > 0 && r.op.kind == opRecord && r.err == nil {
		w.lost = 0
		w.add(op{kind: opRecord, entry: Entry{Kind: EntryNote, Device: r.op.entry.Device, Detail: "rows-lost"}})
	}
	return r
}

// deadline is when the call in flight has taken too long; zero if nothing is in flight.
func (w *worker[R]) deadline() time.Time {
	if w.at.kind == opNone || w.givenUp {
		return time.Time{}
	}
	return w.since.Add(limit(w.at.kind) + grace)
}

// grace is what a call that minds its context has to come back.
const grace = 100 * time.Millisecond

func limit(k opKind) time.Duration {
	if k == opRefresh {
		return refreshTime
	}
	return callTime
}

// overdue gives up the call in flight if it has taken too long. A move may have happened.
func (w *worker[R]) overdue(now time.Time) (result[R], bool) {
	at := w.deadline()
	if at.IsZero() || now.Before(at) {
		return result[R]{}, false
	}
	w.givenUp = true
	err := errSlow
	if w.at.kind == opMove || w.at.kind == opStop {
		err = errors.Join(ErrUnsure, errSlow)
	}
	return result[R]{op: w.at, err: err}, true
}

// call makes one call. A panic in a driver is an error of that call: whether something moved is not
// known then.
func (a *actor[S, R]) call(ctx context.Context, o op) (r result[R]) {
	ctx, cancel := context.WithTimeout(ctx, limit(o.kind))
	defer cancel()
	defer func() {
		r.op = o
		if p := recover(); p != nil {
			r.err = fmt.Errorf("a call panicked: %v", p)
			if o.kind == opMove || o.kind == opStop {
				r.err = errors.Join(ErrUnsure, r.err)
			}
		}
	}()
	switch o.kind {
	case opRecall:
		r.memory, r.err = a.memory.Recall(ctx, a.id)
	case opRemember:
		r.err = a.memory.Remember(ctx, a.id, o.memory)
	case opRecord:
		r.seq, r.err = a.journal.Record(ctx, o.entry)
	case opMove:
		r.err = a.driver.move(ctx, o.target)
		if errors.Is(r.err, ErrUnsure) && a.seeds.has(seedRetry) {
			time.Sleep(time.Second)
			r.err = a.driver.move(ctx, o.target)
		}
	case opStop:
		r.err = a.driver.stop(ctx)
	case opWarn:
		r.err = a.driver.warn(ctx, o.on)
	case opRefresh:
		r.reading, r.err = a.driver.refresh(ctx)
	case opIdentify:
		r.err = errors.ErrUnsupported
		if a.driver.identify != nil {
			r.err = a.driver.identify(ctx)
		}
	case opNone:
	}
	return r
}
