package bridge

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/lines"
)

// actor is what every device has in common.
type actor interface {
	ID() string
	Name() string
	Run(ctx context.Context) error
	Busy() bool
}

// unit is one device of the house: its lines, its actor, and how it is shown.
type unit struct {
	id      string
	name    atomic.Pointer[string]
	door    *device.Door
	lock    *device.Lock
	contact *device.Contact
	item    homekit.Item
	visible bool // in Apple Home
	env     *hw.Env
	settled chan struct{} // closed at the first state that is known
	once    sync.Once     // closes it
	cancel  context.CancelFunc
	done    chan struct{}
}

func newUnit(id, name string, env *hw.Env, visible bool) *unit {
	u := &unit{id: id, env: env, visible: visible, settled: make(chan struct{})}
	u.name.Store(&name)
	return u
}

func (u *unit) actor() actor {
	switch {
	case u.door != nil:
		return u.door
	case u.lock != nil:
		return u.lock
	default:
		return u.contact
	}
}

func (u *unit) command(ctx context.Context, c device.Command) (device.Answer, error) {
	switch {
	case u.door != nil:
		return u.door.Command(ctx, c)
	case u.lock != nil:
		return u.lock.Command(ctx, c)
	default:
		return device.Answer{}, &device.Refusal{Device: u.id, Code: device.RefusedUnsupported,
			Why: "a contact only tells what it sees", Remedy: "command the door or lock it belongs to"}
	}
}

// view is the unit as the API shows it now.
// label is the name its owner gave it.
func (u *unit) label() string { return *u.name.Load() }

func (u *unit) view(zone *time.Location) api.Device {
	switch {
	case u.door != nil:
		return api.DoorDevice(u.id, u.label(), u.door.State(), zone)
	case u.lock != nil:
		return api.LockDevice(u.id, u.label(), u.lock.State(), zone)
	default:
		return api.ContactDevice(u.id, u.label(), u.contact.State(), zone)
	}
}

// run supervises the actor: one that ends is started again, later each time, and the device is unknown
// meanwhile. It never takes the bridge down.
func (a *App) run(ctx context.Context, u *unit) {
	ctx, u.cancel = context.WithCancel(ctx)
	u.done = make(chan struct{})
	go func() {
		defer close(u.done)
		wait := time.Second
		for ctx.Err() == nil {
			err := u.actor().Run(ctx)
			if ctx.Err() != nil {
				return
			}
			a.log.Error().Err(err).Str("device", u.id).Msg("device stopped, starting it again")
			a.board.Raise(health.DeviceUnavailable, u.id, "")
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
			wait = min(2*wait, time.Minute)
		}
	}()
}

// stop ends the actor and gives the lines back, each at rest.
func (u *unit) stop() error {
	if u.cancel != nil {
		u.cancel()
		<-u.done
	}
	return u.env.Close()
}

// build opens every device of the configuration but those to keep. What is opened moves nothing: outputs are requested at
// rest. On an error everything that was opened is given back.
func (a *App) build(ctx context.Context, cfg *config.Config, keep map[string]*unit) (units []*unit, err error) {
	defer func() {
		if err == nil {
			return
		}
		for _, u := range units {
			err = errors.Join(err, u.env.Close())
		}
		units = nil
	}()
	tokens := map[string]*device.Interlock{}
	for _, i := range cfg.Interlocks {
		token := device.NewInterlock()
		for _, id := range i.Devices {
			tokens[id] = token
		}
	}
	for _, d := range cfg.Doors {
		if keep[d.ID] != nil {
			continue
		}
		u, err := a.buildDoor(ctx, cfg, d, tokens[d.ID])
		if err != nil {
			return units, err
		}
		units = append(units, u)
	}
	for _, l := range cfg.Locks {
		if keep[l.ID] != nil {
			continue
		}
		u, err := a.buildLock(ctx, cfg, l, tokens[l.ID])
		if err != nil {
			return units, err
		}
		units = append(units, u)
	}
	for _, c := range cfg.Contacts {
		if keep[c.ID] != nil {
			continue
		}
		u, err := a.buildContact(ctx, c)
		if err != nil {
			return units, err
		}
		units = append(units, u)
	}
	return units, nil
}

