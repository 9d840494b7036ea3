package lines_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/lines"
	"github.com/loquet/loquet/hw/sim"
)

// villa is the demo house at its own speed, in a bubble.
func villa(t *testing.T) (*sim.World, *hw.Env) {
	t.Helper()
	w, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	if err := env.Add("sim", w.Board()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	return w, env
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func status(t *testing.T, w *sim.World, id string) sim.Status {
	t.Helper()
	s, err := w.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func garage(t *testing.T, env *hw.Env, p lines.Parts) *lines.Door {
	t.Helper()
	c := lines.OpenerConfig{Relay: "sim:garage/relay", Pulse: 400 * time.Millisecond}
	opener, err := lines.NewOpener(t.Context(), env.For("garage"), c)
	if err != nil {
		t.Fatal(err)
	}
	door, err := lines.NewDoor(t.Context(), env.For("garage"), opener, c.Traits(), p)
	if err != nil {
		t.Fatal(err)
	}
	return door
}

func TestDoorFromEndToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		door := garage(t, env, configs["garage"].parts)
		readings := door.Readings(t.Context())
		next := func(what string, want device.Place, energised device.Tri) {
			t.Helper()
			synctest.Wait()
			r := <-readings
			if r.At != want || r.Energised != energised || r.Fault != "" || r.Obstructed == device.Unknown {
				t.Errorf("%s: %+v", what, r)
			}
			if age := time.Since(r.Taken); age < 0 || age > time.Second {
				t.Errorf("%s: taken %v ago", what, age)
			}
		}
		next("at first", device.PlaceClosed, device.No)
		if err := door.Trigger(t.Context(), device.TargetOpen); err != nil {
			t.Fatal(err)
		}
		next("the relay is on", device.PlaceClosed, device.Yes)
		pass(399 * time.Millisecond)
		next("the door has left", device.PlaceBetween, device.Yes)
		pass(time.Millisecond)
		next("the release", device.PlaceBetween, device.No)
		pass(12 * time.Second)
		next("the other end", device.PlaceOpen, device.No)
		if err := w.Event("garage", sim.Event{Name: sim.Obstruct}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r := <-readings; r.Obstructed != device.Yes {
			t.Errorf("something is in the way: %+v", r)
		}
		if r, err := door.Refresh(t.Context()); err != nil || r.At != device.PlaceOpen || r.Obstructed != device.Yes || r.Energised != device.No || !r.Taken.Equal(time.Now()) {
			t.Errorf("refresh: %+v, %v", r, err)
		}
	})
}

func TestTriggerWhileThePulseIsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		door := garage(t, env, lines.Parts{})
		if err := door.Trigger(t.Context(), device.TargetOpen); err != nil {
			t.Fatal(err)
		}
		pass(200 * time.Millisecond)
		if err := door.Trigger(t.Context(), device.TargetClosed); !errors.Is(err, hw.ErrStillOn) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("error %v, want one that says that nothing was done", err)
		}
		pass(200 * time.Millisecond)
		if s := status(t, w, "garage"); s.Energised || s.Pulses != 1 {
			t.Errorf("%+v, want one pulse of 400 ms", s)
		}
	})
}

// Contacts that disagree are seen as nothing at all.
func TestContactsThatDisagree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, env := villa(t)
		// The open contact is wired the wrong way round: it is active while the door is closed.
		door := garage(t, env, lines.Parts{Closed: "sim:garage/closed", Open: "!sim:garage/open"})
		r := <-door.Readings(t.Context())
		if r.At != device.PlaceUnknown || r.Fault == "" {
			t.Errorf("%+v, want unknown with a fault", r)
		}
		if r, err := door.Refresh(t.Context()); err != nil || r.At != device.PlaceUnknown || r.Fault == "" {
			t.Errorf("refresh: %+v, %v", r, err)
		}
	})
}

func TestWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, steady := range []bool{false, true} {
			w, env := villa(t)
			parts := configs["garage"].parts
			parts.Steady = steady
			door := garage(t, env, parts)
			warn := func(on bool) {
				t.Helper()
				if err := door.Warn(t.Context(), on); err != nil {
					t.Fatal(err)
				}
			}
			warn(true)
			if s := status(t, w, "garage"); !s.Lamp.On || !s.Beeper.On {
				t.Fatalf("steady %v: it returns before light and sound are on", steady)
			}
			pass(3 * time.Second)
			warn(true) // again is no new beginning
			pass(3*time.Second - time.Millisecond)
			s := status(t, w, "garage")
			if s.Lamp.Lasts < 5999*time.Millisecond || s.Beeper.Lasts < 5999*time.Millisecond {
				t.Errorf("steady %v: it lasts %v and %v, want 6 s", steady, s.Lamp.Lasts, s.Beeper.Lasts)
			}
			if flashes := s.Lamp.Edges; steady && flashes != 1 || !steady && flashes != 6 {
				t.Errorf("steady %v: %d flashes in 6 s", steady, flashes)
			}
			warn(false)
			warn(false)
			if s := status(t, w, "garage"); s.Lamp.On || s.Beeper.On {
				t.Errorf("steady %v: it is on after the end", steady)
			}
			pass(time.Minute)
			if after := status(t, w, "garage"); after.Lamp.Edges != s.Lamp.Edges || after.Pulses != 0 {
				t.Errorf("steady %v: it goes on: %+v", steady, after)
			}
		}
	})
}

func TestWarningThatCannotBeReliedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, env := villa(t)
		half := garage(t, env, lines.Parts{Light: "sim:garage/lamp"})
		if err := half.Warn(t.Context(), true); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("a light alone: error %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w, err := sim.New(sim.DemoHouse(), 1)
		if err != nil {
			t.Fatal(err)
		}
		board := w.Board()
		env := hw.NewEnv(zerolog.Nop())
		if err := env.Add("sim", board); err != nil {
			t.Fatal(err)
		}
		door := garage(t, env, configs["garage"].parts)
		readings := door.Readings(t.Context())
		if err := door.Warn(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		<-readings
		board.Abandon() // the lamp does not answer from here on
		pass(2 * time.Second)
		for r := range readings {
			if r.Fault != "" {
				break
			}
		}
		if err := door.Warn(t.Context(), true); err == nil {
			t.Error("a warning that nobody hears begins")
		}
		_ = env.Close() // it cannot reach the lamp either
		w.Close()
	})
}

func TestIdentify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		door := garage(t, env, configs["garage"].parts)
		if err := door.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		s := status(t, w, "garage")
		if s.Lamp.Edges != 1 || s.Lamp.Total != time.Second || s.Beeper.Edges != 1 || s.Lamp.On || s.Pulses != 0 {
			t.Errorf("%+v, want one flash and one beep of a second", s)
		}
		if err := door.Warn(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		if err := door.Identify(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(10 * time.Second)
		if s := status(t, w, "garage"); s.Lamp.Lasts < 9*time.Second {
			t.Errorf("the warning ends after %v because somebody looked for the door", s.Lamp.Lasts)
		}
		if err := door.Warn(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	})
}

// Two directions are never on together: an opener would do neither, a motor would burn.
func TestDirectionsExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		gate, err := lines.NewOpener(t.Context(), env.For("gate"), lines.OpenerConfig{
			OpenRelay: "sim:gate/open-relay", CloseRelay: "sim:gate/close-relay", StopRelay: "sim:gate/stop-relay", Pulse: 400 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		both := outputsOn(t, w, "gate", "open-relay", "close-relay", "stop-relay")
		for _, order := range []func(context.Context) error{
			func(ctx context.Context) error { return gate.Trigger(ctx, device.TargetOpen) },
			func(ctx context.Context) error { return gate.Trigger(ctx, device.TargetClosed) },
			func(ctx context.Context) error { return gate.Stop(ctx) },
			func(ctx context.Context) error { return gate.Trigger(ctx, device.TargetOpen) },
		} {
			if err := order(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := both(); n != 1 {
				t.Errorf("%d relays are on", n)
			}
			pass(100 * time.Millisecond)
		}
		pass(time.Second)
		if s := status(t, w, "gate"); s.Energised || s.Pulses != 4 {
			t.Errorf("%+v, want four pulses that are over", s)
		}
	})
}

// outputsOn counts the relays of a device that are energised.
func outputsOn(t *testing.T, w *sim.World, id string, relays ...string) func() int {
	return func() int {
		n := 0
		for _, name := range relays {
			on, err := w.Energised(id + "/" + name)
			if err != nil {
				t.Fatal(err)
			}
			if on {
				n++
			}
		}
		return n
	}
}

func TestMotorDirectionsExcludeEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		motor, err := lines.NewMotor(t.Context(), env.For("front"), lines.MotorConfig{
			SecureRelay: "sim:front/secure", UnsecureRelay: "sim:front/unsecure", Pulse: 5 * time.Second, Secured: "sim:front/secured",
		})
		if err != nil {
			t.Fatal(err)
		}
		lock, err := lines.NewLock(t.Context(), env.For("front"), motor, lines.BoltParts{Door: "sim:front/door"})
		if err != nil {
			t.Fatal(err)
		}
		on := outputsOn(t, w, "front", "secure", "unsecure")
		for _, target := range []device.BoltTarget{device.BoltTargetUnsecured, device.BoltTargetSecured, device.BoltTargetUnsecured} {
			if err := lock.Throw(t.Context(), target); err != nil {
				t.Fatal(err)
			}
			if n := on(); n != 1 {
				t.Errorf("%d relays are on", n)
			}
			pass(2 * time.Second)
		}
		r, err := lock.RefreshBolt(t.Context())
		if err != nil || r.Bolt != device.BoltUnsecured || r.DoorOpen != device.No || r.Energised != device.Yes {
			t.Errorf("%+v, %v", r, err)
		}
		pass(10 * time.Second)
		if r := <-lock.Readings(t.Context()); r.Energised != device.No || r.Bolt != device.BoltUnsecured || r.DoorOpen != device.No {
			t.Errorf("after the release: %+v", r)
		}
	})
}

func TestStrikeIsHeldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		strike, err := lines.NewStrike(t.Context(), env.For("studio"), lines.StrikeConfig{Relay: "sim:studio/relay", Hold: 5 * time.Second, Cap: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := strike.Throw(t.Context(), device.BoltTargetUnsecured); err != nil {
				t.Errorf("a repeat: %v", err)
			}
			if r, err := strike.RefreshBolt(t.Context()); err != nil || r.Bolt != device.BoltUnsecured || r.Energised != device.Yes {
				t.Errorf("released: %+v, %v", r, err)
			}
			pass(1600 * time.Millisecond)
		}
		pass(200 * time.Millisecond)
		if s := status(t, w, "studio"); s.Energised || s.Pulses != 1 {
			t.Errorf("%+v, want one release of five seconds", s)
		}
		if r := <-strike.Readings(t.Context()); r.Bolt != device.BoltSecured || r.Energised != device.No {
			t.Errorf("secured: %+v", r)
		}
		if err := errors.Join(strike.Throw(t.Context(), device.BoltTargetUnsecured), strike.Throw(t.Context(), device.BoltTargetSecured)); err != nil {
			t.Fatal(err)
		}
		if s := status(t, w, "studio"); s.Energised {
			t.Error("locking does not end the release")
		}
	})
}

func TestSensor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		s, err := lines.NewSensor(t.Context(), env.For("side"), lines.SensorConfig{Contact: "sim:studio/door"})
		if err != nil {
			t.Fatal(err)
		}
		readings := s.Readings(t.Context())
		if r := <-readings; r.Open != device.No {
			t.Errorf("%+v, want closed", r)
		}
		for _, event := range []string{sim.WallButton, sim.DoorOpen} {
			if err := w.Event("studio", sim.Event{Name: event}); err != nil {
				t.Fatal(err)
			}
		}
		pass(time.Second)
		if r := <-readings; r.Open != device.Yes {
			t.Errorf("%+v, want open", r)
		}
	})
}

// A motor is switched off when its bolt is at the end of the way, not at the end of its pulse; a jammed one
// when its pulse is over.
func TestMotorStopsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, env := villa(t)
		const pulse = 8 * time.Second
		motor, err := lines.NewMotor(t.Context(), env.For("front"), lines.MotorConfig{
			SecureRelay: "sim:front/secure", UnsecureRelay: "sim:front/unsecure", Pulse: pulse, Secured: "sim:front/secured", Unsecured: "sim:front/unsecured",
		})
		if err != nil {
			t.Fatal(err)
		}
		on := outputsOn(t, w, "front", "secure", "unsecure")
		for _, target := range []device.BoltTarget{device.BoltTargetUnsecured, device.BoltTargetSecured} {
			if err := motor.Throw(t.Context(), target); err != nil {
				t.Fatal(err)
			}
			if on() != 1 {
				t.Fatal("it does not run")
			}
			pass(pulse / 2)
			if on() != 0 {
				t.Errorf("%v: it pushes against the end", target)
			}
			pass(pulse)
		}
		if err := w.Event("front", sim.Event{Name: sim.Jam}); err != nil {
			t.Fatal(err)
		}
		if err := motor.Throw(t.Context(), device.BoltTargetUnsecured); err != nil {
			t.Fatal(err)
		}
		pass(pulse / 2)
		if on() != 1 {
			t.Error("a jammed bolt is given up before its time")
		}
		pass(pulse)
		if on() != 0 {
			t.Error("a jammed bolt is pushed for ever")
		}
	})
}
