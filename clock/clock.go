// Package clock tells the calendar time and how far it can be believed. A small computer without a
// battery for its clock wakes up in the past, or where it was switched off; a lost clock must never lock
// an owner out and never let a guest in outside of the days that were agreed.
//
//	            kernel says synchronised, or confirmed
//	  +--------------------------------------------------+
//	  |                                                  v
//	Floor <----- 72 h without a source ----- Holdover <-- Trusted
//	  "not earlier than this"                  ^ counted on   |
//	                                           | by itself    |
//	                                           +--------------+
//	                             source lost, or the time jumped
//
// Durations have nothing to do with it: lock-outs, warnings and caps use package time.
package clock

import (
	"sync"
	"time"
)

// Trust says how far the time can be believed. The zero value is the least.
type Trust uint8

// Trusts.
const (
	Floor    Trust = iota // only "not earlier than this" is known
	Holdover              // counted on since the time was last trusted, in the same boot
	Trusted               // synchronised, kept by a battery, or confirmed by a person
)

// String returns the word that the journal and the API use.
func (t Trust) String() string {
	switch t {
	case Trusted:
		return "trusted"
	case Holdover:
		return "holdover"
	case Floor:
	}
	return "floor"
}

// Limits.
const (
	// HoldoverLimit is how long time is counted on without a source.
	HoldoverLimit = 72 * time.Hour
	// JumpBack and JumpAhead are how far a trusted time may be set without being doubted.
	JumpBack  = time.Minute
	JumpAhead = time.Hour
)

// Anchor is a moment at which the time was trusted. Kept by the caller, it lets the next process of the
// same boot count on from there.
type Anchor struct {
	Boot  string        `json:"boot"`  // id of the boot of the machine
	At    time.Time     `json:"at"`    // the time it was
	Since time.Duration `json:"since"` // how long the machine had been up, sleep included
}

// Word is what a person said of the machine's time. Kept by the caller, it goes on to count in the next process
// of the same boot.
type Word struct {
	Boot  string        `json:"boot"`
	By    string        `json:"by"`    // who said it
	At    time.Time     `json:"at"`    // the time it was
	Until time.Duration `json:"until"` // how long the machine will have been up when it counts no more
}

// Jump is a step of the time that was not believed.
type Jump struct {
	From time.Time // what the time should have been
	To   time.Time // what the machine says it is
}

// Options are what a Clock starts with. The zero value works.
type Options struct {
	// Floor is the latest time that is known to lie in the past: what Floor returned in the last
	// process, or the day this program was built, whichever is later.
	Floor time.Time
	// Anchor is what Anchor returned in the last process.
	Anchor Anchor
	// Word is what Word returned in the last process.
	Word Word
	// Lost is what Lost returned in the last process.
	Lost time.Duration
	// Battery says that the machine's own clock runs while it is switched off. Only an owner knows.
	Battery bool
	// Jumped is told of a step of the time that is doubted. It runs inside Now and must not call back.
	Jumped func(Jump)

	machine machine // tests: another machine
}

// machine is what the clock reads.
type machine struct {
	wall   func() time.Time
	up     func() time.Duration // since the machine started, sleep included
	synced func() bool          // the kernel says that something keeps its time right
	boot   string
}

// Clock tells the time. It is safe for use by several goroutines.
type Clock struct {
	machine machine
	battery bool
	jumped  func(Jump)
	started time.Duration

	mu      sync.Mutex
	floor   time.Time
	anchor  Anchor          // zero: the time was never trusted in this boot
	word    Word            // zero: nobody's, or it counts no more
	lost    time.Duration   // for how long nobody had known the time at lostAt
	lostAt  time.Duration   // up then
	doubted bool            // the time jumped: only two sources end that
	voices  map[string]bool // those who confirmed it since
}

// New returns a clock.
func New(o Options) *Clock {
	if o.machine.wall == nil {
		o.machine = thisMachine()
	}
	c := &Clock{machine: o.machine, battery: o.Battery, jumped: o.Jumped, floor: o.Floor, started: o.machine.up(), lost: o.Lost}
	c.lostAt = c.started
	if o.Anchor.Boot == o.machine.boot && o.Anchor.Since <= c.started {
		c.anchor = o.Anchor
	}
	if w := o.Word; w.Boot == o.machine.boot && w.Boot != "" && w.Until-HoldoverLimit <= c.started && c.started < w.Until {
		c.word = w
	}
	return c
}

