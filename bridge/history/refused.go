package history

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
)

// Limits of what is written of refusals: who hammers at a door fills no disk.
const (
	refusedOnce = 10 * time.Second // in which the same refusal is written once
	maxRefused  = 64               // that wait to be written, and that are remembered
)

// Refusals writes into the history what a role does not let a controller do. Such a command reaches no device,
// which would write it down itself. The zero value is ready.
type Refusals struct {
	mu    sync.Mutex
	wait  []device.Entry
	wrote map[device.Entry]time.Time
	more  chan struct{} // made by the first who needs it
}

func (r *Refusals) signal() chan struct{} {
	if r.more == nil {
		r.more = make(chan struct{}, 1)
	}
	return r.more
}

// Tell notes a refusal. It never waits; the same one counts once in a while.
func (r *Refusals) Tell(e device.Entry) {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for old, at := range r.wrote {
		if now.Sub(at) >= refusedOnce {
			delete(r.wrote, old)
		}
	}
	if _, lately := r.wrote[e]; lately || len(r.wait) >= maxRefused || len(r.wrote) >= maxRefused {
		return
	}
	if r.wrote == nil {
		r.wrote = map[device.Entry]time.Time{}
	}
	r.wrote[e] = now
	r.wait = append(r.wait, e)
	select {
	case r.signal() <- struct{}{}:
	default:
	}
}

// Write writes what was told until ctx ends.
func (r *Refusals) Write(ctx context.Context, journal device.Journal, log zerolog.Logger) {
	r.mu.Lock()
	more := r.signal()
	r.mu.Unlock()
	for {
		select {
		case <-ctx.Done():
			return
		case <-more:
		}
		r.mu.Lock()
		wait := r.wait
		r.wait = nil
		r.mu.Unlock()
		for _, e := range wait {
			if _, err := journal.Record(ctx, e); err != nil && ctx.Err() == nil {
				log.Warn().Err(err).Str("device", e.Device).Msg("a refusal is not in the history")
			}
		}
	}
}
