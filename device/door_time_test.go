package device_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

func TestAutoClose(t *testing.T) {
	cfg := garage()
	cfg.AutoClose = device.AutoClose{After: time.Minute, Outside: true}
	inside := cfg
	inside.AutoClose.Outside = false
	bubble(t, "from an opening by hand, for its full time after the start", func(t *testing.T) {
		b := newBench(t, cfg, device.PlaceOpen)
		time.Sleep(59 * time.Second)
		b.pulses(0)
		time.Sleep(time.Second)
		if !b.door.State().Warning {
			t.Error("no warning")
		}
		time.Sleep(20 * time.Second)
		b.pulses(1)
		b.position(device.PositionClosed, device.TargetClosed)
		if s := b.door.State(); s.Cause.Kind != device.CauseAutoClose {
			t.Errorf("cause %v", s.Cause.Kind)
		}
		b.stop()
	})
	bubble(t, "outside openings are left alone", func(t *testing.T) {
		b := newBench(t, inside, device.PlaceOpen)
		time.Sleep(10 * time.Minute)
		b.pulses(0)
		b.opener.Put(device.PlaceClosed)
		time.Sleep(time.Second)
		b.do(device.ActionOpen, by("a"))
		time.Sleep(3 * time.Minute)
		b.pulses(2)
		b.position(device.PositionClosed, device.TargetClosed)
		b.stop()
	})
	bubble(t, "never from half-way", func(t *testing.T) {
		b := newBench(t, cfg, device.PlaceBetween)
		time.Sleep(10 * time.Minute)
		b.pulses(0)
		b.stop()
	})
	bubble(t, "an obstructed one waits and is given up after two", func(t *testing.T) {
		b := newBench(t, cfg, device.PlaceOpen)
		for range 2 {
			time.Sleep(61 * time.Second)
			b.opener.Change(func(r *device.Reading) { r.Obstructed = device.Yes })
			time.Sleep(time.Second)
			b.opener.Change(func(r *device.Reading) { r.Obstructed = device.No })
		}
		time.Sleep(10 * time.Minute)
		b.pulses(0)
		if !b.door.State().Suspended {
			t.Error("not suspended")
		}
		b.stop()
	})
}

func TestMantrap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := device.NewInterlock()
		first, second := garage(), garage()
		first.ID, second.ID = "first", "second"
		first.Interlock, second.Interlock = lock, lock
		a, b := newBench(t, first, device.PlaceClosed), newBench(t, second, device.PlaceClosed)
		ans, err := a.do(device.ActionOpen, by("a"))
		accepted(t, ans, err)
		_, err = b.do(device.ActionOpen, by("a"))
		code(t, err, device.RefusedInterlock)
		time.Sleep(30 * time.Second)
		_, err = b.do(device.ActionOpen, by("a"))
		code(t, err, device.RefusedInterlock)
		b.pulses(0)
		a.opener.Put(device.PlaceClosed)
		time.Sleep(time.Second)
		ans, err = b.do(device.ActionOpen, by("a"))
		accepted(t, ans, err)
		_, err = a.do(device.ActionOpen, by("a"))
		code(t, err, device.RefusedInterlock)
		ans, err = a.confirm(device.ActionOpen, by("a"))
		accepted(t, ans, err)
		a.stop()
		b.stop()
	})
}

// A person's confirmation frees the token of a mantrap when a door opens because of it, and not before: one
// that could not be written down has changed nothing.
func TestMantrapIsNotFreedByWhatFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := garage(), garage()
		first.ID, second.ID = "first", "second"
		first.Interlock = device.NewInterlock()
		second.Interlock = first.Interlock
		a, b := newBench(t, first, device.PlaceOpen), newBench(t, second, device.PlaceClosed)
		b.journal.Fail(errors.New("the disk is full"))
		_, err := b.confirm(device.ActionOpen, by("a"))
		code(t, err, device.RefusedJournal)
		b.journal.Fail(nil)
		b.opener.Fail(device.ErrUnavailable)
		_, err = b.confirm(device.ActionOpen, by("b"))
		code(t, err, device.RefusedDriver)
		b.opener.Fail(nil)
		time.Sleep(time.Minute)
		_, err = b.do(device.ActionOpen, by("c"))
		code(t, err, device.RefusedInterlock)
		a.stop()
		b.stop()
	})
}

func TestLearnsTravel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := garage()
		cfg.Travel = 0
		b := newBench(t, cfg, device.PlaceClosed)
		b.do(device.ActionOpen, by("a"))
		time.Sleep(20 * time.Second)
		b.stop()
		got, err := b.memory.Recall(context.Background(), "garage")
		if err != nil || len(got.Opens) != 1 || got.Opens[0] < 11*time.Second || got.Opens[0] > 13*time.Second {
			t.Fatalf("%+v, %v", got, err)
		}
	})
}
