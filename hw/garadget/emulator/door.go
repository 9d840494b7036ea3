// Package emulator is a Garadget board with a garage door behind it, for tests: the firmware's own way with
// MQTT, byte for byte, its idea of the door, and the door as it really is.
//
// What the board does follows its firmware, versions 1.20 to 1.26. The door and its opener are the world:
// they count the clicks of the relay, and go on when the board has no power.
package emulator

import (
	"sync"
	"time"
)

// Door is a garage door with an opener of one button: a click while it opens stops it, while it closes
// reverses it, at an end starts it, and where it was stopped takes it the other way.
type Door struct {
	travel time.Duration

	mu         sync.Mutex
	at         float64 // 0 is closed, 1 is open
	moving     int     // 1 opens, -1 closes
	last       int     // the direction of the last move
	clicks     int
	since      time.Time
	stuck      bool
	obstructed bool
}

// NewDoor returns a closed door that takes that long from end to end.
func NewDoor(travel time.Duration) *Door {
	return &Door{travel: travel, last: -1, since: time.Now()}
}

// blockedAt is where an obstacle stands.
const blockedAt = 0.5

// advance brings the door to now; mu is held.
func (d *Door) advance() {
	now := time.Now()
	passed := now.Sub(d.since)
	d.since = now
	if d.moving == 0 {
		return
	}
	before := d.at
	d.at += float64(d.moving) * float64(passed) / float64(d.travel)
	if d.obstructed && d.moving < 0 && before > blockedAt && d.at <= blockedAt { // the opener feels it and goes back
		d.at, d.moving, d.last = blockedAt+(blockedAt-d.at), 1, 1
	}
	if d.at >= 1 || d.at <= 0 {
		d.at, d.moving = min(max(d.at, 0), 1), 0
	}
}

// Click is a press of the opener's button: by the board's relay, or by somebody at the wall.
func (d *Door) Click() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	d.clicks++
	if d.stuck {
		return
	}
	switch {
	case d.moving > 0:
		d.moving = 0
	case d.moving < 0:
		d.moving = 1
	case d.at >= 1:
		d.moving = -1
	case d.at <= 0:
		d.moving = 1
	default:
		d.moving = -d.last
	}
	if d.moving != 0 {
		d.last = d.moving
	}
}

// Wall is a press of the button on the wall: no click of the relay.
func (d *Door) Wall() {
	d.Click()
	d.mu.Lock()
	d.clicks--
	d.mu.Unlock()
}

// Put places the door, at rest.
func (d *Door) Put(at float64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	d.at, d.moving = at, 0
}

// Trouble makes the motor stick, or puts something in the way of the closing door.
func (d *Door) Trouble(stuck, obstructed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	d.stuck, d.obstructed = stuck, obstructed
}

// World is what a person would see.
type World struct {
	At     float64 `json:"at"`
	Moving int     `json:"moving"`
	Clicks int     `json:"clicks"`
}

// Look returns what a person would see now.
func (d *Door) Look() World {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.advance()
	return World{At: d.at, Moving: d.moving, Clicks: d.clicks}
}

// reflects reports whether the laser hits its reflector: it is on the closed door.
func (d *Door) reflects() bool { return d.Look().At < 0.02 }
