package unit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/lines"
)

// Builder builds units. Its fields are set once, before the first Build.
type Builder struct {
	Env     *hw.Env
	Journal device.Journal
	Memory  device.Memory
	Limit   *device.PulseLimit // shared by all devices
	Awake   *device.Awake      // the same
	Crew    *device.Crew       // makes their calls
	// Interrupted are the devices with a move that the run before has not seen the end of.
	Interrupted map[string]bool
	Board       *health.Board // told what is wrong with each device
	Zone        func() *time.Location
	Shown       func(id string, d api.Device) // each change of a state; runs on the device's actor, must not wait
	Log         zerolog.Logger

	holder   atomic.Pointer[Holder]       // nil until somebody puts codes into locks
	mantraps map[string]*device.Interlock // by id and members: a device that stays keeps its token
}

// IDs are the devices in the order of the configuration: doors, locks, contacts.
func IDs(cfg *config.Config) []string {
	var ids []string
	for _, d := range cfg.Doors {
		ids = append(ids, d.ID)
	}
	for _, l := range cfg.Locks {
		ids = append(ids, l.ID)
	}
	for _, c := range cfg.Contacts {
		ids = append(ids, c.ID)
	}
	return ids
}

// Build opens one device of a configuration. What is opened moves nothing: outputs are requested at rest.
// On an error everything that was opened is given back.
func (b *Builder) Build(ctx context.Context, cfg *config.Config, id string) (*Unit, error) {
	return b.build(ctx, cfg, id, nil)
}

// build opens nothing where missing says why that does not work.
func (b *Builder) build(ctx context.Context, cfg *config.Config, id string, missing error) (*Unit, error) {
	u := &Unit{ID: id, env: b.Env.For(id), missing: missing, settled: make(chan struct{})}
	if err := b.fill(ctx, u, cfg); err != nil {
		return nil, errors.Join(err, u.env.Close())
	}
	if missing != nil {
		u.once.Do(func() { close(u.settled) }) // nobody waits for its first word
	}
	return u, nil
}

func (b *Builder) fill(ctx context.Context, u *Unit, cfg *config.Config) error {
	for _, d := range cfg.Doors {
		if d.ID == u.ID {
			return b.buildDoor(ctx, u, cfg, d)
		}
	}
	for _, l := range cfg.Locks {
		if l.ID == u.ID {
			return b.buildLock(ctx, u, cfg, l)
		}
	}
	for _, c := range cfg.Contacts {
		if c.ID == u.ID {
			return b.buildContact(ctx, u, c)
		}
	}
	return fmt.Errorf("there is no device %s", u.ID)
}

// mantrap is the token of a device's mantrap; nil if it is in none. It is the same one for as long as
// the members are: a door that is built again must not get a token that nobody else holds.
func (b *Builder) mantrap(cfg *config.Config, id string) *device.Interlock {
	for _, i := range cfg.Interlocks {
		if !slices.Contains(i.Devices, id) {
			continue
		}
		key := i.ID + " " + strings.Join(slices.Sorted(slices.Values(i.Devices)), " ")
		if b.mantraps == nil {
			b.mantraps = map[string]*device.Interlock{}
		}
		if b.mantraps[key] == nil {
			b.mantraps[key] = device.NewInterlock()
		}
		return b.mantraps[key]
	}
	return nil
}

func (b *Builder) buildDoor(ctx context.Context, u *Unit, cfg *config.Config, d config.Door) error {
	u.call(d.Name, timed(cfg, d.TimedWrites))
	u.Visible, u.InMatter = d.InHomeKit(), d.MatterFace() != config.MatterNone
	chosen, err := all.Openers().Load(d.Opener.Driver, d.Opener.Decode)
	if err != nil {
		return fmt.Errorf("door %s: %w", d.ID, err)
	}
	base := chosen.Config.(hw.DoorDescriber).Traits()
	parts := lines.Parts{Closed: hw.Ref(d.Closed), Open: hw.Ref(d.Open), Obstructed: hw.Ref(d.Obstruction)}
	if d.Warning != nil {
		parts.Light, parts.Beeper, parts.Steady = hw.Ref(d.Warning.Light), hw.Ref(d.Warning.Beeper), d.Warning.Steady
	}
	var whole device.Opener = nothing[device.Reading]{u.missing}
	if u.missing == nil {
		opener, err := chosen.Open(ctx, u.env)
		if err != nil {
			return err
		}
		door, err := lines.NewDoor(ctx, u.env, opener, base, parts)
		if err != nil {
			return err
		}
		whole, u.ask = door, func(ctx context.Context) error {
			_, err := door.Refresh(ctx)
			return err
		}
	}
	kind, err := device.ParseDoorKind(string(d.Kind))
	if err != nil {
		return err
	}
	remote, err := device.ParseRemoteClose(string(d.RemoteClose))
	if err != nil {
		return err
	}
	dc := device.DoorConfig{
		ID: d.ID, Name: d.Name, Kind: kind, Traits: parts.Traits(base), Travel: d.Travel,
		RemoteClose: remote, WarnTime: d.WarnTime(), Interlock: b.mantrap(cfg, d.ID),
	}
	if d.AutoClose != nil {
		dc.AutoClose = device.AutoClose{After: d.AutoClose.After, Outside: d.AutoClose.CountsOutside()}
	}
	u.door, err = device.NewDoor(dc, whole, device.Deps[device.DoorState]{
		Journal: b.Journal, Memory: b.Memory, Publish: b.publishDoor(u), Notice: b.notice(u), Limit: b.Limit, Crew: b.Crew, Awake: b.Awake, Interrupted: b.Interrupted[u.ID],
	})
	if err != nil {
		return err
	}
	u.Item = homekit.Item{Name: d.Name, Door: u.door, Timed: timed(cfg, d.TimedWrites),
		DoorFace: homekit.DoorFace{ObstructionSensor: d.ObstructionSensor, OwnTile: d.OwnTile}}
	u.Matter = matter.Item{Name: d.Name, Door: u.door, DoorFace: matter.DoorFace{Shape: shape(d.MatterFace())}}
	if remote == device.RemoteCloseDeclared {
		b.Board.Raise(health.DeclaredProtected, d.ID, "")
	} else {
		b.Board.Clear(health.DeclaredProtected, d.ID)
	}
	return nil
}

