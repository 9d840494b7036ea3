package sim

import (
	"time"

	"github.com/loquet/loquet/hw"
)

// line is a wire between a device and whoever requests it.
type line struct {
	name   string
	unit   *unit
	output bool

	// What follows is guarded by the unit.

	level  bool // true: high
	holder *Board
	rest   bool             // output: the level it was requested with
	drive  func(order bool) // output: the device notices the new level; order is false for a request

	seq       uint64 // input
	high, low hw.Feed[hw.Level]
	taps      map[*tap]struct{}
}

// set is the device's side of an input.
func (l *line) set(level bool) {
	if l.level == level && l.seq > 0 {
		return
	}
	l.level = level
	l.seq++
	now := time.Now()
	l.high.Publish(hw.Level{Active: level, At: now, Seq: l.seq})
	l.low.Publish(hw.Level{Active: !level, At: now, Seq: l.seq})
	for t := range l.taps {
		t.edge(l, l.unit.world.kernel())
	}
}

// read asks for the level of an input now.
func (l *line) read() (level bool, seq uint64) {
	u := l.unit
	u.do(func(time.Duration) {})
	u.mu.Lock()
	defer u.mu.Unlock()
	return l.level, l.seq
}

// contact is a switch on an input, with its bounce and its broken wire.
type contact struct {
	line   *line
	bounce time.Duration
	made   bool
	lost   bool
	flips  []time.Duration // when the level chatters; it ends as made
}

// chatter is how many times a contact changes its mind when it changes.
const chatter = 4

// turn notes at t whether the switch is made.
func (c *contact) turn(t time.Duration, made bool) {
	if c == nil || c.made == made {
		return
	}
	c.made = made
	c.flips = c.flips[:0]
	if c.bounce > 0 {
		c.shake(t, c.bounce/(chatter+1), chatter)
	}
}

// shake makes the level flip n times, n even, so that it ends where it was.
func (c *contact) shake(t, every time.Duration, n int) {
	for i := range n {
		c.flips = append(c.flips, t+every*time.Duration(i+1))
	}
}

// show puts the level at t on the line.
func (c *contact) show(t time.Duration) {
	for len(c.flips) > 0 && c.flips[0] <= t {
		c.flips = c.flips[1:]
	}
	c.line.set(!c.lost && c.made != (len(c.flips)%2 == 1))
}

// next is when the level changes by itself.
func (c *contact) next() (time.Duration, bool) {
	if len(c.flips) == 0 {
		return 0, false
	}
	return c.flips[0], true
}

// relay is a coil on an output and the contact it pulls.
type relay struct {
	line  *line
	made  bool
	stuck bool
	press func() // what the device does when the contact is made; nil if it looks at made instead
	count *counts
}

// counts are the edges of all relays of a device.
type counts struct {
	pulses int   // a coil was taken from rest by an order
	edges  int   // a contact was made
	last   int64 // when, in Unix nanoseconds
}

// drive follows the coil. A stuck contact stays made.
func (r *relay) drive(order bool) {
	if order && r.line.level != r.line.rest {
		r.count.pulses++
	}
	made := r.line.level || r.stuck && r.made
	if made == r.made {
		return
	}
	r.made = made
	if !made {
		return
	}
	r.count.edges++
	r.count.last = time.Now().UnixNano()
	if r.press != nil {
		r.press()
	}
}

// free ends a stuck contact.
func (r *relay) free() {
	r.stuck = false
	r.made = r.line.level
}

// signal is a lamp or a beeper on an output.
type signal struct {
	line  *line
	on    bool
	edges int
	since time.Time // the start of the signalling that goes on, flashes included
	ended time.Time // when it was last switched off
	total time.Duration
	lit   time.Time // when it was last switched on
}

// pause is the longest dark half of a flash: after it, signalling has ended.
const pause = 1500 * time.Millisecond

func (s *signal) drive(bool) {
	now := time.Now()
	switch on := s.line.level; {
	case on && !s.on:
		if s.lasts(now) == 0 {
			s.since = now
		}
		s.on, s.lit = true, now
		s.edges++
	case !on && s.on:
		s.on, s.ended = false, now
		s.total += now.Sub(s.lit)
	}
}

// lasts is for how long it has been signalling.
func (s *signal) lasts(now time.Time) time.Duration {
	if !s.on && (s.ended.IsZero() || now.Sub(s.ended) > pause) {
		return 0
	}
	return max(now.Sub(s.since), 1)
}

func (s *signal) status(now time.Time) Signal {
	out := Signal{On: s.on, Edges: s.edges, Total: s.total, Lasts: s.lasts(now)}
	if s.on {
		out.Total += now.Sub(s.lit)
	}
	return out
}
