package sim

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// World is a House that moves.
type World struct {
	speed float64
	start time.Time
	units map[string]*unit
	lines map[string]*line

	mu      sync.Mutex
	bases   map[string]map[string]int // by holder: the pulses of each device when it came
	holders map[string]*Board         // by holder: its newest connection
}

// New builds the house. speed is how many times faster than real its physics is; 0 means 1.
func New(h House, speed float64) (*World, error) {
	if speed == 0 {
		speed = 1
	}
	if speed < 0 || speed > 1e4 {
		return nil, fmt.Errorf("speed %v: a house is simulated at up to 10000 times its speed", speed)
	}
	w := &World{
		speed: speed,
		start: time.Now(),
		units: make(map[string]*unit),
		lines: make(map[string]*line),
		bases: make(map[string]map[string]int),

		holders: make(map[string]*Board),
	}
	for _, d := range h.Doors {
		if d.Travel <= d.RunUp || d.RunUp < 0 || d.Coast < 0 || d.Bounce < 0 {
			return nil, fmt.Errorf("door %q: travel is longer than run-up, and nothing is negative", d.ID)
		}
		if err := w.add(d.ID, func(u *unit) body { return newDoor(u, d) }); err != nil {
			return nil, err
		}
	}
	for _, l := range h.Locks {
		if l.Drive == Motor && l.Travel <= 0 {
			return nil, fmt.Errorf("lock %q: a motor's travel is above 0", l.ID)
		}
		if err := w.add(l.ID, func(u *unit) body { return newLock(u, l) }); err != nil {
			return nil, err
		}
		if l.Keypad == "" {
			continue
		}
		if _, ok := w.units[l.Keypad]; ok {
			return nil, fmt.Errorf("there are two devices named %q", l.Keypad)
		}
		w.units[l.Keypad] = w.units[l.ID]
	}
	return w, nil
}

func (w *World) add(id string, build func(*unit) body) error {
	if id == "" {
		return fmt.Errorf("a simulated device has no id")
	}
	if _, ok := w.units[id]; ok {
		return fmt.Errorf("there are two devices named %q", id)
	}
	u := &unit{id: id, world: w}
	w.units[id] = u
	u.body = build(u)
	u.do(func(time.Duration) {})
	return nil
}

// Devices lists the ids of doors, locks and keypads, sorted.
func (w *World) Devices() []string { return slices.Sorted(maps.Keys(w.units)) }

// Close stops the house. Nothing moves any more.
func (w *World) Close() {
	for _, u := range w.units {
		u.mu.Lock()
		u.closed = true
		if u.timer != nil {
			u.timer.Stop()
		}
		u.mu.Unlock()
	}
}

// Status tells about a device; Pulses are the same as PulsesTotal. Board.Status counts for one process.
func (w *World) Status(device string) (Status, error) {
	u, ok := w.units[device]
	if !ok {
		return Status{}, fmt.Errorf("%w %q, have %v", ErrNoDevice, device, w.Devices())
	}
	var s Status
	u.do(func(t time.Duration) { s = u.body.status(t) })
	s.PulsesTotal = s.Pulses
	return s, nil
}

// Event makes something happen.
func (w *World) Event(device string, e Event) error {
	u, ok := w.units[device]
	if !ok {
		return fmt.Errorf("%w %q, have %v", ErrNoDevice, device, w.Devices())
	}
	if !slices.Contains(Events(), e.Name) {
		return fmt.Errorf("%w %q, have %v", ErrNoEvent, e.Name, Events())
	}
	var err error
	u.do(func(t time.Duration) { err = u.body.event(t, e) })
	if err != nil {
		return fmt.Errorf("%s %s: %w", device, e.Name, err)
	}
	return nil
}

// now is the time of physics.
func (w *World) now() time.Duration { return time.Duration(float64(time.Since(w.start)) * w.speed) }

// kernel is the time that edges carry.
func (w *World) kernel() time.Duration { return time.Since(w.start) }

// real is how long physics takes for d.
func (w *World) real(d time.Duration) time.Duration {
	return time.Duration(float64(d)/w.speed) + time.Microsecond
}

// base is the count of pulses from which a holder's own are counted.
func (w *World) base(holder string) map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if base, ok := w.bases[holder]; ok && holder != "" {
		return base
	}
	base := make(map[string]int, len(w.units))
	for id, u := range w.units {
		u.mu.Lock()
		base[id] = u.body.counts().pulses
		u.mu.Unlock()
	}
	if holder != "" {
		w.bases[holder] = base
	}
	return base
}

// body is what a unit does, always with the unit locked and at a time that never goes back.
type body interface {
	advance(t time.Duration)                    // let pass what was due until t
	settle(t time.Duration)                     // put contacts where they belong at t
	next(t time.Duration) (time.Duration, bool) // when something changes by itself
	event(t time.Duration, e Event) error
	status(t time.Duration) Status
	counts() *counts
}

// unit is one device with its lines, its lock and its one timer.
type unit struct {
	id    string
	world *World

	mu     sync.Mutex
	body   body
	timer  *time.Timer
	closed bool
}

// do lets time pass, then something happen, then waits for the next change.
func (u *unit) do(happen func(t time.Duration)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.world.now()
	u.body.advance(t)
	happen(t)
	u.body.settle(t)
	at, ok := u.body.next(t)
	switch {
	case u.closed:
	case !ok:
		if u.timer != nil {
			u.timer.Stop()
		}
	case u.timer == nil:
		u.timer = time.AfterFunc(u.world.real(at-t), func() { u.do(func(time.Duration) {}) })
	default:
		u.timer.Reset(u.world.real(at - t))
	}
}

func (u *unit) newLine(name string, output bool) *line {
	l := &line{name: u.id + "/" + name, unit: u, output: output}
	u.world.lines[l.name] = l
	return l
}

func (u *unit) newContact(name string, bounce time.Duration) *contact {
	return &contact{line: u.newLine(name, false), bounce: bounce}
}

func (u *unit) newRelay(name string, count *counts, press func()) *relay {
	r := &relay{line: u.newLine(name, true), count: count, press: press}
	r.line.drive = r.drive
	return r
}

func (u *unit) newSignal(name string) *signal {
	s := &signal{line: u.newLine(name, true)}
	s.line.drive = s.drive
	return s
}

// Energised reports whether an output is driven: the coil of "garage/relay", or "garage/lamp".
func (w *World) Energised(output string) (bool, error) {
	l, err := w.line(output, true)
	if err != nil {
		return false, err
	}
	l.unit.mu.Lock()
	defer l.unit.mu.Unlock()
	return l.level, nil
}