func (b *Builder) buildLock(ctx context.Context, u *Unit, cfg *config.Config, l config.Lock) error {
	u.call(l.Name, timed(cfg, l.TimedWrites))
	u.Visible, u.InMatter = l.InHomeKit(), l.InMatter()
	chosen, err := all.Bolts().Load(l.Bolt.Driver, l.Bolt.Decode)
	if err != nil {
		return fmt.Errorf("lock %s: %w", l.ID, err)
	}
	base := chosen.Config.(hw.BoltDescriber).Traits()
	parts := lines.BoltParts{Door: hw.Ref(l.Door), Secured: hw.Ref(l.Secured), Unsecured: hw.Ref(l.Unsecured)}
	var whole device.Bolt = nothing[device.LockReading]{u.missing}
	if u.missing == nil {
		bolt, err := chosen.Open(ctx, u.env)
		if err != nil {
			return err
		}
		lock, err := lines.NewLock(ctx, u.env, bolt, parts)
		if err != nil {
			return err
		}
		whole = lock
		if codes := lock.Slots(); codes != nil {
			whole, u.slots = &named{lock, l.ID, b.whose}, newSlots(codes)
		}
		u.ask = func(ctx context.Context) error {
			_, err := lock.RefreshBolt(ctx)
			return err
		}
		if l.Exit != "" {
			button, err := u.env.Input(ctx, hw.Ref(l.Exit))
			if err != nil {
				return err
			}
			u.exit = &exit{button: button, place: string(l.Exit), log: u.env.Log}
		}
	}
	traits := parts.Traits(base)
	u.lock, err = device.NewLock(device.LockConfig{
		ID: l.ID, Name: l.Name, Traits: traits, AutoRelock: l.AutoRelock, BoltOnOpenDoor: l.BoltOpenDoor,
		Interlock: b.mantrap(cfg, l.ID),
	}, whole, device.Deps[device.LockState]{
		Journal: b.Journal, Memory: b.Memory, Publish: b.publishLock(u), Notice: b.notice(u), Limit: b.Limit, Crew: b.Crew, Awake: b.Awake, Interrupted: b.Interrupted[u.ID],
	})
	if err != nil {
		return err
	}
	u.Item = homekit.Item{Name: l.Name, Lock: u.lock, Timed: timed(cfg, l.TimedWrites),
		LockFace: homekit.LockFace{OwnTile: l.OwnTile, DoorSensor: traits.SensesDoor}}
	u.Matter = matter.Item{Name: l.Name, Lock: u.lock, LockFace: matter.LockFace{Codes: true}}
	return nil
}

func (b *Builder) buildContact(ctx context.Context, u *Unit, c config.Contact) error {
	u.call(c.Name, false)
	u.Visible, u.InMatter = c.InHomeKit(), c.InMatter()
	var sensor device.Sensor
	var err error
	switch {
	case u.missing != nil:
		sensor = nothing[device.ContactReading]{u.missing}
	case c.Sensor != nil:
		sensor, err = all.Sensors().Open(ctx, u.env, c.Sensor.Driver, c.Sensor.Decode)
	default:
		sensor, err = lines.NewSensor(ctx, u.env, lines.SensorConfig{Contact: hw.Ref(c.Input)})
	}
	if err != nil {
		return err
	}
	u.contact, err = device.NewContact(device.ContactConfig{ID: c.ID, Name: c.Name}, sensor, device.Deps[device.ContactState]{
		Journal: b.Journal, Memory: b.Memory, Publish: b.publishContact(u), Notice: b.notice(u), Limit: b.Limit, Crew: b.Crew,
	})
	if err != nil {
		return err
	}
	u.Item = homekit.Item{Name: c.Name, Contact: u.contact}
	u.Matter = matter.Item{Name: c.Name, Contact: u.contact}
	return nil
}

// shape is how Matter shows a door.
func shape(f config.MatterFace) matter.Shape {
	switch f {
	case config.MatterClosure:
		return matter.ShapeClosure
	case config.MatterCovering:
		return matter.ShapeCovering
	case config.MatterContact, config.MatterNone:
	}
	return matter.ShapeContact
}

// timed says whether controllers must prepare their writes to a device: its own setting, or the house's.
func timed(cfg *config.Config, own config.TimedWrites) bool {
	if own == "" {
		own = cfg.HomeKit.TimedWrites
	}
	return own != config.TimedAccepted
}
