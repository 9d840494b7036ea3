package esphome

import (
	"context"
	"errors"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Cover is a cover of a device: a door that is told where to go and says where it is.
type Cover struct{ t *thing }

var (
	_ device.Opener    = (*Cover)(nil)
	_ device.Refresher = (*Cover)(nil)
	_ device.Stopper   = (*Cover)(nil)
)

var errNoTarget = errors.New("an order needs a target")

// Trigger implements device.Opener (CoverCommandRequest: 4 has_position, 5 position).
func (c *Cover) Trigger(ctx context.Context, target device.Target) error {
	switch target {
	case device.TargetOpen:
		return c.t.order(ctx, commandCover, func(m message) message { return m.flag(4, true).real(5, 1) })
	case device.TargetClosed:
		return c.t.order(ctx, commandCover, func(m message) message { return m.flag(4, true) })
	default:
		return hw.Explain(c.t.name, "move "+c.t.id, errNoTarget)
	}
}

// Stop implements device.Stopper (CoverCommandRequest: 8 stop).
func (c *Cover) Stop(ctx context.Context) error {
	return c.t.order(ctx, commandCover, func(m message) message { return m.flag(8, true) })
}

// Readings implements device.Opener.
func (c *Cover) Readings(ctx context.Context) <-chan device.Reading {
	return translate(c.t.feed.Subscribe(ctx), coverReading)
}

// Refresh implements device.Refresher.
func (c *Cover) Refresh(ctx context.Context) (device.Reading, error) {
	s, err := c.t.refresh(ctx)
	if err != nil {
		return device.Reading{}, err
	}
	return coverReading(s), nil
}

// coverReading reads a CoverStateResponse: 3 position (0 closed, 1 open), 5 operation (1 opens, 2 closes). A
// cover at an end that still moves is not there yet: some round.
func coverReading(s sighting) device.Reading {
	r := device.Reading{At: device.PlaceBetween, Taken: s.at}
	position, operation := s.state.real(3), s.state[5].number
	switch operation {
	case 1:
		r.Moving = device.TargetOpen
	case 2:
		r.Moving = device.TargetClosed
	}
	switch {
	case position != position || position < 0 || position > 1 || operation > 2: // the first is NaN
		r.At, r.Moving = device.PlaceUnknown, device.TargetUnknown
		r.Fault = "the device tells a position that is none"
	case operation != 0:
	case position == 0:
		r.At = device.PlaceClosed
	case position == 1:
		r.At = device.PlaceOpen
	}
	return r
}

// Lock is a lock of a device.
type Lock struct{ t *thing }

var (
	_ device.Bolt          = (*Lock)(nil)
	_ device.BoltRefresher = (*Lock)(nil)
)

// Throw implements device.Bolt (LockCommandRequest: 2 command, 0 unlock, 1 lock).
func (l *Lock) Throw(ctx context.Context, target device.BoltTarget) error {
	switch target {
	case device.BoltTargetSecured:
		return l.t.order(ctx, commandLock, func(m message) message { return m.varint(2, 1) })
	case device.BoltTargetUnsecured:
		return l.t.order(ctx, commandLock, func(m message) message { return m })
	default:
		return hw.Explain(l.t.name, "move "+l.t.id, errNoTarget)
	}
}

// Readings implements device.Bolt.
func (l *Lock) Readings(ctx context.Context) <-chan device.LockReading {
	return translate(l.t.feed.Subscribe(ctx), lockReading)
}

// RefreshBolt implements device.BoltRefresher.
func (l *Lock) RefreshBolt(ctx context.Context) (device.LockReading, error) {
	s, err := l.t.refresh(ctx)
	if err != nil {
		return device.LockReading{}, err
	}
	return lockReading(s), nil
}

// lockReading reads a LockStateResponse: 2 state (1 locked, 2 unlocked, 3 jammed, 4 locking, 5 unlocking).
func lockReading(s sighting) device.LockReading {
	r := device.LockReading{Taken: s.at}
	switch s.state[2].number {
	case 1:
		r.Bolt = device.BoltSecured
	case 2:
		r.Bolt = device.BoltUnsecured
	case 3:
		r.Bolt = device.BoltJammed
	}
	return r
}

// Contact is a binary sensor of a device; on means open, as for doors and windows in ESPHome.
type Contact struct{ t *thing }

var _ device.Sensor = (*Contact)(nil)

// Readings implements device.Sensor.
func (c *Contact) Readings(ctx context.Context) <-chan device.ContactReading {
	return translate(c.t.feed.Subscribe(ctx), contactReading)
}

// contactReading reads a BinarySensorStateResponse: 2 state, 3 missing_state.
func contactReading(s sighting) device.ContactReading {
	r := device.ContactReading{Taken: s.at}
	switch {
	case s.state.flag(3):
	case s.state.flag(2):
		r.Open = device.Yes
	default:
		r.Open = device.No
	}
	return r
}

// translate hands on the newest of what comes in, in other words.
func translate[A, B any](in <-chan A, of func(A) B) <-chan B {
	out := make(chan B, 1)
	go func() {
		defer close(out)
		for a := range in {
			hw.Offer(out, of(a))
		}
	}()
	return out
}
