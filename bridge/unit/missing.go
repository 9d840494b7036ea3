package unit

import (
	"context"
	"errors"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Begin is Build for a house that starts: where the hardware of a device is not there, the device is, and
// says so. Everything else about the house is as it would be with it.
func (b *Builder) Begin(ctx context.Context, cfg *config.Config, id string) (*Unit, error) {
	u, err := b.Build(ctx, cfg, id)
	if _, missing := Trouble(err); !missing {
		return u, err
	}
	return b.build(ctx, cfg, id, err)
}

// Opening is Begin for these devices, and Build for all others.
func (b *Builder) Opening(away map[string]bool) func(ctx context.Context, cfg *config.Config, id string) (*Unit, error) {
	return func(ctx context.Context, cfg *config.Config, id string) (*Unit, error) {
		if away[id] {
			return b.Begin(ctx, cfg, id)
		}
		return b.Build(ctx, cfg, id)
	}
}

// Missing is why the hardware of the device could not be opened; nil if it was. Such a unit refuses
// everything; its Live ends at once.
func (u *Unit) Missing() error { return u.missing }

// Trouble says what keeps a device from living and what its owner can do, and whether its hardware is what
// is missing. A nil error is no trouble.
func Trouble(err error) (what string, missing bool) {
	var op *hw.OpError
	switch {
	case err == nil:
		return "", false
	case !errors.As(err, &op) || len(hw.FieldErrors(err)) > 0:
		return "it stopped and is started again", false
	case op.Hint == "":
		return op.Error(), true
	}
	return op.Error() + ": " + op.Hint, true
}

func (u *Unit) refused() *device.Refusal {
	r := &device.Refusal{Device: u.ID, Code: device.RefusedUnavailable, Why: "its hardware cannot be opened",
		Remedy: "see that it has power and is connected", Err: u.missing}
	var op *hw.OpError
	if errors.As(u.missing, &op) {
		r.Why = op.Op + ": " + op.Err.Error()
		if op.Hint != "" {
			r.Remedy = op.Hint
		}
	}
	return r
}

// nothing stands in for hardware that is missing. Nobody asks it: its device does not live.
type nothing[R any] struct{ why error }

func (n nothing[R]) Trigger(context.Context, device.Target) error   { return n.why }
func (n nothing[R]) Throw(context.Context, device.BoltTarget) error { return n.why }

func (n nothing[R]) Readings(context.Context) <-chan R {
	none := make(chan R)
	close(none)
	return none
}
