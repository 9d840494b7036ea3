package hwtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// patience is how long the suites wait for what must happen. It is long because machines are busy: a
// test that passes never waits for it.
const patience = 10 * time.Second

// Peer is the device behind a driver, as a test sees and troubles it.
type Peer struct {
	Device    string      // the id in errors
	Clicks    func() int  // how often an output went from rest, counted by the device
	Energised func() bool // whether an output is away from rest, seen by the device

	// Close takes the driver down, as the bridge does when it stops. The suite calls it at the end.
	Close func() error

	// A driver with a connection has a Wire; all others leave it nil.
	Wire *Wire

	// Maintained says that an output stays as it is told, without an end.
	Maintained bool
}

// subject is a driver, whatever its device: order gives one order, watch tells what comes of it.
type subject struct {
	Peer
	order func(context.Context) error
	watch func(context.Context) <-chan sight
}

// sight is what all readings have.
type sight struct {
	energised device.Tri
	taken     time.Time
	at        int // a device.Place or device.BoltPosition
	fault     string
}

func testPeer(t *testing.T, rig func(t *testing.T) subject) {
	run := func(name string, f func(t *testing.T, s subject)) {
		t.Run(name, func(t *testing.T) {
			s := rig(t)
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f(t, s)
		})
	}
	run("nothing moves at open and close", nothingMoves)
	run("the first reading comes on subscription", firstReading)
	run("readings end with their context", readingsEnd)
	run("an order is one click, and its release a reading", oneClick)
	run("a slow reader gets the newest", slowReader)
	run("cancelled is not sent", cancelled)
	run("at rest after close", restAfterClose)
	if probe := open(t, rig(t), func(s subject) Peer { return s.Peer }); probe.Wire == nil {
		return // no connection that could break
	}
	run("connecting again moves nothing", reconnect)
	run("a lost answer is one click, and unsure", lostAnswer)
	run("a late answer is one click, and unsure", lateAnswer)
}

func nothingMoves(t *testing.T, s subject) {
	s.until(t, "a first reading", func(sight) bool { return true })
	s.still(t, 0)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.still(t, 0)
}

func firstReading(t *testing.T, s subject) {
	for range 3 {
		before := time.Now()
		got := s.until(t, "a first reading", func(sight) bool { return true })
		if got.energised == device.Yes {
			t.Error("it is energised before anybody asked for anything")
		}
		if got.taken.IsZero() || got.taken.Before(before.Add(-patience)) || got.taken.After(time.Now()) {
			t.Errorf("the first reading was taken at %v, subscribed at %v", got.taken, before)
		}
	}
}

func readingsEnd(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	ch := s.watch(ctx)
	cancel()
	drain(t, ch)
}

func oneClick(t *testing.T, s subject) {
	for i := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		ch := s.watch(ctx)
		<-ch
		s.send(t)
		if got := s.Clicks(); got != i+1 {
			t.Fatalf("order %d: %d clicks", i+1, got)
		}
		if s.Maintained {
			cancel()
			return
		}
		s.released(t, ch)
		cancel()
		s.still(t, i+1)
	}
}

func slowReader(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	slow, quick := s.watch(ctx), s.watch(ctx)
	<-quick
	s.send(t)
	if s.Maintained {
		return
	}
	newest := s.released(t, quick)
	// What lies in the slow reader's channel may be on its way out, and the bolt may go on moving: in the end both have
	// seen the same.
	var late sight
	deadline := time.After(patience)
	for {
		ok := true
		select {
		case late, ok = <-slow:
		case newest, ok = <-quick:
		case <-deadline:
			t.Fatalf("the slow reader never gets the newest, %+v: it has %+v", newest, late)
		}
		if !ok {
			t.Fatal("a reader's channel is closed")
		}
		if late.energised == newest.energised && late.at == newest.at {
			return
		}
	}
}

func cancelled(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.order(ctx)
	s.complains(t, err)
	if !errors.Is(err, context.Canceled) || errors.Is(err, device.ErrUnsure) {
		t.Errorf("error %v, want canceled, and nothing unsure about it", err)
	}
	ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := s.order(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v, want deadline exceeded", err)
	}
	s.still(t, 0)
}

