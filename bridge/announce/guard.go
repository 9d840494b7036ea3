package announce

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/bridge/place"
	"github.com/loquet/loquet/mdns"
)

// lookTime is how long a start waits for somebody who announces the same house. Whoever does answers in
// a tenth of that, and is asked twice.
const lookTime = 1500 * time.Millisecond

// Guard keeps state that was copied or restored from being used twice. A start on state that lies where
// it lay asks nobody.
type Guard struct {
	opts   Options
	here   place.Place
	notes  place.Storage
	moved  bool
	done   chan struct{}
	heard  []Copy // valid when done is closed
	looked bool   // there was a network to ask
}

// NewGuard begins to ask the network, if the state in folder may be a copy. The rest of a start goes on
// meanwhile.
func NewGuard(ctx context.Context, opts Options, folder string, notes place.Storage) *Guard {
	g := &Guard{opts: opts, here: place.Here(folder), notes: notes, done: make(chan struct{})}
	var err error
	if g.moved, err = g.here.Moved(notes); err != nil {
		opts.Log.Warn().Err(err).Msg("where the state was is not known")
	}
	if !g.moved {
		close(g.done)
		return g
	}
	opts.Log.Info().Msg("the state was restored or moved, asking the network whether another machine uses it too")
	go func() {
		defer close(g.done)
		g.look(ctx)
	}()
	return g
}

// Moved reports whether the state may be a copy: then Check waits for the network.
func (g *Guard) Moved() bool { return g.moved }

// look asks the network for lookTime.
func (g *Guard) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r, err := mdns.New(mdns.Config{Interfaces: g.opts.Interfaces, Log: g.opts.Log, Transport: g.opts.Transport})
	if err != nil {
		g.opts.Log.Warn().Err(err).Msg("nobody can be asked whether another machine uses this state")
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	running.Go(func() { _ = r.Run(ctx) })
	if facts, err := r.Facts(ctx); err != nil || len(facts.Interfaces) == 0 {
		return
	}
	_ = r.Browse(ctx, hapType, func(e mdns.Entry) {
		if id := identity(e.TXT); id != "" && !e.Gone {
			g.heard = append(g.heard, Copy{Bridge: id, Instance: e.Instance, Host: e.Host, Addrs: e.Addrs, Interface: e.Interface})
		}
	})
	g.looked = errors.Is(ctx.Err(), context.DeadlineExceeded) // for the whole time
}

// InUseError says that another machine uses the same state.
type InUseError struct{ Copy Copy }

func (e *InUseError) Error() string {
	return fmt.Sprintf("this house (%s) is announced by another bridge already, %s at %s", e.Copy.Bridge, e.Copy.Instance, where(e.Copy))
}

// Hint says what to do about it.
func (e *InUseError) Hint() string {
	return "switch the other one off for good, then start this one: phones go on as if nothing had been; two bridges with one identity confuse them"
}

// Check refuses a house whose servers, by their device ids, somebody else announces. It waits for the
// answers, and notes that the state is used here if nobody minds.
func (g *Guard) Check(ctx context.Context, ids []string) error {
	select {
	case <-g.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, c := range g.heard {
		for _, id := range ids {
			if identity([]string{"id=" + id}) == c.Bridge {
				return &InUseError{c}
			}
		}
	}
	if g.moved && !g.looked {
		return nil // the next start asks again
	}
	if err := g.here.Settle(g.notes); err != nil {
		g.opts.Log.Warn().Err(err).Msg("where the state is could not be noted")
	}
	return nil
}
