package sim

import (
	"fmt"
	"strings"
	"time"
)

// exitHold is how long the exit button of a strike or maglock releases it, without any bridge.
const exitHold = 3 * time.Second

// lock is the body of a LockSpec: a bolt, the door it is on, and the keypad beside it.
type lock struct {
	unit     *unit
	spec     LockSpec
	m        mover // motor: 0 secured, 1 unsecured
	exit     time.Duration
	jammed   bool
	doorOpen bool

	secured, unsecured, frame *contact // unsecured is nil where there is no motor
	relays                    []*relay
	pad                       *keypad // nil where there is none
	count                     counts
	move                      Move
	now                       time.Duration
}

func newLock(u *unit, spec LockSpec) *lock {
	l := &lock{unit: u, spec: spec}
	x := 0.0
	if spec.Released {
		x = 1
	}
	if spec.Drive == Motor {
		l.m = newMover(spec.Travel, spec.Travel/10, spec.Travel/20, x)
		if spec.Bridge {
			l.relays = l.bridge()
		} else {
			l.relays = []*relay{
				u.newRelay("secure", &l.count, func() { l.run(-1, "relay") }),
				u.newRelay("unsecure", &l.count, func() { l.run(1, "relay") }),
			}
		}
		l.unsecured = u.newContact("unsecured", spec.Bounce)
	} else {
		l.relays = []*relay{u.newRelay("relay", &l.count, nil)}
	}
	l.secured = u.newContact("secured", spec.Bounce)
	l.frame = u.newContact("door", spec.Bounce)
	if spec.Keypad != "" {
		l.pad = newKeypad(u, spec.Keypad)
	}
	l.frame.made = true
	l.secured.made = !l.released(0)
	if l.unsecured != nil {
		l.unsecured.made = spec.Released
	}
	return l
}

// bridge is an H-bridge: its enable runs the motor where its direction says. A motor that is reversed under
// power breaks.
func (l *lock) bridge() []*relay {
	direction := l.unit.newLine("direction", true)
	enable := l.unit.newRelay("enable", &l.count, func() {
		if direction.level {
			l.run(-1, "relay")
			return
		}
		l.run(1, "relay")
	})
	coil := enable.line.drive
	enable.line.drive = func(order bool) {
		ran := enable.made
		if coil(order); ran && !enable.made {
			l.m.halt(l.now)
		}
	}
	was := direction.level
	direction.drive = func(bool) {
		if enable.made && direction.level != was {
			l.jammed = true
			l.m.freeze(l.now)
		}
		was = direction.level
	}
	return []*relay{enable}
}

func (l *lock) counts() *counts { return &l.count }

func (l *lock) advance(t time.Duration) {
	l.now = t
	if l.spec.Drive == Motor {
		l.m.advance(t)
	}
	if l.exit != 0 && t >= l.exit {
		l.exit = 0
	}
}

func (l *lock) settle(t time.Duration) {
	if l.spec.Drive == Motor {
		l.secured.turn(t, l.m.atClosed(t))
		l.unsecured.turn(t, l.m.atOpen(t))
	} else {
		l.secured.turn(t, !l.released(t))
	}
	l.frame.turn(t, !l.doorOpen)
	for _, c := range l.contacts() {
		c.show(t)
	}
}

func (l *lock) contacts() []*contact {
	if l.unsecured == nil {
		return []*contact{l.secured, l.frame}
	}
	return []*contact{l.secured, l.unsecured, l.frame}
}

func (l *lock) next(t time.Duration) (time.Duration, bool) {
	at, ok := time.Duration(0), false
	if l.spec.Drive == Motor {
		at, ok = l.m.next(t)
	}
	if l.exit != 0 && (!ok || l.exit < at) {
		at, ok = l.exit, true
	}
	return earliest(at, ok, l.contacts())
}

// released reports whether the bolt lets the door go.
func (l *lock) released(t time.Duration) bool {
	switch {
	case l.spec.Drive == Motor:
		return l.m.position(t) > 1-2*mark
	case l.exit != 0:
		return true
	case l.jammed:
		return false
	case l.spec.Drive == Maglock || l.spec.FailSafe:
		return !l.relays[0].made
	}
	return l.relays[0].made
}

func (l *lock) run(dir int, cause string) {
	if l.jammed || l.m.direction() == dir {
		return
	}
	if x := l.m.position(l.now); dir > 0 && x == 1 || dir < 0 && x == 0 {
		return
	}
	l.move = Move{UnixNS: time.Now().UnixNano(), Direction: word(dir), Cause: cause}
	l.m.drive(l.now, dir)
}