func restAfterClose(t *testing.T, s subject) {
	s.until(t, "a first reading", func(sight) bool { return true })
	s.send(t)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.still(t, 1)
	if err := s.order(t.Context()); err == nil {
		t.Error("an order after Close is accepted")
	} else {
		s.complains(t, err)
	}
	s.still(t, 1)
}

func reconnect(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ch := s.watch(ctx)
	<-ch
	s.Wire.Cut()
	drain(t, ch)
	err := s.order(t.Context())
	s.complains(t, err)
	if !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
		t.Errorf("error %v, want unavailable", err)
	}
	s.Wire.Heal()
	s.until(t, "a reading once it is back", func(sight) bool { return true })
	s.still(t, 0)
	s.send(t)
	if got := s.Clicks(); got != 1 {
		t.Errorf("an order after it is back: %d clicks", got)
	}
}

func lostAnswer(t *testing.T, s subject) {
	s.until(t, "a first reading", func(sight) bool { return true })
	clicks, lost := 0, false
	for range 5 {
		s.Wire.Lose()
		err := s.order(t.Context())
		s.Wire.Heal()
		switch {
		case err == nil && !s.Maintained: // the answer to another question was lost, over a connection of its own
			clicks++
		default:
			s.complains(t, err)
			if !errors.Is(err, device.ErrUnsure) {
				t.Errorf("error %v, want unsure", err)
			}
		}
		s.until(t, "a reading at rest once it is back", func(got sight) bool { return s.Maintained || got.energised != device.Yes })
		if lost = err != nil && s.Clicks() != clicks; lost {
			break
		} // else the answer to an earlier question ended the connection, and the order never came: it is as unsure
	}
	if got := s.Clicks(); got != clicks+1 || !lost {
		t.Errorf("%d clicks, want the one that was sent after %d; its answer was lost: %v", got, clicks, lost)
	}
	// A maintained output may not be back yet: then Close cannot bring it to rest, and has to say so.
	if err := s.Close(); err != nil {
		s.complains(t, err)
	}
}

func lateAnswer(t *testing.T, s subject) {
	s.until(t, "a first reading", func(sight) bool { return true })
	s.Wire.Stall()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := s.order(ctx)
	s.complains(t, err)
	if !errors.Is(err, device.ErrUnsure) {
		t.Errorf("error %v, want unsure", err)
	}
	s.Wire.Heal()
	s.until(t, "a reading at rest after the late answer", func(got sight) bool { return s.Maintained || got.energised != device.Yes })
	if got := s.Clicks(); got != 1 {
		t.Errorf("%d clicks, want the one that was sent", got)
	}
}

// send gives an order that must work.
func (s subject) send(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := s.order(ctx); err != nil {
		t.Fatalf("order: %v", err)
	}
}

// released waits until the output was seen at rest, and the device says so.
func (s subject) released(t *testing.T, ch <-chan sight) sight {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case got, ok := <-ch:
			switch {
			case !ok:
				t.Fatal("the readings end before the release")
			case got.energised == device.No && !s.Energised():
				return got
			}
		case <-deadline:
			t.Fatal("the release never comes as a reading")
		}
	}
}

// until subscribes and waits for a reading.
func (s subject) until(t *testing.T, what string, ok func(sight) bool) sight {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		for got := range s.watch(ctx) {
			if ok(got) {
				return got
			}
		}
	}
	t.Fatalf("%s does not come", what)
	return sight{}
}

// still checks that the device is at rest and has clicked that often.
func (s subject) still(t *testing.T, clicks int) {
	t.Helper()
	if got := s.Clicks(); got != clicks {
		t.Errorf("%d clicks, want %d", got, clicks)
	}
	if s.Energised() {
		t.Error("an output is away from rest")
	}
}

// complains checks what an owner reads.
func (s subject) complains(t *testing.T, err error) {
	t.Helper()
	var op *hw.OpError
	switch {
	case err == nil:
		t.Fatal("there is no error")
	case !errors.As(err, &op):
		t.Errorf("error %q is no hw.OpError", err)
	case op.Device != s.Device || op.Hint == "":
		t.Errorf("error %q names the device %q and the remedy %q, want %q and one", err, op.Device, op.Hint, s.Device)
	}
}

func drain(t *testing.T, ch <-chan sight) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case _, ok := <-ch:
			if !ok {
				return
			}
		case <-deadline:
			t.Fatal("the readings do not end")
		}
	}
}
