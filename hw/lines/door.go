package lines

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Parts are what is mounted on a door beside its opener. All of them may be missing.
type Parts struct {
	Closed     hw.Ref `yaml:"closed,omitempty" line:"input" jsonschema_description:"the contact that is made while the door is closed"`
	Open       hw.Ref `yaml:"open,omitempty" line:"input" jsonschema_description:"the contact that is made while the door is open"`
	Obstructed hw.Ref `yaml:"obstructed,omitempty" line:"input" jsonschema_description:"the input that is active while something is in the way"`
	Light      hw.Ref `yaml:"light,omitempty" line:"output" jsonschema_description:"the warning light"`
	Beeper     hw.Ref `yaml:"beeper,omitempty" line:"output" jsonschema_description:"the warning sound"`
	Steady     bool   `yaml:"steady,omitempty" jsonschema_description:"light and beeper flash and beep by themselves: they are left on during the warning"`
}

// Traits returns what an opener is together with its parts, without opening anything.
func (p Parts) Traits(t device.DoorTraits) device.DoorTraits {
	// A reading can be asked for if every end that is sensed at all has a contact, or the opener answers.
	ends := (p.Closed != "" || !t.SensesClosed) && (p.Open != "" || !t.SensesOpen) && (p.Closed != "" || p.Open != "")
	t.Refreshes = t.Refreshes || ends
	t.SensesClosed = t.SensesClosed || p.Closed != ""
	t.SensesOpen = t.SensesOpen || p.Open != ""
	t.Warns = t.Warns || p.Light != "" && p.Beeper != ""
	return t
}

// Door is an opener with its parts. Where a contact is mounted it is believed, not the opener.
type Door struct {
	id                       string
	opener                   device.Opener
	base                     device.DoorTraits
	closed, open, obstructed contact
	warning                  *warning // nil where the opener warns, or nothing does
}

var (
	_ device.Opener     = (*Door)(nil)
	_ device.Refresher  = (*Door)(nil)
	_ device.Stopper    = (*Door)(nil)
	_ device.Warner     = (*Door)(nil)
	_ device.Identifier = (*Door)(nil)
)

// NewDoor borrows the parts and puts them around an opener with the traits base.
func NewDoor(ctx context.Context, env *hw.Env, opener device.Opener, base device.DoorTraits, p Parts) (*Door, error) {
	d := &Door{id: env.Device(), opener: opener, base: base}
	var errs [4]error
	d.closed, errs[0] = borrow(ctx, env, p.Closed)
	d.open, errs[1] = borrow(ctx, env, p.Open)
	d.obstructed, errs[2] = borrow(ctx, env, p.Obstructed)
	d.warning, errs[3] = newWarning(ctx, env, p)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	return d, nil
}

// Trigger implements device.Opener.
func (d *Door) Trigger(ctx context.Context, target device.Target) error {
	return d.opener.Trigger(ctx, target)
}

// Stop implements device.Stopper, if the opener can stop (DoorTraits.Stops).
func (d *Door) Stop(ctx context.Context) error {
	if s, ok := d.opener.(device.Stopper); ok {
		return s.Stop(ctx)
	}
	return &hw.OpError{Op: "stop", Device: d.id, Err: errors.ErrUnsupported, Hint: "this opener has no stop of its own"}
}

// Warn implements device.Warner, if there is a light and a sound (DoorTraits.Warns).
func (d *Door) Warn(ctx context.Context, on bool) error {
	if w, ok := d.opener.(device.Warner); ok && d.base.Warns && d.warning == nil {
		return w.Warn(ctx, on)
	}
	if !d.warning.complete() {
		return &hw.OpError{Op: "warn", Device: d.id, Err: errors.ErrUnsupported, Hint: "wire a light and a beeper and name them under warning"}
	}
	return d.warning.set(ctx, on)
}

// Identify implements device.Identifier: a flash and a beep, or what the opener does.
func (d *Door) Identify(ctx context.Context) error {
	if d.warning != nil {
		return d.warning.identify(ctx)
	}
	if i, ok := d.opener.(device.Identifier); ok {
		return i.Identify(ctx)
	}
	return &hw.OpError{Op: "identify", Device: d.id, Err: errors.ErrUnsupported, Hint: "wire a light or a beeper and name it under warning"}
}

// seen is what was last heard of a door from all sides.
type seen struct {
	base                     device.Reading
	closed, open, obstructed device.Tri // Unknown where there is no contact
	fault                    string     // of the contacts or the warning
}