func (a *App) buildDoor(ctx context.Context, cfg *config.Config, d config.Door, token *device.Interlock) (*unit, error) {
	env := a.env.For(d.ID)
	u := newUnit(d.ID, d.Name, env, d.InHomeKit())
	chosen, err := all.Openers().Load(d.Opener.Driver, d.Opener.Decode)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("door %s: %w", d.ID, err), env.Close())
	}
	base := chosen.Config.(hw.DoorDescriber).Traits()
	opener, err := chosen.Open(ctx, env)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	parts := lines.Parts{Closed: hw.Ref(d.Closed), Open: hw.Ref(d.Open), Obstructed: hw.Ref(d.Obstruction)}
	if d.Warning != nil {
		parts.Light, parts.Beeper, parts.Steady = hw.Ref(d.Warning.Light), hw.Ref(d.Warning.Beeper), d.Warning.Steady
	}
	whole, err := lines.NewDoor(ctx, env, opener, base, parts)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	kind, err := device.ParseDoorKind(string(d.Kind))
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	remote, err := device.ParseRemoteClose(string(d.RemoteClose))
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	dc := device.DoorConfig{
		ID: d.ID, Name: d.Name, Kind: kind, Traits: parts.Traits(base), Travel: d.Travel,
		RemoteClose: remote, WarnTime: d.WarnTime(), Interlock: token,
	}
	if d.AutoClose != nil {
		dc.AutoClose = device.AutoClose{After: d.AutoClose.After, Outside: d.AutoClose.CountsOutside()}
	}
	u.door, err = device.NewDoor(dc, whole, device.Deps[device.DoorState]{
		Journal: a.journal, Memory: a.store.Memory(), Publish: a.publishDoor(u), Notice: a.notice(u.id),
	})
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	u.item = homekit.Item{Name: d.Name, Door: u.door, Timed: timed(cfg, d.TimedWrites),
		DoorFace: homekit.DoorFace{ObstructionSensor: d.ObstructionSensor, OwnTile: d.OwnTile}}
	if remote == device.RemoteCloseDeclared {
		a.board.Raise(health.DeclaredProtected, d.ID, "")
	} else {
		a.board.Clear(health.DeclaredProtected, d.ID)
	}
	return u, nil
}

func (a *App) buildLock(ctx context.Context, cfg *config.Config, l config.Lock, token *device.Interlock) (*unit, error) {
	env := a.env.For(l.ID)
	u := newUnit(l.ID, l.Name, env, l.InHomeKit())
	chosen, err := all.Bolts().Load(l.Bolt.Driver, l.Bolt.Decode)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", l.ID, err), env.Close())
	}
	base := chosen.Config.(hw.BoltDescriber).Traits()
	bolt, err := chosen.Open(ctx, env)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	parts := lines.BoltParts{Door: hw.Ref(l.Door), Secured: hw.Ref(l.Secured), Unsecured: hw.Ref(l.Unsecured)}
	whole, err := lines.NewLock(ctx, env, bolt, parts)
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	traits := parts.Traits(base)
	u.lock, err = device.NewLock(device.LockConfig{
		ID: l.ID, Name: l.Name, Traits: traits, AutoRelock: l.AutoRelock, BoltOnOpenDoor: l.BoltOpenDoor, Interlock: token,
	}, whole, device.Deps[device.LockState]{
		Journal: a.journal, Memory: a.store.Memory(), Publish: a.publishLock(u), Notice: a.notice(u.id),
	})
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	u.item = homekit.Item{Name: l.Name, Lock: u.lock, Timed: timed(cfg, l.TimedWrites),
		LockFace: homekit.LockFace{OwnTile: l.OwnTile, DoorSensor: traits.SensesDoor}}
	return u, nil
}

func (a *App) buildContact(ctx context.Context, c config.Contact) (*unit, error) {
	env := a.env.For(c.ID)
	u := newUnit(c.ID, c.Name, env, c.InHomeKit())
	var sensor device.Sensor
	var err error
	if c.Sensor != nil {
		sensor, err = all.Sensors().Open(ctx, env, c.Sensor.Driver, c.Sensor.Decode)
	} else {
		sensor, err = lines.NewSensor(ctx, env, lines.SensorConfig{Contact: hw.Ref(c.Input)})
	}
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	u.contact, err = device.NewContact(device.ContactConfig{ID: c.ID, Name: c.Name}, sensor, device.Deps[device.ContactState]{
		Journal: a.journal, Memory: a.store.Memory(), Publish: a.publishContact(u), Notice: a.notice(u.id),
	})
	if err != nil {
		return nil, errors.Join(err, env.Close())
	}
	u.item = homekit.Item{Name: c.Name, Contact: u.contact}
	return u, nil
}

// timed says whether controllers must prepare their writes to a device: its own setting, or the house's.
func timed(cfg *config.Config, own config.TimedWrites) bool {
	if own == "" {
		own = cfg.HomeKit.TimedWrites
	}
	return own != config.TimedAccepted
}
