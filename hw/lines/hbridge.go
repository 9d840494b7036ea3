package lines

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// bridged reports whether the motor is on an H-bridge.
func (c MotorConfig) bridged() bool { return c.Direction != "" || c.Enable != "" }

func (c MotorConfig) checkBridge() error {
	var errs []error
	if c.Direction == "" || c.Enable == "" {
		errs = append(errs, &hw.FieldError{Field: "direction", Problem: "an H-bridge has a direction and an enable input", Remedy: "name both, direction and enable"})
	}
	if c.SecureRelay != "" || c.UnsecureRelay != "" {
		errs = append(errs, &hw.FieldError{Field: "secure_relay", Problem: "a motor is on two relays or on an H-bridge, not on both", Remedy: "keep secure_relay and unsecure_relay, or direction and enable"})
	}
	if c.DeadTime < minDead || c.DeadTime > maxDead {
		errs = append(errs, &hw.FieldError{Field: "dead_time", Problem: fmt.Sprintf("%v is not between %v and %v", c.DeadTime, minDead, maxDead), Remedy: "take 50ms"})
	}
	direction, err1 := c.Direction.Parse()
	enable, err2 := c.Enable.Parse()
	if err1 == nil && err2 == nil && direction.Board != enable.Board {
		errs = append(errs, &hw.FieldError{Field: "enable", Problem: "direction and enable are on two boards: one of them may go away while the motor runs", Remedy: "wire both to one board"})
	}
	return errors.Join(errs...)
}

// hBridge drives a motor with an enable and a direction:
//
//	            dead time        dead time    pulse
//	enable    on -> off  |................|--> on ----> off
//	direction            ........ | changes ...........................
//
// The direction never changes under power: that would brake the motor with all its current. It stays as it
// is when the motor stops; at the end, and when the bridge dies, it goes to rest behind the enable.
type hBridge struct {
	id                string
	enable, direction hw.Output
	dead              time.Duration
}

// newHBridge borrows the enable first: should a bridge that died have left the motor running, it is off
// before the direction is at rest.
func newHBridge(ctx context.Context, env *hw.Env, c MotorConfig) (*hBridge, error) {
	b := &hBridge{id: env.Device(), dead: c.DeadTime}
	var err error
	if b.enable, err = env.Output(ctx, c.Enable, hw.OutputOptions{Cap: maxDrive}); err != nil {
		return nil, err
	}
	b.direction, err = env.Output(ctx, c.Direction, hw.OutputOptions{})
	return b, err
}

func (b *hBridge) run(ctx context.Context, target device.BoltTarget, limit time.Duration) error {
	out := target == device.BoltTargetSecured
	if level, ok := b.direction.Last(); !ok || level.Active != out {
		if err := b.turn(ctx, out); err != nil {
			return b.still(err)
		}
	}
	return b.enable.Set(ctx, true, limit)
}

// turn changes the direction while the motor is off, with dead time on both sides.
func (b *hBridge) turn(ctx context.Context, out bool) error {
	if err := b.enable.Set(ctx, false, 0); err != nil {
		return err
	}
	rest := b.dead
	if level, ok := b.enable.Last(); ok {
		rest = time.Until(level.At.Add(b.dead)) // it may have been off for long
	}
	if err := wait(ctx, rest); err != nil {
		return err
	}
	if err := b.direction.Set(ctx, out, 0); err != nil {
		return err
	}
	return wait(ctx, b.dead)
}

// still is an error before the motor was told to run: whatever became of the direction, nothing moved.
func (b *hBridge) still(err error) error {
	if !errors.Is(err, device.ErrUnsure) {
		return err
	}
	return &hw.OpError{Op: "turn", Device: b.id, Err: device.ErrUnavailable, Hint: "see that the board has power and is connected: the motor was not started"}
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (b *hBridge) halt(ctx context.Context) error { return b.enable.Set(ctx, false, 0) }

func (b *hBridge) outputs() []resting {
	return []resting{{Output: b.enable}, {Output: b.direction, aside: true}}
}
