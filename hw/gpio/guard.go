package gpio

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

const (
	guardGrace  = 40 * time.Millisecond // what the daemon has before the guard steps in
	guardBeat   = time.Second           // between two questions whether the guard lives
	guardAnswer = 2 * time.Second       // for an answer
	guardSilent = 5                     // answers in a row that do not come, and it is taken for dead
	guardFirst  = 100 * time.Millisecond
	guardLast   = 10 * time.Second // between two starts
)

// guard is the daemon's side of the guard process: it starts the process with the first output, keeps it
// running, and tells it of every output. Without a command there is no guard, and a nil *guard does nothing.
type guard struct {
	command []string
	log     zerolog.Logger
	report  func(p hw.Problem, detail string, on bool)
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{} // closed when run has ended; nil before the first output

	mu    sync.Mutex
	wards map[uint32]*ward
	last  uint32
	link  *guardLink // nil while no guard runs
}

// ward is one output line that the guard has, too.
type ward struct {
	guard *guard
	id    uint32
	file  *os.File
	rest  bool
	until time.Time // armed: when it has to be at rest; guarded by guard.mu
}

func newGuard(env *hw.Env) *guard {
	if len(env.Guard) == 0 {
		return nil
	}
	g := &guard{command: env.Guard, log: env.Log, report: env.Problem, wards: make(map[uint32]*ward)}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	return g
}

// add hands a line over. Nothing waits for the guard: it gets the line when it runs.
func (g *guard) add(r request, rest bool) *ward {
	if g == nil || r.file() == nil {
		return nil
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last++
	w := &ward{guard: g, id: g.last, file: r.file(), rest: rest}
	g.wards[w.id] = w
	if g.done == nil {
		g.done = make(chan struct{})
		go g.run()
	}
	g.link.hand(w)
	return w
}

// arm tells the guard that the line leaves its rest for at most max. It comes before the line changes.
func (w *ward) arm(max time.Duration) {
	if w == nil {
		return
	}
	w.guard.mu.Lock()
	defer w.guard.mu.Unlock()
	w.until = time.Now().Add(max + guardGrace)
	w.guard.link.send(wardMessage{op: wardArm, id: w.id, after: max + guardGrace}, nil)
}

// calm tells the guard that the line is at rest.
func (w *ward) calm() {
	if w == nil {
		return
	}
	w.guard.mu.Lock()
	defer w.guard.mu.Unlock()
	if w.until.IsZero() {
		return
	}
	w.until = time.Time{}
	w.guard.link.send(wardMessage{op: wardCalm, id: w.id}, nil)
}

// drop takes the line back. When it returns the guard has let go of it, so that it can be requested again.
func (w *ward) drop() {
	if w == nil {
		return
	}
	g := w.guard
	g.mu.Lock()
	delete(g.wards, w.id)
	link := g.link
	gone := link.drop(w.id)
	g.mu.Unlock()
	link.await(gone)
}

// run keeps a guard running until Close.
func (g *guard) run() {
	defer close(g.done)
	for wait := guardFirst; ; wait = min(2*wait, guardLast) {
		began := time.Now()
		err := g.live()
		if g.ctx.Err() != nil {
			return
		}
		g.log.Error().Err(err).Msg("the guard of the relays ended, starting it again")
		g.report(hw.GuardDown, err.Error(), true)
		if time.Since(began) > time.Minute {
			wait = guardFirst
		}
		select {
		case <-g.ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// live is the life of one guard process.
func (g *guard) live() error {
	link, err := startGuard(g.command)
	if err != nil {
		return err
	}
	g.mu.Lock()
	g.link = link
	for _, w := range g.wards {
		link.hand(w)
		if left := time.Until(w.until); left > 0 {
			link.send(wardMessage{op: wardArm, id: w.id, after: left}, nil)
		}
	}
	g.mu.Unlock()
	err = g.beat(link)
	g.mu.Lock()
	g.link = nil
	g.mu.Unlock()
	link.end(g.ctx.Err() == nil)
	return err
}

// beat asks the guard whether it lives until it does not, or Close.
func (g *guard) beat(link *guardLink) error {
	silent := 0
	for well := false; ; {
		g.mu.Lock()
		sent := link.send(wardMessage{op: wardPing}, nil)
		g.mu.Unlock()
		if !sent {
			return errors.New("it takes no messages")
		}
		answer := time.NewTimer(guardAnswer)
		select {
		case <-link.pong:
			if silent = 0; !well {
				g.report(hw.GuardDown, "", false)
				well = true
			}
		case <-answer.C: // the daemon itself may have been stopped, or the machine be busy: once is not enough
			if silent++; silent >= guardSilent {
				return errors.New("it does not answer")
			}
		case <-link.dead:
			return link.why()
		case <-g.ctx.Done():
			return nil
		}
		answer.Stop()
		pause := time.NewTimer(guardBeat)
		select {
		case <-pause.C:
		case <-link.dead:
			return link.why()
		case <-g.ctx.Done():
			return nil
		}
	}
}

// Close ends the guard. Its lines were given back before.
func (g *guard) Close() error {
	if g == nil {
		return nil
	}
	g.cancel()
	g.mu.Lock()
	done := g.done
	g.mu.Unlock()
	if done != nil {
		<-done
	}
	return nil
}
