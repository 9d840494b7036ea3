package boards

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
	"github.com/loquet/loquet/hw/lines"
)

// restEvery is how often a line that is busy, or a board that connects, is tried again.
const restEvery = 50 * time.Millisecond

// Rest brings every output of a configuration to its rest level and lets go of it, without a house: for
// after a bridge that was killed. It returns which devices are at rest; the error names those that may not be.
func Rest(ctx context.Context, cfg *config.Config, log zerolog.Logger) (rested []string, err error) {
	env := hw.NewEnv(log)
	defer func() { err = errors.Join(err, env.Close()) }()
	b, err := Open(ctx, env, nil, log)
	if err != nil {
		return nil, err
	}
	if err := b.Start(ctx, cfg); err != nil {
		return nil, err
	}
	return restAll(ctx, env, cfg)
}

// restAll brings the outputs of all devices to rest: doors, locks, then what keypads show.
func restAll(ctx context.Context, env *hw.Env, cfg *config.Config) (rested []string, err error) {
	var errs []error
	add := func(id string, open func(env *hw.Env) (quiet, error)) {
		switch moved, err := restOne(ctx, env, id, open); {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", id, err))
		case moved:
			rested = append(rested, id)
		}
	}
	for _, d := range cfg.Doors {
		add(d.ID, func(env *hw.Env) (quiet, error) { return openDoor(ctx, env, d) })
	}
	for _, l := range cfg.Locks {
		add(l.ID, func(env *hw.Env) (quiet, error) { return openLock(ctx, env, l) })
	}
	for _, p := range cfg.Keypads {
		add(p.ID, func(env *hw.Env) (quiet, error) { return openKeypad(ctx, env, p) })
	}
	return rested, errors.Join(errs...)
}

// quiet asks whether the outputs of a device are known to be at rest; nil where it has none.
type quiet func(ctx context.Context) error

// restOne requests the outputs of a device, which brings them to rest, and gives them back. A line that
// the end of the bridge has not freed yet is asked for again.
func restOne(ctx context.Context, env *hw.Env, id string, open func(env *hw.Env) (quiet, error)) (bool, error) {
	for {
		mine := env.For(id)
		known, err := open(mine)
		for err == nil && known != nil {
			if err = known(ctx); err == nil {
				return true, mine.Close()
			}
			if !errors.Is(err, device.ErrUnavailable) || !pause(ctx) {
				break
			}
			err = nil
		}
		err = errors.Join(err, mine.Close())
		if err == nil || !errors.Is(err, hw.ErrInUse) || !pause(ctx) {
			return false, err
		}
	}
}

func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(restEvery):
		return true
	}
}

func openDoor(ctx context.Context, env *hw.Env, d config.Door) (quiet, error) {
	chosen, err := all.Openers().Load(d.Opener.Driver, d.Opener.Decode)
	if err != nil || !drives(chosen.Config) {
		return nil, err
	}
	opener, err := chosen.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	var parts lines.Parts
	if d.Warning != nil {
		parts.Light, parts.Beeper = hw.Ref(d.Warning.Light), hw.Ref(d.Warning.Beeper)
	}
	door, err := lines.NewDoor(ctx, env, opener, device.DoorTraits{}, parts)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		_, err := door.Refresh(ctx)
		return err
	}, nil
}

func openLock(ctx context.Context, env *hw.Env, l config.Lock) (quiet, error) {
	chosen, err := all.Bolts().Load(l.Bolt.Driver, l.Bolt.Decode)
	if err != nil || !drives(chosen.Config) {
		return nil, err
	}
	bolt, err := chosen.Open(ctx, env)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) error {
		if r, ok := bolt.(device.BoltRefresher); ok {
			_, err := r.RefreshBolt(ctx)
			return err
		}
		return nil
	}, nil
}

// openKeypad asks for a keypad's light and beeper alone: its wires have nothing to rest.
func openKeypad(ctx context.Context, env *hw.Env, p config.Keypad) (quiet, error) {
	chosen, err := all.Keypads().Load(p.Part.Driver, p.Part.Decode)
	if err != nil || !drives(chosen.Config) {
		return nil, err
	}
	var outs []hw.Output
	for _, use := range hw.Uses(chosen.Config) {
		if !use.Output {
			continue
		}
		out, err := env.Output(ctx, use.Ref, hw.OutputOptions{})
		if err != nil {
			return nil, err
		}
		outs = append(outs, out)
	}
	return func(context.Context) error {
		for _, out := range outs {
			if _, ok := out.Last(); !ok {
				return fmt.Errorf("%w: its board does not answer", device.ErrUnavailable)
			}
		}
		return nil
	}, nil
}

// drives reports whether a driver's settings name an output line: all others bring nothing to rest.
func drives(settings any) bool {
	return slices.ContainsFunc(hw.Uses(settings), func(u hw.Use) bool { return u.Output })
}