func (l *lock) event(t time.Duration, e Event) error {
	switch e.Name {
	case WallButton:
		return l.button(t)
	case Jam:
		l.jammed = true
		l.m.freeze(t)
	case Unjam:
		l.jammed = false
		for _, r := range l.relays {
			r.free()
		}
	case LoseSensor, RestoreSensor:
		return lose(l.unit.id, l.contacts(), e)
	case Bounce:
		return shake(l.unit, t, l.frame, l.contacts(), e)
	case StickRelay:
		l.relays[0].stuck = true
	case DoorOpen:
		if !l.doorOpen && !l.released(t) {
			return fmt.Errorf("%w: the bolt holds the door", ErrImpossible)
		}
		l.doorOpen = true
	case DoorClosed:
		if l.doorOpen && l.spec.Drive == Motor && !l.released(t) {
			return fmt.Errorf("%w: the bolt is out and hits the frame", ErrImpossible)
		}
		l.doorOpen = false
	case Keypad:
		if l.pad == nil {
			return fmt.Errorf("%w: there is no keypad", ErrImpossible)
		}
		return l.pad.enter(e.Digits)
	default:
		return fmt.Errorf("%w: %s is a lock", ErrImpossible, l.unit.id)
	}
	return nil
}

// button is the knob of a motor lock, and the exit button of the others.
func (l *lock) button(t time.Duration) error {
	if l.spec.Drive != Motor {
		l.exit = t + exitHold
		return nil
	}
	if l.m.position(t) > 0.5 {
		l.run(-1, "hand")
		return nil
	}
	l.run(1, "hand")
	return nil
}

func (l *lock) status(t time.Duration) Status {
	s := Status{
		Pulses: l.count.pulses, Edges: l.count.edges, LastEdgeUnixNS: l.count.last,
		Moving: "no", Jammed: l.jammed, DoorOpen: l.doorOpen, LastMove: l.move,
	}
	for _, r := range l.relays {
		s.Energised = s.Energised || r.made
	}
	if l.spec.Drive == Motor {
		s.Position, s.Moving = l.m.position(t), moving(l.m.velocity(t))
	} else if l.released(t) {
		s.Position = 1
	}
	if l.pad != nil {
		s.Keys, s.Lamp, s.Beeper = l.pad.last, l.pad.led.status(time.Now()), l.pad.beeper.status(time.Now())
	}
	return s
}

// keypad sends each key as a burst of four bits over two Wiegand wires that are high at rest, and has a green
// light and a beeper.
type keypad struct {
	d0, d1 *line
	led    *signal
	beeper *signal
	clock  time.Duration // the kernel's time of the last bit
	last   string
}

// Times of a usual keypad.
const (
	bitEvery = 2 * time.Millisecond
	bitLow   = 50 * time.Microsecond
	keyEvery = 100 * time.Millisecond
	maxKeys  = 64
)

func newKeypad(u *unit, id string) *keypad {
	wire := func(name string) *line {
		l := &line{name: id + "/" + name, unit: u}
		u.world.lines[l.name] = l
		l.set(true)
		return l
	}
	shows := func(name string) *signal {
		s := &signal{line: &line{name: id + "/" + name, unit: u, output: true}}
		s.line.drive = s.drive
		u.world.lines[s.line.name] = s.line
		return s
	}
	return &keypad{d0: wire("d0"), d1: wire("d1"), led: shows("led"), beeper: shows("beeper")}
}

func (k *keypad) enter(digits string) error {
	if digits == "" || len(digits) > maxKeys || strings.Trim(digits, "0123456789*#") != "" {
		return fmt.Errorf("%w: digits are 1 to %d of 0-9, * and #", ErrNoEvent, maxKeys)
	}
	k.last = digits
	k.clock = max(k.clock, k.d0.unit.world.kernel())
	for i := range len(digits) {
		key := strings.IndexByte("0123456789*#", digits[i])
		for bit := 3; bit >= 0; bit-- {
			wire := k.d0
			if key>>bit&1 == 1 {
				wire = k.d1
			}
			wire.pulse(k.clock)
			k.clock += bitEvery
		}
		k.clock += keyEvery
	}
	return nil
}

// pulse pulls a wire low for an instant, at a time of the kernel that may still come.
func (l *line) pulse(at time.Duration) {
	for t := range l.taps {
		l.level = false
		t.edge(l, at)
		l.level = true
		t.edge(l, at+bitLow)
	}
}
