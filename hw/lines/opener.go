package lines

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// maxPulse is the hard cap of every opener's relay: longer, and some openers take it for "hold to run".
const maxPulse = time.Second

// minPulse is what a relay needs to close and an opener to see it.
const minPulse = 20 * time.Millisecond

// Cycles as they are written in the configuration.
const (
	cycleOpenStopCloseStop = "open-stop-close-stop"
	cycleReversesOnClose   = "reverses-on-close"
	cycleNoStop            = "no-stop"
)

// OpenerConfig are the settings of the opener driver "lines": one relay on the opener's button, or one
// relay a direction.
type OpenerConfig struct {
	Relay      hw.Ref        `yaml:"relay,omitempty" line:"output" jsonschema_description:"the relay across the opener's one button"`
	OpenRelay  hw.Ref        `yaml:"open_relay,omitempty" line:"output" jsonschema_description:"the relay on an input that only opens"`
	CloseRelay hw.Ref        `yaml:"close_relay,omitempty" line:"output" jsonschema_description:"the relay on an input that only closes"`
	StopRelay  hw.Ref        `yaml:"stop_relay,omitempty" line:"output" jsonschema_description:"the relay on an input that only stops"`
	Pulse      time.Duration `yaml:"pulse,omitempty" jsonschema_description:"how long a relay is on, 20ms to 1s"`
	Cycle      string        `yaml:"cycle,omitempty" jsonschema:"enum=open-stop-close-stop,enum=reverses-on-close,enum=no-stop" jsonschema_description:"what the pulses of a one-button opener mean, one after another"`
}

// Check implements hw.Checker.
func (c OpenerConfig) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	discrete := c.OpenRelay != "" || c.CloseRelay != "" || c.StopRelay != ""
	switch {
	case c.Relay == "" && !discrete:
		bad("relay", "the opener has no relay", "name the relay on its button (relay), or those on its inputs (open_relay and close_relay)")
	case c.Relay != "" && discrete:
		bad("relay", "it cannot stand beside open_relay, close_relay or stop_relay", "name relay for an opener with one button, the others for one with an input a direction")
	case c.Relay == "" && (c.OpenRelay == "" || c.CloseRelay == ""):
		bad("open_relay", "open_relay and close_relay are only useful together", "name both, or relay if the opener has one button")
	}
	if c.Pulse < minPulse || c.Pulse > maxPulse {
		bad("pulse", fmt.Sprintf("%v is not between %v and %v", c.Pulse, minPulse, maxPulse), "take 400ms, which nearly every opener understands")
	}
	if _, ok := cycles[c.Cycle]; !ok {
		bad("cycle", fmt.Sprintf("there is no cycle %q", c.Cycle), "take open-stop-close-stop, reverses-on-close or no-stop: press the button a few times and watch")
	}
	return errors.Join(errs...)
}

var cycles = map[string]device.Cycle{
	"":                     device.CycleOpenStopCloseStop,
	cycleOpenStopCloseStop: device.CycleOpenStopCloseStop,
	cycleReversesOnClose:   device.CycleReversesOnClose,
	cycleNoStop:            device.CycleNoStop,
}

// Traits implements hw.DoorDescriber. A relay sees nothing: what senses is added by Parts.Traits.
func (c OpenerConfig) Traits() device.DoorTraits {
	if c.Relay != "" {
		return device.DoorTraits{Drive: device.DrivePulse, Cycle: cycles[c.Cycle]}
	}
	return device.DoorTraits{Drive: device.DriveDiscrete, Stops: c.StopRelay != ""}
}

// OpenerDriver is the opener driver "lines".
func OpenerDriver() hw.Driver[device.Opener] {
	return hw.New("lines", "an opener on relays: one on its button, or one a direction",
		OpenerConfig{Pulse: 400 * time.Millisecond, Cycle: cycleOpenStopCloseStop},
		func(ctx context.Context, env *hw.Env, c OpenerConfig) (device.Opener, error) {
			return NewOpener(ctx, env, c)
		})
}

// Opener is an opener on one to three relays.
type Opener struct {
	id                 string
	pulse              time.Duration
	button             hw.Output // nil for an opener with an input a direction
	open, closes, stop hw.Output // nil for an opener with one button; stop may be missing

	mu   sync.Mutex // one order at a time, so that two directions are never on together
	last hw.Output  // the relay of the last order
	off  time.Time  // when it is at rest at the latest
}

var (
	_ device.Opener  = (*Opener)(nil)
	_ device.Stopper = (*Opener)(nil)
)

// NewOpener borrows the relays, at rest.
func NewOpener(ctx context.Context, env *hw.Env, c OpenerConfig) (*Opener, error) {
	o := &Opener{id: env.Device(), pulse: c.Pulse}
	for _, relay := range []struct {
		ref hw.Ref
		out *hw.Output
	}{{c.Relay, &o.button}, {c.OpenRelay, &o.open}, {c.CloseRelay, &o.closes}, {c.StopRelay, &o.stop}} {
		if relay.ref == "" {
			continue
		}
		out, err := env.Output(ctx, relay.ref, hw.OutputOptions{Cap: maxPulse})
		if err != nil {
			return nil, err
		}
		*relay.out = out
	}
	return o, nil
}

// Trigger implements device.Opener.
func (o *Opener) Trigger(ctx context.Context, target device.Target) error {
	switch {
	case target != device.TargetOpen && target != device.TargetClosed:
		return &hw.OpError{Op: "trigger", Device: o.id, Err: errors.New("no target is given"), Hint: "ask for open or closed"}
	case o.button != nil:
		return o.button.Set(ctx, true, o.pulse)
	case target == device.TargetOpen:
		return o.direct(ctx, o.open)
	}
	return o.direct(ctx, o.closes)
}

// Stop implements device.Stopper.
func (o *Opener) Stop(ctx context.Context) error {
	if o.stop == nil {
		return &hw.OpError{Op: "stop", Device: o.id, Err: errors.ErrUnsupported, Hint: "wire the opener's stop input and name its relay (stop_relay)"}
	}
	return o.direct(ctx, o.stop)
}

// direct gives a pulse on one of several inputs. Another one that is still on goes to rest first.
func (o *Opener) direct(ctx context.Context, out hw.Output) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.last != nil && o.last != out && time.Now().Before(o.off) {
		if err := o.last.Set(ctx, false, 0); err != nil {
			return err
		}
	}
	o.last, o.off = out, time.Now().Add(2*maxPulse)
	return out.Set(ctx, true, o.pulse)
}

// Readings implements device.Opener. A relay sees nothing but itself.
func (o *Opener) Readings(ctx context.Context) <-chan device.Reading {
	return watchOutputs(ctx, func(s acting) device.Reading {
		return device.Reading{Energised: s.away, Taken: s.taken, Fault: s.fault}
	}, o.outputs()...)
}

// Refresh tells what the relays are known to do; it is instant.
func (o *Opener) Refresh(context.Context) (device.Reading, error) {
	s, err := askOutputs(o.id, o.outputs()...)
	return device.Reading{Energised: s.away, Taken: s.taken, Fault: s.fault}, err
}

func (o *Opener) present() device.Reading {
	r, _ := o.Refresh(context.Background()) // an error leaves everything unknown, which is what it is then
	return r
}

func (o *Opener) outputs() []resting {
	var list []resting
	for _, out := range []hw.Output{o.button, o.open, o.closes, o.stop} {
		if out != nil {
			list = append(list, resting{Output: out})
		}
	}
	return list
}
