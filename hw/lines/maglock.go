package lines

import (
	"context"
	"errors"
	"fmt"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Rest levels of a maglock, as they are written in the configuration.
const (
	restSecured   = "secured"
	restUnsecured = "unsecured"
)

// MaglockConfig are the settings of the bolt driver "maglock".
type MaglockConfig struct {
	Relay            hw.Ref `yaml:"relay" line:"output" jsonschema_description:"the relay that feeds the magnet"`
	Rest             string `yaml:"rest" jsonschema:"enum=secured,enum=unsecured" jsonschema_description:"what a stop or a restart of the bridge does to this door"`
	HardWiredRelease bool   `yaml:"hard_wired_release" jsonschema_description:"confirms that an exit button and the fire alarm cut the magnet's power by wire, without the bridge"`
}

// Check implements hw.Checker.
func (c MaglockConfig) Check() error {
	var errs []error
	if c.Relay == "" {
		errs = append(errs, &hw.FieldError{Field: "relay", Problem: "the maglock has no relay", Remedy: "name the relay that feeds it, for example gpio:24"})
	}
	if c.Rest != restSecured && c.Rest != restUnsecured {
		problem := "it is not stated whether the door is locked while the bridge restarts"
		if c.Rest != "" {
			problem = fmt.Sprintf("%q is neither secured nor unsecured", c.Rest)
		}
		errs = append(errs, &hw.FieldError{Field: "rest", Problem: problem, Remedy: "write rest: secured, or rest: unsecured"})
	}
	if !c.HardWiredRelease {
		errs = append(errs, &hw.FieldError{
			Field: "hard_wired_release", Problem: "a magnet must let people out without the bridge",
			Remedy: "wire an exit button and the fire alarm into the magnet's supply, then write hard_wired_release: true",
		})
	}
	return errors.Join(errs...)
}

// Traits implements hw.BoltDescriber.
func (c MaglockConfig) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveMaglock, FailSafe: true}
}

// MaglockDriver is the bolt driver "maglock".
func MaglockDriver() hw.Driver[device.Bolt] {
	return hw.New("maglock", "a magnet on a relay: it holds while it is energised, for as long as it is told to",
		MaglockConfig{},
		func(ctx context.Context, env *hw.Env, c MaglockConfig) (device.Bolt, error) {
			return NewMaglock(ctx, env, c)
		})
}

// Maglock holds while its relay is energised.
type Maglock struct {
	id    string
	relay resting
}

var (
	_ device.Bolt          = (*Maglock)(nil)
	_ device.BoltRefresher = (*Maglock)(nil)
)

// NewMaglock borrows the relay, at the rest level that the owner stated.
func NewMaglock(ctx context.Context, env *hw.Env, c MaglockConfig) (*Maglock, error) {
	rest := c.Rest == restSecured
	relay, err := env.Output(ctx, c.Relay, hw.OutputOptions{Rest: rest})
	if err != nil {
		return nil, err
	}
	return &Maglock{id: env.Device(), relay: resting{Output: relay, rest: rest}}, nil
}

// Throw implements device.Bolt.
func (m *Maglock) Throw(ctx context.Context, target device.BoltTarget) error {
	switch target {
	case device.BoltTargetSecured:
		return m.relay.Set(ctx, true, 0)
	case device.BoltTargetUnsecured:
		return m.relay.Set(ctx, false, 0)
	default:
		return noTarget(m.id)
	}
}

// Readings implements device.Bolt. The bolt follows from the relay: Energised is Yes while it holds.
func (m *Maglock) Readings(ctx context.Context) <-chan device.LockReading {
	return watchOutputs(ctx, m.reading, m.relay)
}

// RefreshBolt implements device.BoltRefresher.
func (m *Maglock) RefreshBolt(context.Context) (device.LockReading, error) {
	a, err := askOutputs(m.id, m.relay)
	return m.reading(a), err
}

func (m *Maglock) present() device.LockReading {
	r, _ := m.RefreshBolt(context.Background())
	return r
}

func (m *Maglock) reading(a acting) device.LockReading {
	r := device.LockReading{Energised: a.away, Taken: a.taken, Fault: a.fault}
	if m.relay.rest {
		r.Energised = not(a.away)
	}
	switch r.Energised {
	case device.Yes:
		r.Bolt = device.BoltSecured
	case device.No:
		r.Bolt = device.BoltUnsecured
	default:
		r.Bolt = device.BoltUnknown
	}
	return r
}
