package device

import "sync"

// keptHands is how many goroutines of a Crew wait for work.
const keptHands = 4

// Crew lends the devices of a house goroutines for their calls. The last one that came back is the next
// that goes: its stack has the size that a call needs, and its memory is near. The zero value works, and
// so does a nil one, which keeps nobody.
type Crew struct {
	mu     sync.Mutex
	idle   []chan func()
	closed bool
}

// Do runs f on another goroutine. It never waits.
func (c *Crew) Do(f func()) {
	if c == nil {
		go f()
		return
	}
	c.mu.Lock()
	if last := len(c.idle) - 1; last >= 0 {
		hand := c.idle[last]
		c.idle = c.idle[:last]
		c.mu.Unlock()
		hand <- f // there is room: it is idle
		return
	}
	c.mu.Unlock()
	go c.work(f)
}

func (c *Crew) work(f func()) {
	hand := make(chan func(), 1)
	for ok := true; ok; f, ok = <-hand {
		f()
		if !c.rest(hand) {
			return
		}
	}
}

// rest reports whether the goroutine is kept for more work.
func (c *Crew) rest(hand chan func()) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) >= keptHands {
		return false
	}
	c.idle = append(c.idle, hand)
	return true
}

// Close sends those home who wait. What runs ends by itself; Do goes on to work.
func (c *Crew) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, hand := range c.idle {
		close(hand)
	}
	c.idle = nil
}