// Now returns the time and how far it can be believed. It never goes below the floor. With Floor the time
// is no more than what the machine says: only that it is not earlier than Floor() is certain.
func (c *Clock) Now() (time.Time, Trust) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, trust := c.now()
	up := c.machine.up()
	if trust == Floor {
		c.lost += max(up-c.lostAt, 0)
	} else {
		c.lost = 0
	}
	c.lostAt = up
	return now, trust
}

func (c *Clock) now() (time.Time, Trust) {
	wall, up := c.machine.wall(), c.machine.up()
	c.judge(wall, up)
	if !c.doubted && c.sourced(up) && !wall.Before(c.floor) {
		c.anchor = Anchor{Boot: c.machine.boot, At: wall.Round(0), Since: up}
		return wall, Trusted
	}
	if counted, ok := c.counted(up); ok {
		return later(counted, c.floor), Holdover
	}
	return later(wall, c.floor), Floor
}

// judge doubts a time that is not where it should be by now, and stops when it is again.
func (c *Clock) judge(wall time.Time, up time.Duration) {
	counted, ok := c.counted(up)
	if !ok {
		return // nothing is left that it could be held against: what is doubted stays so
	}
	jumped := off(wall, counted)
	if jumped && !c.doubted && c.sourced(up) {
		c.doubt()
		if c.jumped != nil {
			c.jumped(Jump{From: counted, To: wall})
		}
	}
	if c.doubted && !jumped {
		c.doubted = false
	}
}

// off reports whether a time is not where it should be.
func off(wall, counted time.Time) bool {
	step := wall.Sub(counted)
	return step < -JumpBack || step > JumpAhead
}

// doubt begins: whoever vouched for the time before does not any more.
func (c *Clock) doubt() { c.doubted, c.voices, c.word = true, nil, Word{} }

// sourced reports whether somebody vouches for the machine's time.
func (c *Clock) sourced(up time.Duration) bool {
	return c.battery || up < c.word.Until || c.machine.synced()
}

// counted returns the time as counted on since it was last trusted.
func (c *Clock) counted(up time.Duration) (time.Time, bool) {
	if c.anchor.At.IsZero() || up-c.anchor.Since > HoldoverLimit {
		return time.Time{}, false
	}
	return c.anchor.At.Add(up - c.anchor.Since), true
}

// Confirm says that a source (a person, a Matter controller) found the machine's time right. Its word counts for
// HoldoverLimit, until the machine starts again, or until the time jumps. A time that jumped, that is not what was
// counted on, or that lies before the floor needs two: two names here, or one and a synchronised kernel. It
// reports whether the time is trusted now.
func (c *Clock) Confirm(source string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, up := c.machine.wall(), c.machine.up()
	c.judge(wall, up)
	if counted, ok := c.counted(up); ok && off(wall, counted) && !c.doubted {
		c.doubt()
	}
	if c.doubted || wall.Before(c.floor) {
		if c.voices == nil {
			c.voices = map[string]bool{}
		}
		c.voices[source] = true
		if len(c.voices) < 2 && !c.machine.synced() {
			return false
		}
	}
	c.doubted, c.voices = false, nil
	c.word = Word{Boot: c.machine.boot, By: source, At: wall.Round(0), Until: up + HoldoverLimit}
	c.anchor = Anchor{Boot: c.machine.boot, At: wall.Round(0), Since: up}
	if wall.Before(c.floor) {
		c.floor = wall // the floor was raised by a time that was wrong
	}
	return true
}

// Floor returns the latest time that is known to lie in the past. The caller keeps it, every ten minutes
// or so and at the end, and hands it in again. A time that nobody trusts does not raise it.
func (c *Clock) Floor() time.Time {
	now, trust := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if trust != Floor {
		c.floor, c.started = later(now, c.floor), c.machine.up()
		return c.floor
	}
	if c.floor.IsZero() {
		return c.floor
	}
	return c.floor.Add(c.machine.up() - c.started)
}

// Lost returns for how long nobody has known the time, as far as a process counted it; 0 while it is known.
// Hours in which the machine was off are not in it: nobody can tell how many they were. The caller keeps it
// with the floor, so that whoever cuts the power does not begin anew.
func (c *Clock) Lost() time.Duration {
	c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lost
}

// Anchor returns when the time was last trusted, for the next process of this boot.
func (c *Clock) Anchor() Anchor {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.anchor
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
