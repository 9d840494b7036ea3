package emulator

import "time"

// Ways of a door.
const (
	Down  = -1
	Still = 0
	Up    = 1
)

// blockedAt is where an obstacle stands in the way down.
const blockedAt = 0.5

// door is a garage door and the logic of its opener: one button stops it on its way up, takes it up again on its way
// down, starts it at an end, and takes it the other way where it was stopped.
type door struct {
	travel  time.Duration
	at      float64 // 0 is closed, 1 is open
	moving  int
	last    int // the way it went last
	since   time.Time
	blocked bool
	stuck   bool
}

// advance brings the door to now.
func (d *door) advance(now time.Time) {
	passed := now.Sub(d.since)
	d.since = now
	if d.moving == Still {
		return
	}
	before := d.at
	d.at += float64(d.moving) * float64(passed) / float64(d.travel)
	if d.blocked && d.moving == Down && before > blockedAt && d.at <= blockedAt { // it feels it and goes back
		d.at = 2*blockedAt - d.at
		d.head(Up)
	}
	if d.at >= 1 || d.at <= 0 {
		d.at, d.moving = min(max(d.at, 0), 1), Still
	}
}

func (d *door) head(way int) {
	if d.stuck {
		return
	}
	if d.moving = way; way != Still {
		d.last = way
	}
}

func (d *door) toggle() {
	switch {
	case d.moving == Up:
		d.head(Still)
	case d.moving == Down, d.at == 0:
		d.head(Up)
	case d.at == 1:
		d.head(Down)
	default:
		d.head(-d.last)
	}
}

// order is what a wall button of Security+ 2.0 can ask for. An order to close is ignored on the way up, and one that
// would change nothing changes nothing.
func (d *door) order(action byte) {
	switch {
	case action == 0 && d.at > 0 && d.moving != Up:
		d.head(Down)
	case action == 1 && d.at < 1:
		d.head(Up)
	case action == 3:
		d.head(Still)
	}
}
