package clock

import "time"

// Sources that vouch for the time beside the people who confirmed it.
const (
	ByNetwork = "network" // the kernel says that something keeps its time right
	ByBattery = "battery" // the machine's own clock runs while it is switched off
)

// Standing is how far the time can be believed, because of whom, and for how long.
type Standing struct {
	Now     time.Time
	Trust   Trust
	Machine time.Time // what the machine says, believed or not
	By      string    // who vouches for it, or did last: ByNetwork, ByBattery, or whom Confirm named; empty: nobody
	Since   time.Time // a person's word: when it was said; counted on: when the time was trusted last; else zero
	Until   time.Time // then nobody will know the time unless somebody vouches for it before; zero: no end is known
	Doubted bool      // the time jumped, and nobody has confirmed it yet
}

// Standing looks now.
func (c *Clock) Standing() Standing {
	now, trust := c.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	up := c.machine.up()
	s := Standing{Now: now, Trust: trust, Machine: c.machine.wall(), Doubted: c.doubted}
	left := c.anchor.Since + HoldoverLimit - up // of what is counted on
	switch {
	case trust == Floor:
	case trust == Holdover:
		s.By, s.Since, s.Until = c.word.By, c.anchor.At, now.Add(left)
	case c.machine.synced():
		s.By = ByNetwork
	case c.battery:
		s.By = ByBattery
	default:
		s.By, s.Since = c.word.By, c.word.At
		s.Until = now.Add(c.word.Until - up + HoldoverLimit) // it is counted on after that
	}
	return s
}

// Doubted reports whether the time jumped and nobody confirmed it yet.
func (c *Clock) Doubted() bool { return c.Standing().Doubted }

// Word returns what a person said of the time, for the next process of this boot; zero if it counts no more.
func (c *Clock) Word() Word {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.word
}
