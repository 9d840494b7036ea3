package hwtest

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// OpenerRig is an opener with the device behind it.
type OpenerRig struct {
	Peer
	Opener device.Opener
	Traits device.DoorTraits

	// Move puts the door there as a person would. Nil where the driver senses nothing.
	Move func(device.Place)
}

// TestOpener runs the suite on an opener. rig makes a new one, at rest; its door stands closed.
func TestOpener(t *testing.T, rig func(t *testing.T) OpenerRig) {
	testPeer(t, func(t *testing.T) subject {
		r := rig(t)
		return subject{
			Peer:  r.Peer,
			order: func(ctx context.Context) error { return r.Opener.Trigger(ctx, device.TargetOpen) },
			watch: func(ctx context.Context) <-chan sight {
				return see(ctx, r.Opener.Readings(ctx), func(x device.Reading) sight {
					return sight{energised: x.Energised, taken: x.Taken, at: int(x.At), fault: x.Fault}
				})
			},
		}
	})
	t.Run("an order needs a target", func(t *testing.T) {
		r := open(t, rig(t), func(r OpenerRig) Peer { return r.Peer })
		if err := r.Opener.Trigger(t.Context(), device.TargetUnknown); err == nil || r.Clicks() != 0 {
			t.Errorf("no target: error %v, %d clicks", err, r.Clicks())
		}
	})
	t.Run("capabilities are what the traits say", func(t *testing.T) {
		r := open(t, rig(t), func(r OpenerRig) Peer { return r.Peer })
		if s, ok := r.Opener.(device.Stopper); r.Traits.Stops && !ok || ok && !r.Traits.Stops && s.Stop(t.Context()) == nil {
			t.Error("stop")
		}
		if w, ok := r.Opener.(device.Warner); r.Traits.Warns && !ok || ok && !r.Traits.Warns && w.Warn(t.Context(), true) == nil {
			t.Error("warning")
		}
		if _, ok := r.Opener.(device.Refresher); r.Traits.Refreshes && !ok {
			t.Error("refresh")
		}
		if r.Clicks() != 0 {
			t.Errorf("%d clicks", r.Clicks())
		}
	})
	t.Run("places are seen", func(t *testing.T) {
		r := open(t, rig(t), func(r OpenerRig) Peer { return r.Peer })
		if r.Move == nil {
			return // the driver senses nothing
		}
		for _, at := range []device.Place{device.PlaceClosed, device.PlaceBetween, device.PlaceOpen, device.PlaceBetween, device.PlaceClosed} {
			want := at
			if at == device.PlaceOpen && !r.Traits.SensesOpen || at == device.PlaceClosed && !r.Traits.SensesClosed {
				want = device.PlaceBetween
			}
			r.Move(at)
			seen(t, r.Opener.Readings, func(x device.Reading) bool { return x.At == want })
			fresh(t, r, want)
		}
		if r.Clicks() != 0 {
			t.Errorf("%d clicks", r.Clicks())
		}
	})
}

func fresh(t *testing.T, r OpenerRig, want device.Place) {
	t.Helper()
	if !r.Traits.Refreshes {
		return
	}
	before := time.Now()
	x, err := r.Opener.(device.Refresher).Refresh(t.Context())
	if err != nil || x.At != want || x.Taken.Before(before) {
		t.Errorf("refresh: %+v, %v, want %v taken after %v", x, err, want, before)
	}
}

// BoltRig is a bolt with the lock behind it.
type BoltRig struct {
	Peer
	Bolt   device.Bolt
	Traits device.BoltTraits
	Target device.BoltTarget // the order that takes an output from rest

	// Move puts the bolt there as a person would. Nil where the driver senses nothing.
	Move func(device.BoltPosition)
}

// TestBolt runs the suite on a bolt. rig makes a new one, at rest.
func TestBolt(t *testing.T, rig func(t *testing.T) BoltRig) {
	testPeer(t, func(t *testing.T) subject {
		r := rig(t)
		return subject{
			Peer:  r.Peer,
			order: func(ctx context.Context) error { return r.Bolt.Throw(ctx, r.Target) },
			watch: func(ctx context.Context) <-chan sight {
				return see(ctx, r.Bolt.Readings(ctx), func(x device.LockReading) sight {
					energised := x.Energised
					if r.Maintained {
						energised = device.Unknown // on may be its rest level
					}
					return sight{energised: energised, taken: x.Taken, at: int(x.Bolt), fault: x.Fault}
				})
			},
		}
	})
	t.Run("an order needs a target", func(t *testing.T) {
		r := open(t, rig(t), func(r BoltRig) Peer { return r.Peer })
		if err := r.Bolt.Throw(t.Context(), device.BoltTargetUnknown); err == nil || r.Clicks() != 0 {
			t.Errorf("no target: error %v, %d clicks", err, r.Clicks())
		}
	})
	t.Run("positions are seen", func(t *testing.T) {
		r := open(t, rig(t), func(r BoltRig) Peer { return r.Peer })
		if r.Move == nil {
			return // the driver senses nothing
		}
		for _, at := range []device.BoltPosition{device.BoltUnsecured, device.BoltSecured} {
			r.Move(at)
			seen(t, r.Bolt.Readings, func(x device.LockReading) bool { return x.Bolt == at })
			if b, ok := r.Bolt.(device.BoltRefresher); ok {
				before := time.Now()
				if x, err := b.RefreshBolt(t.Context()); err != nil || x.Bolt != at || x.Taken.Before(before) {
					t.Errorf("refresh: %+v, %v, want %v taken after %v", x, err, at, before)
				}
			}
		}
		if r.Clicks() != 0 {
			t.Errorf("%d clicks", r.Clicks())
		}
	})
}

// open closes the rig at the end of the test.
func open[R any](t *testing.T, r R, peer func(R) Peer) R {
	t.Cleanup(func() {
		if err := peer(r).Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

// seen waits for a reading.
func seen[X any](t *testing.T, readings func(context.Context) <-chan X, ok func(X) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last X
	for last = range readings(ctx) {
		if ok(last) {
			return
		}
	}
	t.Fatalf("the last reading is %+v", last)
}

// see passes readings on as they come: a reader that is slow there is slow here.
func see[X any](ctx context.Context, in <-chan X, what func(X) sight) <-chan sight {
	out := make(chan sight)
	go func() {
		defer close(out)
		for x := range in {
			select {
			case out <- what(x):
			case <-ctx.Done():
				return
			}
		}
	}()
	return out
}
