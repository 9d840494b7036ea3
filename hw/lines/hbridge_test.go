package lines_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
)

// bridged is a lock whose motor is on an H-bridge.
func bridged(id string) sim.LockSpec {
	return sim.LockSpec{ID: id, Drive: sim.Motor, Bridge: true, Travel: 1200 * time.Millisecond, Bounce: 2 * time.Millisecond}
}

// plain is a board that writes down what its outputs do.
type plain struct{ did []did }

type did struct {
	line   string
	active bool
	at     time.Time
}

func (b *plain) Output(_ context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	b.did = append(b.did, did{line, o.Rest, time.Now()})
	return hw.NewBounded(func(_ context.Context, active bool, _ time.Duration) error {
		b.did = append(b.did, did{line, active, time.Now()})
		return nil
	}, func() error { return nil }, o), nil
}

func (b *plain) Input(context.Context, string, hw.InputOptions) (hw.Input, error) {
	return nil, hw.ErrNoLine
}

func (b *plain) Close() error { return nil }

// Whatever is ordered whenever: the direction changes only while the enable is off, with dead time before and
// after, and both end at rest, the enable first.
func TestHBridgeNeverTurnsUnderPower(t *testing.T) {
	const dead, pulse = 30 * time.Millisecond, 400 * time.Millisecond
	rapid.Check(t, func(rt *rapid.T) {
		orders := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) [2]int {
			return [2]int{rapid.IntRange(0, 1).Draw(t, "way"), rapid.IntRange(0, 600).Draw(t, "pause")}
		}), 1, 8).Draw(rt, "orders")
		synctest.Test(t, func(t *testing.T) {
			b := &plain{}
			env := hw.NewEnv(zerolog.Nop())
			if err := env.Add("board", b); err != nil {
				t.Fatal(err)
			}
			motor, err := lines.NewMotor(t.Context(), env, lines.MotorConfig{Direction: "board:direction", Enable: "board:enable", DeadTime: dead, Pulse: pulse})
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range orders {
				target := []device.BoltTarget{device.BoltTargetSecured, device.BoltTargetUnsecured}[o[0]]
				_ = motor.Throw(t.Context(), target) // a repeat while it runs is refused
				pass(time.Duration(o[1]) * time.Millisecond)
			}
			if err := env.Close(); err != nil {
				t.Fatal(err)
			}
			judge(t, b.did, dead, pulse)
		})
	})
}

// judge looks at a record of both lines.
func judge(t *testing.T, record []did, dead, pulse time.Duration) {
	t.Helper()
	if !slices.Equal([]string{record[0].line, record[1].line}, []string{"enable", "direction"}) {
		t.Errorf("requested as %v, want the enable first", record[:2])
	}
	var on, out bool
	var since, turned time.Time
	for _, d := range record {
		switch {
		case d.line == "enable" && d.active != on:
			if d.active && !turned.IsZero() && d.at.Sub(turned) < dead {
				t.Errorf("it runs %v after the direction changed", d.at.Sub(turned))
			}
			if !d.active && d.at.Sub(since) > pulse {
				t.Errorf("it ran for %v", d.at.Sub(since))
			}
			on, since = d.active, d.at
		case d.line == "direction" && d.active != out:
			if on {
				t.Error("the direction changed while the motor ran")
			}
			last := d == record[len(record)-1]
			if !since.IsZero() && d.at.Sub(since) < dead && !last { // at the end nothing runs again
				t.Errorf("the direction changed %v after the motor", d.at.Sub(since))
			}
			out, turned = d.active, d.at
		}
	}
	if on || out {
		t.Errorf("at the end the enable is %v, the direction %v", on, out)
	}
}

// Nobody knows whether the direction has changed: the motor is not started, and that is said.
func TestHBridgeThatCannotTurn(t *testing.T) {
	p := there(t, "side")
	motor, err := lines.NewMotor(t.Context(), p.env, lines.MotorConfig{
		Direction: "sim:side/direction", Enable: "sim:side/enable", DeadTime: time.Millisecond, Pulse: 60 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	<-motor.Readings(t.Context())
	p.wire.Lose()
	if err := motor.Throw(t.Context(), device.BoltTargetSecured); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
		t.Errorf("error %v, want one that says that nothing moved", err)
	}
	p.wire.Heal()
	if n := p.status().PulsesTotal; n != 0 {
		t.Errorf("%d clicks", n)
	}
	for back := false; !back && t.Context().Err() == nil; { // a break ends what was read from before
		_, back = <-motor.Readings(t.Context())
	}
	// Whether both lines are back by now, only Close can tell; it says so when they are not.
	if err := p.env.Close(); err != nil && !errors.Is(err, device.ErrUnavailable) {
		t.Error(err)
	}
}

// The lock's own actor over it: unlocked, locked, and turned round in the middle of the way.
func TestLockOnAnHBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, err := sim.New(sim.House{Locks: []sim.LockSpec{bridged("side")}}, 1)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		env := hw.NewEnv(zerolog.Nop())
		if err := env.Add("sim", w.Board()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := env.Close(); err != nil {
				t.Error(err)
			}
		}()
		c := lines.MotorConfig{
			Direction: "sim:side/direction", Enable: "sim:side/enable", DeadTime: 50 * time.Millisecond, Pulse: 3 * time.Second,
			Secured: "sim:side/secured", Unsecured: "sim:side/unsecured",
		}
		bolt, err := lines.NewMotor(t.Context(), env, c)
		if err != nil {
			t.Fatal(err)
		}
		lock, err := device.NewLock(device.LockConfig{ID: "side", Traits: c.Traits()}, bolt,
			device.Deps[device.LockState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- lock.Run(ctx) }()
		order := func(action device.Action, then time.Duration) {
			t.Helper()
			_, err := lock.Command(ctx, device.Command{Action: action, Cause: device.Cause{Kind: device.CauseConsole, Actor: "owner"}})
			if err != nil {
				t.Fatal(err)
			}
			pass(then)
		}
		stands := func(bolt device.BoltPosition) {
			t.Helper()
			if s := status(t, w, "side"); lock.State().Bolt != bolt || s.Jammed || s.Energised {
				t.Errorf("%+v, %+v, want %v and no power", lock.State(), s, bolt)
			}
		}
		pass(5 * time.Second)
		stands(device.BoltSecured)
		order(device.ActionUnlock, 10*time.Second)
		stands(device.BoltUnsecured)
		order(device.ActionLock, 10*time.Second)
		stands(device.BoltSecured)
		if err := bolt.Throw(ctx, device.BoltTargetUnsecured); err != nil { // turned round under way, by the driver alone
			t.Fatal(err)
		}
		pass(500 * time.Millisecond)
		if err := bolt.Throw(ctx, device.BoltTargetSecured); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		stands(device.BoltSecured)
		cancel()
		<-ended
	})
}
