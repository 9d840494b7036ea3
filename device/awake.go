package device

import (
	"context"
	"sync"
	"time"
)

// Awake notices that the program stood still: it was stopped, or its computer slept. What it reads right
// after that may have waited in the network all the while, and nothing else tells. One is shared by all
// devices; nil notices nothing.
type Awake struct {
	asleep func() time.Duration

	mu    sync.Mutex
	beat  time.Time     // the last sign of life
	slept time.Duration // how long the computer had slept by then
	from  time.Time     // before the last standstill
	until time.Time     // until when what is read may have come in it
}

// Times of a standstill.
const (
	beatTime  = time.Second     // between two signs of life
	stillTime = 3 * time.Second // without one: the program stood still
	readTime  = 2 * time.Second // until all that waited in the network has been read, by a busy machine too
)

// NewAwake returns one whose Run must be called.
func NewAwake() *Awake {
	a := &Awake{asleep: sleeper()}
	a.sign(time.Now())
	return a
}

// Run gives signs of life until ctx ends.
func (a *Awake) Run(ctx context.Context) {
	tick := time.NewTicker(beatTime)
	defer tick.Stop()
	a.sign(time.Now()) // a start may take its time
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			now := time.Now()
			a.look(now)
			a.sign(now)
		}
	}
}

func (a *Awake) sign(now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.beat, a.slept = now, a.asleep()
}

// look returns how early something that is read now may have come.
func (a *Awake) look(now time.Time) time.Time {
	if a == nil {
		return now
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if slept := a.asleep(); now.Sub(a.beat) > stillTime || slept-a.slept > suspendSlack {
		a.from, a.until = a.beat.Add(a.slept-slept), now.Add(readTime)
		a.beat, a.slept = now, slept
	}
	if now.Before(a.until) {
		return a.from
	}
	return now
}
