package lines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// maxCap is the longest that a strike may be told to stay released.
const maxCap = 30 * time.Second

// minHold gives a person the time to pull.
const minHold = 500 * time.Millisecond

// StrikeConfig are the settings of the bolt driver "strike".
type StrikeConfig struct {
	Relay    hw.Ref        `yaml:"relay" line:"output" jsonschema_description:"the relay that feeds the strike"`
	Hold     time.Duration `yaml:"hold,omitempty" jsonschema_description:"how long it stays released, 500ms to cap"`
	Cap      time.Duration `yaml:"cap,omitempty" jsonschema_description:"the driver's hard limit for hold, at most 30s"`
	FailSafe bool          `yaml:"fail_safe,omitempty" jsonschema_description:"the strike is held by power and released without it"`
}

// Check implements hw.Checker.
func (c StrikeConfig) Check() error {
	var errs []error
	if c.Relay == "" {
		errs = append(errs, &hw.FieldError{Field: "relay", Problem: "the strike has no relay", Remedy: "name the relay that feeds it, for example gpio:24"})
	}
	if c.Cap <= 0 || c.Cap > maxCap {
		errs = append(errs, &hw.FieldError{Field: "cap", Problem: fmt.Sprintf("%v is not above 0 and at most %v", c.Cap, maxCap), Remedy: "leave it out for 10s"})
	}
	if c.Hold < minHold || c.Hold > c.Cap {
		errs = append(errs, &hw.FieldError{Field: "hold", Problem: fmt.Sprintf("%v is not between %v and the cap of %v", c.Hold, minHold, c.Cap), Remedy: "take 5s"})
	}
	return errors.Join(errs...)
}

// Traits implements hw.BoltDescriber.
func (c StrikeConfig) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveStrike, Hold: c.Hold, FailSafe: c.FailSafe}
}

// StrikeDriver is the bolt driver "strike".
func StrikeDriver() hw.Driver[device.Bolt] {
	return hw.New("strike", "an electric strike on a relay: released for a few seconds, secured by its spring",
		StrikeConfig{Hold: 5 * time.Second, Cap: 10 * time.Second},
		func(ctx context.Context, env *hw.Env, c StrikeConfig) (device.Bolt, error) {
			return NewStrike(ctx, env, c)
		})
}

// Strike is released while its relay is away from rest. Its rest level is secured: without power for a
// fail-secure strike, with power for a fail-safe one.
type Strike struct {
	id    string
	hold  time.Duration
	relay resting
}

var (
	_ device.Bolt          = (*Strike)(nil)
	_ device.BoltRefresher = (*Strike)(nil)
)

// NewStrike borrows the relay, secured.
func NewStrike(ctx context.Context, env *hw.Env, c StrikeConfig) (*Strike, error) {
	relay, err := env.Output(ctx, c.Relay, hw.OutputOptions{Rest: c.FailSafe, Cap: c.Cap})
	if err != nil {
		return nil, err
	}
	return &Strike{id: env.Device(), hold: c.Hold, relay: resting{Output: relay, rest: c.FailSafe}}, nil
}

// Throw implements device.Bolt. A strike that is released already is neither released again nor longer.
func (s *Strike) Throw(ctx context.Context, target device.BoltTarget) error {
	switch target {
	case device.BoltTargetSecured:
		return s.relay.Set(ctx, s.relay.rest, 0)
	case device.BoltTargetUnsecured:
		err := s.relay.Set(ctx, !s.relay.rest, s.hold)
		if errors.Is(err, hw.ErrStillOn) {
			return nil
		}
		return err
	default:
		return noTarget(s.id)
	}
}

// Readings implements device.Bolt. The bolt follows from the relay: BoltTraits.SensesBolt is false, and
// Energised is Yes while the strike is released.
func (s *Strike) Readings(ctx context.Context) <-chan device.LockReading {
	return watchOutputs(ctx, s.reading, s.relay)
}

// RefreshBolt implements device.BoltRefresher.
func (s *Strike) RefreshBolt(context.Context) (device.LockReading, error) {
	a, err := askOutputs(s.id, s.relay)
	return s.reading(a), err
}

func (s *Strike) present() device.LockReading {
	r, _ := s.RefreshBolt(context.Background())
	return r
}

func (s *Strike) reading(a acting) device.LockReading {
	r := device.LockReading{Energised: a.away, Taken: a.taken, Fault: a.fault}
	switch a.away {
	case device.Yes:
		r.Bolt = device.BoltUnsecured
	case device.No:
		r.Bolt = device.BoltSecured
	default:
		r.Bolt = device.BoltUnknown
	}
	return r
}

func noTarget(id string) error {
	return &hw.OpError{Op: "throw", Device: id, Err: errors.New("no target is given"), Hint: "ask for secured or unsecured"}
}
