package sim

import (
	"fmt"
	"time"
)

// door is the body of a DoorSpec: a mover, its opener and its contacts.
//
// The opener remembers one thing, the direction of the last movement:
//
//	open-stop-close-stop   closed -> up -> stop -> down -> stop -> up ...
//	reverses-on-close      the same, but a press while it goes down opens
//	no-stop                a press while it moves turns it round
type door struct {
	unit         *unit
	spec         DoorSpec
	m            mover
	last         int // direction of the last movement
	blocked      bool
	jammed       bool
	closed, open *contact
	eye          *contact
	relays       []*relay
	lamp, beeper *signal
	count        counts
	move         Move
	now          time.Duration // the time of the step that is going on
}

func newDoor(u *unit, spec DoorSpec) *door {
	d := &door{unit: u, spec: spec, last: -1}
	x := 0.0
	if spec.Open {
		x, d.last = 1, 1
	}
	d.m = newMover(spec.Travel, spec.RunUp, spec.Coast, x)
	if spec.Discrete {
		d.relays = []*relay{
			u.newRelay("open-relay", &d.count, func() { d.run(1, "relay") }),
			u.newRelay("close-relay", &d.count, func() { d.run(-1, "relay") }),
			u.newRelay("stop-relay", &d.count, d.halt),
		}
	} else {
		d.relays = []*relay{u.newRelay("relay", &d.count, func() { d.button("relay") })}
	}
	d.closed = u.newContact("closed", spec.Bounce)
	d.open = u.newContact("open", spec.Bounce)
	d.eye = u.newContact("obstructed", 0)
	d.lamp, d.beeper = u.newSignal("lamp"), u.newSignal("beeper")
	d.closed.made, d.open.made = !spec.Open, spec.Open
	return d
}

func (d *door) counts() *counts { return &d.count }

func (d *door) advance(t time.Duration) {
	d.now = t
	d.m.advance(t)
}

func (d *door) settle(t time.Duration) {
	d.closed.turn(t, d.m.atClosed(t))
	d.open.turn(t, d.m.atOpen(t))
	d.eye.turn(t, d.blocked)
	for _, c := range d.contacts() {
		c.show(t)
	}
}

func (d *door) contacts() []*contact { return []*contact{d.closed, d.open, d.eye} }

func (d *door) next(t time.Duration) (time.Duration, bool) {
	at, ok := d.m.next(t)
	return earliest(at, ok, d.contacts())
}

func earliest(at time.Duration, ok bool, contacts []*contact) (time.Duration, bool) {
	for _, c := range contacts {
		if flip, has := c.next(); has && (!ok || flip < at) {
			at, ok = flip, true
		}
	}
	return at, ok
}

// button is a press of the opener's one button, by whomever.
func (d *door) button(cause string) {
	moving := d.m.direction()
	switch {
	case moving != 0 && d.spec.Cycle == NoStop, moving < 0 && d.spec.Cycle == ReversesOnClose:
		d.run(-moving, cause)
	case moving != 0:
		d.halt()
	case d.m.position(d.now) <= mark:
		d.run(1, cause)
	case d.m.position(d.now) >= 1-mark:
		d.run(-1, cause)
	default:
		d.run(-d.last, cause)
	}
}

// run starts the motor. The photo-eye keeps the opener from closing, a jam the door from moving.
func (d *door) run(dir int, cause string) {
	if dir < 0 && d.blocked || dir > 0 && d.m.position(d.now) == 1 || dir < 0 && d.m.position(d.now) == 0 {
		return
	}
	d.last = dir
	if d.jammed || d.m.direction() == dir {
		return
	}
	now := time.Now()
	d.move = Move{UnixNS: now.UnixNano(), Direction: word(dir), Cause: cause, Lamp: d.lamp.lasts(now), Beeper: d.beeper.lasts(now)}
	d.m.drive(d.now, dir)
}

func (d *door) halt() { d.m.halt(d.now) }

// obstruct is something that comes into the way.
func (d *door) obstruct() {
	d.blocked = true
	if d.m.direction() >= 0 {
		return
	}
	if d.spec.Obstacle == Halts {
		d.halt()
		return
	}
	d.run(1, "obstruction")
}

func (d *door) event(t time.Duration, e Event) error {
	switch e.Name {
	case WallButton:
		if d.pressed() {
			return nil // a relay holds the button down: another press changes nothing
		}
		d.button(WallButton)
	case Obstruct:
		d.obstruct()
	case Clear:
		d.blocked = false
	case Jam:
		d.jammed = true
		d.m.freeze(t)
	case Unjam:
		d.jammed = false
		for _, r := range d.relays {
			r.free()
		}
	case LoseSensor, RestoreSensor:
		return lose(d.unit.id, d.contacts(), e)
	case Bounce:
		return d.bounce(t, e)
	case StickRelay:
		d.relays[0].stuck = true
	case DoorOpen:
		d.run(1, "hand")
	case DoorClosed:
		d.run(-1, "hand")
	default:
		return fmt.Errorf("%w: %s is a door", ErrImpossible, d.unit.id)
	}
	return nil
}

func (d *door) pressed() bool {
	for _, r := range d.relays {
		if r.made {
			return true
		}
	}
	return false
}

func (d *door) bounce(t time.Duration, e Event) error {
	c := d.closed
	if d.open.made && !d.closed.made {
		c = d.open
	}
	return shake(d.unit, t, c, d.contacts(), e)
}

func (d *door) status(t time.Duration) Status {
	now := time.Now()
	return Status{
		Pulses: d.count.pulses, Edges: d.count.edges, LastEdgeUnixNS: d.count.last,
		Position: d.m.position(t), Moving: moving(d.m.velocity(t)), Energised: d.pressed(),
		Obstructed: d.blocked, Jammed: d.jammed,
		Lamp: d.lamp.status(now), Beeper: d.beeper.status(now), LastMove: d.move,
	}
}

func word(dir int) string {
	if dir > 0 {
		return "up"
	}
	return "down"
}

func moving(v float64) string {
	switch {
	case v > 0:
		return "up"
	case v < 0:
		return "down"
	}
	return "no"
}