// Refresh implements device.Refresher: it reads the contacts now.
func (d *Door) Refresh(ctx context.Context) (device.Reading, error) {
	taken := time.Now()
	var (
		s      seen
		errs   [4]error
		broken [3]string
	)
	if r, ok := d.opener.(device.Refresher); ok {
		s.base, errs[0] = r.Refresh(ctx)
	}
	s.closed, broken[0], errs[1] = d.closed.read(ctx)
	s.open, broken[1], errs[2] = d.open.read(ctx)
	s.obstructed, broken[2], errs[3] = d.obstructed.read(ctx)
	// The contacts first: their words say more about a board that is away.
	if err := errors.Join(errs[1], errs[2], errs[3], errs[0]); err != nil {
		return device.Reading{}, err
	}
	s.fault = faults(broken[0], broken[1], broken[2], d.warning.fault())
	if !d.senses() {
		taken = s.base.Taken
	}
	return s.reading(taken), nil
}

// Readings implements device.Opener.
func (d *Door) Readings(ctx context.Context) <-chan device.Reading {
	out := make(chan device.Reading, 1)
	go d.watch(ctx, out)
	return out
}

func (d *Door) watch(ctx context.Context, out chan device.Reading) {
	defer close(out)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		base       = d.opener.Readings(ctx)
		closed     = d.closed.watch(ctx)
		open       = d.open.watch(ctx)
		obstructed = d.obstructed.watch(ctx)
		warning    = d.warning.watch(ctx)
		broken     [4]string
		s          seen
		heard      bool // the opener
	)
	for {
		var level hw.Level
		ok := true
		select {
		case s.base, ok = <-base:
			heard = true
		case level, ok = <-closed:
			s.closed, broken[0] = made(level), level.Fault
		case level, ok = <-open:
			s.open, broken[1] = made(level), level.Fault
		case level, ok = <-obstructed:
			s.obstructed, broken[2] = made(level), level.Fault
		case broken[3], ok = <-warning:
		}
		if !ok {
			return
		}
		if heard {
			s.fault = faults(broken[:]...)
			d.tell(out, &s)
		}
	}
}

// tell gives a reading once every contact was heard. It is no part of watch, whose stack each door holds while it rests.
func (d *Door) tell(out chan device.Reading, s *seen) {
	if d.closed.there() && s.closed == device.Unknown || d.open.there() && s.open == device.Unknown ||
		d.obstructed.there() && s.obstructed == device.Unknown {
		return
	}
	taken := s.base.Taken
	if d.senses() {
		taken = time.Now() // contacts are watched: what they said last holds until they say otherwise
	}
	if p, ok := d.opener.(presentDoor); ok {
		taken = time.Now()
		s.base = p.present()
	}
	hw.Offer(out, s.reading(taken))
}

func (d *Door) senses() bool { return d.closed.there() || d.open.there() }

func (s seen) reading(taken time.Time) device.Reading {
	r := s.base
	r.Taken = taken
	at, alarm := s.place()
	r.At = at
	if s.obstructed == device.Yes || r.Obstructed == device.Unknown {
		r.Obstructed = s.obstructed
	}
	r.Fault = faults(alarm, s.base.Fault, s.fault)
	r.Disagree = r.Disagree || alarm != ""
	return r
}

// place judges each end by its contact, or by the opener where there is none. One closed contact alone
// that is not made reads Between: the door is not closed, and more nobody saw.
func (s seen) place() (device.Place, string) {
	closed, open := s.closed, s.open
	if closed == device.Unknown {
		closed = says(s.base.At, device.PlaceClosed)
	}
	if open == device.Unknown {
		open = says(s.base.At, device.PlaceOpen)
	}
	switch {
	case closed == device.Yes && open == device.Yes:
		return device.PlaceUnknown, "the door is seen closed and open at once: look at the contacts and their wires"
	case closed == device.Yes:
		return device.PlaceClosed, ""
	case open == device.Yes:
		return device.PlaceOpen, ""
	case closed == device.No || open == device.No:
		return device.PlaceBetween, ""
	}
	return device.PlaceUnknown, ""
}

func says(at, end device.Place) device.Tri {
	switch at {
	case device.PlaceUnknown:
		return device.Unknown
	case end:
		return device.Yes
	default:
		return device.No
	}
}
