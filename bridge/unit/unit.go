// Package unit is one device of the house as the program holds it: its lines, its actor, and how it is
// shown. Units are built from the configuration; building moves nothing.
package unit

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/mqtt"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// actor is what every device has in common.
type actor interface {
	ID() string
	Run(ctx context.Context) error
	Busy() bool
	Ping(ctx context.Context) error
}

// Unit is one device. Start, Stop, Restyle and the fields belong to whoever changes the house; all other
// methods may be called from any goroutine.
type Unit struct {
	ID       string
	Item     homekit.Item
	Visible  bool // in Apple Home
	Matter   matter.Item
	InMatter bool
	Ended    bool // it was stopped: its lines are given back

	name    atomic.Pointer[string]
	door    *device.Door
	lock    *device.Lock
	contact *device.Contact
	slots   *slots // of a lock that keeps codes; nil where it keeps none
	env     *hw.Env
	missing error
	exit    *exit                           // of a lock; nil where there is none
	ask     func(ctx context.Context) error // the hardware, now; nil where it cannot be asked

	life   context.Context // of the actor, for what it starts; nil before
	beside sync.WaitGroup  // what runs beside the actor, and ends with it
	asking atomic.Bool     // why it does not answer

	settled chan struct{}
	once    sync.Once // closes it
	cancel  context.CancelFunc
	done    chan struct{}
}

// Available reports whether the device answers.
func (u *Unit) Available() bool {
	switch {
	case u.door != nil:
		return u.door.State().Available
	case u.lock != nil:
		return u.lock.State().Available
	default:
		return u.contact.State().Available
	}
}

// Settled is closed at the first state that is known.
func (u *Unit) Settled() <-chan struct{} { return u.settled }

// Settle waits until every device has told where it is, or for the limit: nothing is announced before,
// because a wrong first value makes phones ring.
func Settle(ctx context.Context, units []*Unit, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for _, u := range units {
		select {
		case <-u.Settled():
		case <-ctx.Done():
			return
		}
	}
}

// InHomeKit are the devices that Apple Home shall show. Codes open those that a keypad of the configuration opens, and
// locks that keep codes.
func InHomeKit(cfg *config.Config, units []*Unit) (out []homekit.Item) {
	for _, u := range units {
		if !u.Visible {
			continue
		}
		item := u.Item
		item.Missing = u.missing != nil
		item.Codes = u.slots != nil || slices.ContainsFunc(cfg.Keypads, func(k config.Keypad) bool { return slices.Contains(k.Opens, u.ID) })
		out = append(out, item)
	}
	return out
}

// InMatter are the devices that Matter shall show.
func InMatter(units []*Unit) (out []matter.Item) {
	for _, u := range units {
		if u.InMatter {
			out = append(out, u.Matter)
		}
	}
	return out
}

// InMQTT are the devices as the MQTT broker shall show them.
func InMQTT(cfg *config.Config, units []*Unit, zone *time.Location) []mqtt.Shown {
	faces := cfg.MQTTFaces()
	out := make([]mqtt.Shown, 0, len(units))
	for _, u := range units {
		s := mqtt.Shown{Device: u.View(zone), Face: faces[u.ID]}
		switch {
		case u.door != nil:
			c := u.door.Config()
			s.Gate = c.Kind.Gate()
			s.Stops = c.Traits.Stops || c.Traits.Drive == device.DrivePulse && c.Traits.Cycle != device.CycleNoStop
		case u.lock != nil:
			s.Springs = u.lock.Config().Traits.Drive == device.BoltDriveStrike
		}
		out = append(out, s)
	}
	return out
}

// Busy reports whether something is owed to the device or moves.
func (u *Unit) Busy() bool { return u.actor().Busy() }

// Ping returns nil once the device's own goroutine has come to it.
func (u *Unit) Ping(ctx context.Context) error { return u.actor().Ping(ctx) }

func (u *Unit) actor() actor {
	switch {
	case u.door != nil:
		return u.door
	case u.lock != nil:
		return u.lock
	default:
		return u.contact
	}
}

// Command asks the device to act.
func (u *Unit) Command(ctx context.Context, c device.Command) (device.Answer, error) {
	switch {
	case u.missing != nil:
		return device.Answer{}, u.refused()
	case u.door != nil:
		return u.door.Command(ctx, c)
	case u.lock != nil:
		return u.lock.Command(ctx, c)
	default:
		return device.Answer{}, &device.Refusal{Device: u.ID, Code: device.RefusedUnsupported,
			Why: "a contact only tells what it sees", Remedy: "command the door or lock it belongs to"}
	}
}

// label is the name its owner gave it.
func (u *Unit) label() string { return *u.name.Load() }

// View is the unit as the API shows it now.
func (u *Unit) View(zone *time.Location) api.Device {
	switch {
	case u.door != nil:
		return api.DoorDevice(u.ID, u.label(), u.door.State(), zone)
	case u.lock != nil:
		return api.LockDevice(u.ID, u.label(), u.lock.State(), zone)
	default:
		return api.ContactDevice(u.ID, u.label(), u.contact.State(), zone)
	}
}

// Restyle gives a unit that goes on the name and the settings of its faces that the configuration has now.
func (u *Unit) Restyle(cfg *config.Config) {
	for _, d := range cfg.Doors {
		if d.ID == u.ID {
			u.call(d.Name, timed(cfg, d.TimedWrites))
		}
	}
	for _, l := range cfg.Locks {
		if l.ID == u.ID {
			u.call(l.Name, timed(cfg, l.TimedWrites))
		}
	}
	for _, c := range cfg.Contacts {
		if c.ID == u.ID {
			u.call(c.Name, false)
		}
	}
}

func (u *Unit) call(name string, timed bool) {
	u.name.Store(&name)
	u.Item.Name, u.Item.Timed, u.Matter.Name = name, timed, name
}

// Start does something on a goroutine of the unit's own, until Stop.
func (u *Unit) Start(do func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	u.cancel, u.done = cancel, make(chan struct{})
	go func() {
		defer close(u.done)
		do(ctx)
	}()
}

// Live is the life of the device, until ctx ends. A fault in it is its own end and nobody else's.
func (u *Unit) Live(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	if u.missing != nil {
		return u.missing
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() { cancel(); u.beside.Wait() }()
	u.life = ctx
	if u.exit != nil {
		u.beside.Go(func() { u.exit.watch(ctx, u.Command) })
	}
	return u.actor().Run(ctx)
}

// Stop ends the device and gives the lines back, each at rest.
func (u *Unit) Stop() error {
	if u.cancel != nil {
		u.cancel()
		<-u.done
	}
	return u.Release()
}

// Release gives the lines of a device that has ended back, each at rest.
func (u *Unit) Release() error {
	u.Ended = true
	if err := u.env.Close(); err != nil {
		return fmt.Errorf("%s: %w", u.ID, err)
	}
	return nil
}
