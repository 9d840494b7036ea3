package device

import (
	"sync"
	"time"
)

// Interlock is the one token that the doors of a mantrap share: a door is opened only while every
// other one was last seen closed. A door that nobody has seen closed yet counts as open. All methods
// may be called by several devices at once; none of them waits.
type Interlock struct {
	mu    sync.Mutex
	open  map[string]bool // members; true until seen closed
	seeds seeds
}

// NewInterlock returns a token for devices to share (DoorConfig.Interlock, LockConfig.Interlock).
func NewInterlock() *Interlock { return &Interlock{open: make(map[string]bool), seeds: newSeeds()} }

// join makes a device a member. It is not closed until it says so.
func (i *Interlock) join(id string) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open[id] = true
}

// take takes the token for a device that is about to open, and names the door in the way if it may
// not. A person's confirmation passes by all doors; the token is theirs until it has opened (override).
func (i *Interlock) take(id string, confirmed bool) (holder string, ok bool) {
	if i == nil {
		return "", true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for other, open := range i.open {
		if other != id && open && !confirmed && !i.seeds.has(seedNoToken) {
			return other, false
		}
	}
	i.open[id] = true
	return "", true
}

// override frees the token of all other doors: a device has begun to open because a person looked at the
// doors and confirmed it.
func (i *Interlock) override(id string) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for other := range i.open {
		i.open[other] = other == id
	}
}

// seen tells where a device was seen.
func (i *Interlock) seen(id string, closed bool) {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.open[id] = !closed
}

// PulseLimit bounds how often one controller may make something move, over all devices that share it.
// The zero value and nil bound nothing.
type PulseLimit struct {
	mu     sync.Mutex
	most   int
	within time.Duration
	owed   map[Cause][]time.Time
}

// NewPulseLimit returns a limit of so many owed pulses within a time for each controller.
func NewPulseLimit(most int, within time.Duration) *PulseLimit {
	return &PulseLimit{most: most, within: within, owed: make(map[Cause][]time.Time)}
}

// take counts a pulse that is about to be owed, and reports whether it may be.
func (l *PulseLimit) take(c Cause, now time.Time) bool {
	if l == nil || l.most == 0 {
		return true
	}
	c.Place = ""
	l.mu.Lock()
	defer l.mu.Unlock()
	times := l.owed[c]
	for len(times) > 0 && now.Sub(times[0]) >= l.within {
		times = times[1:]
	}
	if len(times) >= l.most {
		l.owed[c] = times
		return false
	}
	if len(l.owed) > 256 {
		l.forget(now)
	}
	l.owed[c] = append(times[:len(times):len(times)], now)
	return true
}

func (l *PulseLimit) forget(now time.Time) {
	for c, times := range l.owed {
		if len(times) == 0 || now.Sub(times[len(times)-1]) >= l.within {
			delete(l.owed, c)
		}
	}
}
