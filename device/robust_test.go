package device_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
)

// wild is an opener that panics where the test says so.
type wild struct {
	*devicetest.Opener
	trigger, readings, refresh bool
}

func (w *wild) Trigger(ctx context.Context, t device.Target) error {
	if w.trigger {
		panic("trigger")
	}
	return w.Opener.Trigger(ctx, t)
}

func (w *wild) Readings(ctx context.Context) <-chan device.Reading {
	if w.readings {
		w.readings = false
		panic("readings")
	}
	return w.Opener.Readings(ctx)
}

func (w *wild) Refresh(ctx context.Context) (device.Reading, error) {
	if w.refresh {
		panic("refresh")
	}
	return w.Opener.Refresh(ctx)
}

func TestPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wild{Opener: &devicetest.Opener{ID: "garage", Traits: twoContacts()}, trigger: true, readings: true, refresh: true}
		w.Put(device.PlaceClosed)
		j := &devicetest.Journal{}
		door, err := device.NewDoor(garage(), w, device.Deps[device.DoorState]{Journal: j, Memory: &devicetest.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { door.Run(ctx) })
		time.Sleep(time.Second)
		if s := door.State(); !s.Available || s.Position != device.PositionClosed {
			t.Fatalf("%+v", s)
		}
		_, err = door.Command(ctx, device.Command{Action: device.ActionOpen, Cause: by("a")})
		code(t, err, device.RefusedUnsure) // a panic may have come after the relay
		time.Sleep(10 * time.Second)
		_, err = door.Command(ctx, device.Command{Action: device.ActionClose, Cause: by("b")})
		code(t, err, device.RefusedStale)
		cancel()
		wg.Wait()
	})
}

func TestBeforeAndAfterRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &devicetest.Opener{ID: "garage", Traits: twoContacts()}
		o.Put(device.PlaceClosed)
		door, err := device.NewDoor(garage(), o, device.Deps[device.DoorState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}})
		if err != nil {
			t.Fatal(err)
		}
		if s := door.State(); s != (device.DoorState{}) {
			t.Errorf("a door that nobody has heard from is %+v", s)
		}
		c := device.Command{Action: device.ActionOpen, Cause: by("a")}
		_, err = door.Command(t.Context(), c)
		code(t, err, device.RefusedUnavailable)
		for range 2 { // it may run again
			ctx, cancel := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			wg.Go(func() {
				if err := door.Run(ctx); !errors.Is(err, context.Canceled) {
					t.Error(err)
				}
			})
			synctest.Wait()
			if err := door.Run(ctx); err == nil {
				t.Error("it ran twice at once")
			}
			time.Sleep(time.Second)
			if s := door.State(); s.Position != device.PositionClosed {
				t.Errorf("%+v", s)
			}
			wg.Go(func() { // waits for the contact when the door stops
				o.Change(func(r *device.Reading) { r.At = device.PlaceBetween })
				door.Command(context.Background(), c)
			})
			synctest.Wait()
			cancel()
			wg.Wait()
			o.Put(device.PlaceClosed)
		}
		_, err = door.Command(t.Context(), c)
		code(t, err, device.RefusedUnavailable)
		if n := len(o.Triggers()); n != 0 {
			t.Errorf("%d pulses", n)
		}
	})
}

func TestAskerGoesAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		b.opener.Change(func(r *device.Reading) { r.At = device.PlaceBetween })
		b.opener.Change(func(r *device.Reading) { r.At = device.PlaceClosed })
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		_, err := b.door.Command(ctx, device.Command{Action: device.ActionOpen, Cause: by("a")})
		code(t, err, device.RefusedExpired)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.Sleep(10 * time.Second)
		b.pulses(0)
		b.stop()
	})
}

func TestPublishedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceClosed)
		b.do(device.ActionOpen, by("a"))
		time.Sleep(20 * time.Second)
		b.stop()
		want := []device.Position{device.PositionClosed, device.PositionOpening, device.PositionOpen}
		var got []device.Position
		for _, s := range b.states {
			if s.Position != device.PositionUnknown && (len(got) == 0 || got[len(got)-1] != s.Position) {
				got = append(got, s.Position)
			}
			if s.Position == device.PositionOpening && (s.Target != device.TargetOpen || s.Cause != by("a")) {
				t.Errorf("%+v", s)
			}
		}
		if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
			t.Errorf("published %v, want %v", got, want)
		}
	})
}

func TestConfigurations(t *testing.T) {
	deps := device.Deps[device.DoorState]{Journal: &devicetest.Journal{}, Memory: &devicetest.Memory{}}
	for name, change := range map[string]func(*device.DoorConfig){
		"no id":             func(c *device.DoorConfig) { c.ID = "" },
		"no drive":          func(c *device.DoorConfig) { c.Traits.Drive = device.DriveUnknown },
		"no closed contact": func(c *device.DoorConfig) { c.Traits.SensesClosed = false },
		"negative travel":   func(c *device.DoorConfig) { c.Travel = -time.Second },
	} {
		cfg := garage()
		change(&cfg)
		if _, err := device.NewDoor(cfg, &devicetest.Opener{}, deps); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := device.NewDoor(garage(), nil, deps); err == nil {
		t.Error("no opener: no error")
	}
	if _, err := device.NewDoor(garage(), &devicetest.Opener{}, device.Deps[device.DoorState]{}); err == nil {
		t.Error("no journal: no error")
	}
}

func TestWarningIsNeverShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := garage()
		cfg.WarnTime = time.Second
		b := newBench(t, cfg, device.PlaceOpen)
		b.do(device.ActionClose, by("a"))
		time.Sleep(4990 * time.Millisecond)
		b.pulses(0)
		time.Sleep(20 * time.Millisecond)
		b.pulses(1)
		b.stop()
	})
}

func TestWarningThatCannotBeGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, garage(), device.PlaceOpen)
		b.opener.Fail(errors.New("the lamp is dead"))
		_, err := b.do(device.ActionClose, by("a"))
		code(t, err, device.RefusedDriver)
		time.Sleep(time.Minute)
		b.pulses(0)
		b.position(device.PositionOpen, device.TargetOpen)
		b.rows("warning", "outcome aborted")
		b.stop()
	})
}
