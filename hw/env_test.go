package hw_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/sim"
)

// house is an Env with the demo house as its board "sim".
func house(t *testing.T) (*hw.Env, *sim.World) {
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
	return env, w
}

var momentary = hw.OutputOptions{Cap: time.Second}

func wantOpError(t *testing.T, err error, device string, words ...string) {
	t.Helper()
	var op *hw.OpError
	if !errors.As(err, &op) {
		t.Fatalf("error %v is no OpError", err)
	}
	if op.Device != device || op.Hint == "" || !strings.HasPrefix(err.Error(), device+": ") {
		t.Errorf("error %q names device %q and remedy %q, want %q and one", err, op.Device, op.Hint, device)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q says nothing of %q", err, word)
		}
	}
}

func TestAnOutputIsLentOnce(t *testing.T) {
	env, _ := house(t)
	garage, gate := env.For("garage"), env.For("gate")
	if _, err := garage.Output(t.Context(), "sim:garage/relay", momentary); err != nil {
		t.Fatal(err)
	}
	_, err := gate.Output(t.Context(), "!sim:garage/relay", momentary)
	if !errors.Is(err, hw.ErrInUse) {
		t.Errorf("error %v, want in use", err)
	}
	wantOpError(t, err, "gate", "used by garage")
	if err := garage.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := gate.Output(t.Context(), "sim:garage/relay", momentary); err != nil {
		t.Errorf("after it was given back: %v", err)
	}
	if _, err := garage.Output(t.Context(), "sim:gate/open-relay", momentary); !errors.Is(err, hw.ErrClosed) {
		t.Errorf("a device that gave everything back borrows again: %v", err)
	}
}

func TestInputsAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, w := house(t)
		a, b := env.For("a"), env.For("b")
		plain, err := a.Input(t.Context(), "sim:garage/obstructed")
		if err != nil {
			t.Fatal(err)
		}
		flipped, err := b.Input(t.Context(), "!sim:garage/obstructed")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		p, f := plain.Watch(ctx), flipped.Watch(ctx)
		if (<-p).Active || !(<-f).Active {
			t.Error("nothing is in the way: want false, and true for !")
		}
		if err := w.Event("garage", sim.Event{Name: sim.Obstruct}); err != nil {
			t.Fatal(err)
		}
		if !(<-p).Active || (<-f).Active {
			t.Error("something is in the way: want true, and false for !")
		}
		if level, err := flipped.Read(ctx); err != nil || level.Active {
			t.Errorf("read %+v, %v", level, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := plain.Read(ctx); err == nil {
			t.Error("an input that was given back is read")
		}
		if level, err := flipped.Read(ctx); err != nil || level.Active {
			t.Errorf("the other one stopped reading: %+v, %v", level, err)
		}
	})
}

func TestWrongRequests(t *testing.T) {
	env, _ := house(t)
	dev := env.For("dev")
	if _, err := dev.Input(t.Context(), "sim:garage/closed"); err != nil {
		t.Fatal(err)
	}
	output := func(ref hw.Ref) error { _, err := dev.Output(t.Context(), ref, momentary); return err }
	input := func(ref hw.Ref) error { _, err := dev.Input(t.Context(), ref); return err }
	if err := output("sim:gate/open-relay"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		err   error
		is    error
		words string
	}{
		{output("17"), hw.ErrRef, "names no board"},
		{output("gpoi:17"), hw.ErrNoLine, `no board "gpoi", have [sim]`},
		{output("sim:garage/rely"), hw.ErrNoLine, "garage/rely"},
		{output("sim:garage/open"), hw.ErrNoLine, "the other way round"},
		{input("sim:garage/relay"), hw.ErrNoLine, "the other way round"},
		{input("sim:gate/open-relay"), hw.ErrInUse, "output of dev"},
		{output("sim:garage/closed"), hw.ErrInUse, "reads it as an input"},
	} {
		if !errors.Is(tt.err, tt.is) {
			t.Errorf("error %v, want %v", tt.err, tt.is)
			continue
		}
		wantOpError(t, tt.err, "dev", tt.words)
	}
	if err := env.Add("sim", nil); err == nil {
		t.Error("two boards have one name")
	}
}

func TestCloseLeavesEveryOutputAtRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, w := house(t)
		lamp, err := env.For("garage").Output(t.Context(), "sim:garage/lamp", hw.OutputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		strike, err := env.For("studio").Output(t.Context(), "sim:studio/relay", hw.OutputOptions{Cap: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(lamp.Set(t.Context(), true, 0), strike.Set(t.Context(), true, 5*time.Second)); err != nil {
			t.Fatal(err)
		}
		if err := env.Close(); err != nil {
			t.Fatal(err)
		}
		studio, _ := w.Status("studio")
		garage, _ := w.Status("garage")
		if studio.Energised || garage.Lamp.On {
			t.Errorf("after Close: strike %v, lamp %v", studio.Energised, garage.Lamp.On)
		}
		wantOpError(t, strike.Set(t.Context(), true, time.Second), "studio", "closed")
	})
}

func TestBusesAreShared(t *testing.T) {
	env, _ := house(t)
	opened, closed := 0, 0
	open := func(context.Context) (*int, func() error, error) {
		opened++
		return &opened, func() error { closed++; return nil }, nil
	}
	a, b := env.For("a"), env.For("b")
	for _, e := range []*hw.Env{a, b, b} {
		if v, err := hw.Share(t.Context(), e, "serial:/dev/ttyUSB0", open); err != nil || v != &opened {
			t.Fatalf("%v, %v", v, err)
		}
	}
	if err := b.Close(); err != nil || closed != 0 {
		t.Errorf("closed %d times while a uses it: %v", closed, err)
	}
	if err := a.Close(); err != nil || opened != 1 || closed != 1 {
		t.Errorf("opened %d and closed %d times: %v", opened, closed, err)
	}
	_, err := hw.Share(t.Context(), env.For("c"), "serial:/dev/ttyUSB1", func(context.Context) (int, func() error, error) {
		return 0, nil, errors.New("no such port")
	})
	wantOpError(t, err, "c", "no such port")
}
