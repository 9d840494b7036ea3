package lines

import (
	"context"
	"errors"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// BoltParts are the contacts that are mounted beside a bolt. All of them may be missing.
type BoltParts struct {
	Door      hw.Ref `yaml:"door,omitempty" line:"input" jsonschema_description:"the contact that is made while the door is in its frame"`
	Secured   hw.Ref `yaml:"secured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully out"`
	Unsecured hw.Ref `yaml:"unsecured,omitempty" line:"input" jsonschema_description:"the contact that is made while the bolt is fully back"`
}

// Traits returns what a bolt is together with its contacts, without opening anything.
func (p BoltParts) Traits(t device.BoltTraits) device.BoltTraits {
	t.SensesBolt = t.SensesBolt || p.Secured != ""
	t.SensesDoor = t.SensesDoor || p.Door != ""
	return t
}

// Lock is a bolt with its contacts. Where a contact is mounted it is believed, not the bolt.
type Lock struct {
	id                       string
	bolt                     device.Bolt
	door, secured, unsecured contact
}

var (
	_ device.Bolt          = (*Lock)(nil)
	_ device.BoltRefresher = (*Lock)(nil)
	_ device.Identifier    = (*Lock)(nil)
)

// NewLock borrows the contacts and puts them around a bolt. A Lock gets them beside those it has.
func NewLock(ctx context.Context, env *hw.Env, bolt device.Bolt, p BoltParts) (*Lock, error) {
	l := &Lock{id: env.Device(), bolt: bolt}
	if inner, ok := bolt.(*Lock); ok {
		*l = *inner
	}
	var errs []error
	for _, c := range []struct {
		ref  hw.Ref
		into *contact
	}{{p.Door, &l.door}, {p.Secured, &l.secured}, {p.Unsecured, &l.unsecured}} {
		if c.ref == "" {
			continue
		}
		var err error
		*c.into, err = borrow(ctx, env, c.ref)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return l, nil
}

// Throw implements device.Bolt.
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	return l.bolt.Throw(ctx, target)
}

// Identify implements device.Identifier, where the bolt can show which one it is.
func (l *Lock) Identify(ctx context.Context) error {
	if i, ok := l.bolt.(device.Identifier); ok {
		return i.Identify(ctx)
	}
	return &hw.OpError{Op: "identify", Device: l.id, Err: errors.ErrUnsupported, Hint: "this lock has nothing to show itself with"}
}

// Slots are the slots for codes that the bolt has of its own; nil where it has none.
func (l *Lock) Slots() device.CodeSlots {
	slots, _ := l.bolt.(device.CodeSlots)
	return slots
}

// felt is what was last heard of a lock from all sides.
type felt struct {
	base                     device.LockReading
	door, secured, unsecured device.Tri // Unknown where there is no contact
	fault                    string
}

// RefreshBolt implements device.BoltRefresher: it reads the contacts now.
func (l *Lock) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	taken := time.Now()
	var (
		f      felt
		errs   [4]error
		broken [3]string
	)
	f.base, errs[0] = l.ask(ctx)
	f.door, broken[0], errs[1] = l.door.read(ctx)
	f.secured, broken[1], errs[2] = l.secured.read(ctx)
	f.unsecured, broken[2], errs[3] = l.unsecured.read(ctx)
	// The contacts first: their words say more about a board that is away.
	if err := errors.Join(errs[1], errs[2], errs[3], errs[0]); err != nil {
		return device.LockReading{}, err
	}
	f.fault = faults(broken[:]...)
	if !l.senses() {
		taken = f.base.Taken
	}
	return f.reading(taken), nil
}

// ask asks the bolt itself. One that cannot be asked stands by what it has told, as old as that is.
func (l *Lock) ask(ctx context.Context) (device.LockReading, error) {
	if r, ok := l.bolt.(device.BoltRefresher); ok {
		return r.RefreshBolt(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	select {
	case r, ok := <-l.bolt.Readings(ctx):
		if ok {
			return r, nil
		}
	case <-ctx.Done():
	}
	return device.LockReading{}, &hw.OpError{Op: "ask", Device: l.id, Err: device.ErrUnavailable, Hint: "see that the lock has power and is connected; nothing was sent"}
}

// Readings implements device.Bolt.
func (l *Lock) Readings(ctx context.Context) <-chan device.LockReading {
	out := make(chan device.LockReading, 1)
	go l.watch(ctx, out)
	return out
}

func (l *Lock) watch(ctx context.Context, out chan device.LockReading) {
	defer close(out)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		base      = l.bolt.Readings(ctx)
		door      = l.door.watch(ctx)
		secured   = l.secured.watch(ctx)
		unsecured = l.unsecured.watch(ctx)
		broken    [3]string
		f         felt
		heard     bool // the bolt
	)
	for {
		var level hw.Level
		ok := true
		select {
		case f.base, ok = <-base:
			heard = true
		case level, ok = <-door:
			f.door, broken[0] = made(level), level.Fault
		case level, ok = <-secured:
			f.secured, broken[1] = made(level), level.Fault
		case level, ok = <-unsecured:
			f.unsecured, broken[2] = made(level), level.Fault
		}
		if !ok {
			return
		}
		if heard {
			f.fault = faults(broken[:]...)
			l.tell(out, &f)
		}
	}
}

// tell gives a reading once every contact was heard. It is no part of watch, whose stack each lock holds while it rests.
func (l *Lock) tell(out chan device.LockReading, f *felt) {
	if l.door.there() && f.door == device.Unknown || l.secured.there() && f.secured == device.Unknown ||
		l.unsecured.there() && f.unsecured == device.Unknown {
		return
	}
	taken := f.base.Taken
	if l.senses() {
		taken = time.Now()
	}
	if p, ok := l.bolt.(presentBolt); ok {
		taken = time.Now()
		f.base = p.present()
	}
	hw.Offer(out, f.reading(taken))
}

func (l *Lock) senses() bool { return l.secured.there() || l.unsecured.there() || l.door.there() }

func (f felt) reading(taken time.Time) device.LockReading {
	r := f.base
	r.Taken = taken
	bolt, alarm := f.position()
	r.Bolt = bolt
	if f.door != device.Unknown {
		r.DoorOpen = not(f.door)
	}
	r.Fault = faults(alarm, f.base.Fault, f.fault)
	r.Disagree = r.Disagree || alarm != ""
	return r
}

// position is secured only where a contact, or a bolt without contacts, says so. A bolt with one contact
// that is not made is unsecured if that is the secured contact, and unknown if it is the other one.
func (f felt) position() (device.BoltPosition, string) {
	switch {
	case f.secured == device.Unknown && f.unsecured == device.Unknown:
		return f.base.Bolt, ""
	case f.base.Bolt == device.BoltJammed:
		return device.BoltJammed, ""
	case f.secured == device.Yes && f.unsecured == device.Yes:
		return device.BoltUnknown, "the bolt is seen secured and unsecured at once: look at the contacts and their wires"
	case f.secured == device.Yes:
		return device.BoltSecured, ""
	case f.unsecured == device.Yes:
		return device.BoltUnsecured, ""
	case f.unsecured == device.Unknown:
		return device.BoltUnsecured, ""
	}
	return device.BoltUnknown, ""
}
