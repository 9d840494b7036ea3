package sim

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// cable connects clients to a world in a bubble, without a socket.
type cable struct {
	w   *World
	ctx context.Context

	mu   sync.Mutex
	last net.Conn // the client's end of the newest connection
	dead bool     // nobody answers
}

func newCable(t *testing.T) *cable {
	w, _ := house(t, DemoHouse(), 1)
	return &cable{w: w, ctx: t.Context()}
}

func (c *cable) dial(context.Context) (net.Conn, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return nil, io.ErrClosedPipe
	}
	ours, theirs := net.Pipe()
	go serveConn(c.ctx, theirs, c.w)
	c.last = ours
	return ours, nil
}

// cut ends the newest connection and lets none come about.
func (c *cable) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = true
	c.last.Close()
}

func (c *cable) mend() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = false
}

// bridge is a client in a process of its own. kill ends it as SIGKILL does: nothing is said any more.
func (c *cable) bridge(t *testing.T) (client *Client, kill func()) {
	t.Helper()
	var dead atomic.Bool
	b, err := connect(t.Context(), "cable", func(ctx context.Context) (net.Conn, error) {
		if dead.Load() {
			return nil, io.ErrClosedPipe
		}
		return c.dial(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := c.last
	t.Cleanup(func() { b.Close() })
	return b, func() {
		dead.Store(true)
		conn.Close()
		pass(time.Millisecond)
	}
}

// A bridge that dies in the middle of a pulse leaves the relay on, as a Raspberry Pi does. The next one
// brings it to rest by asking for it, and that is no pulse.
func TestBridgeIsKilledDuringAPulse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		first, kill := c.bridge(t)
		relay, err := first.Output(t.Context(), "garage/relay", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := relay.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		kill()
		pass(time.Minute)
		if s := status(t, c.w, "garage"); !s.Energised || s.Position != 1 {
			t.Fatalf("after the kill: %+v, want the relay on and the door open", s)
		}

		second, _ := c.bridge(t)
		if s := status(t, c.w, "garage"); !s.Energised {
			t.Error("a connection alone changes the relay")
		}
		out, err := second.Output(t.Context(), "garage/relay", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		s, err := second.Status(t.Context(), "garage")
		if err != nil || s.Energised || s.Pulses != 0 || s.PulsesTotal != 1 || s.Position != 1 {
			t.Errorf("after the request: %+v, %v, want rest, no pulse of this process, one of all", s, err)
		}
		if err := out.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if s, _ := second.Status(t.Context(), "garage"); s.Pulses != 1 || s.PulsesTotal != 2 {
			t.Errorf("its own pulse is counted as %+v", s)
		}
	})
}

func TestConnectionIsLostAndFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		b, _ := c.bridge(t)
		relay, err := b.Output(t.Context(), "garage/relay", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if err := relay.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		pads, err := b.Edges(t.Context(), []string{"studio-pad/d0", "studio-pad/d1"}, hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		edges := pads.Watch(t.Context())
		c.cut()
		pass(10 * time.Second)
		if _, ok := <-edges; ok {
			t.Error("edges come without a connection")
		}
		if err := relay.Set(t.Context(), true, 400*time.Millisecond); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
		if _, err := b.Status(t.Context(), "garage"); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
		late, err := b.Input(t.Context(), "garage/open", hw.InputOptions{})
		if err != nil {
			t.Errorf("a line is requested while nobody answers: %v", err)
		}
		levels := late.Watch(t.Context())
		c.mend()
		pass(lastBackoff)
		if level := <-levels; !level.Active {
			t.Errorf("the door is open by now: %+v", level)
		}
		edges = pads.Watch(t.Context())
		if err := b.Event(t.Context(), "studio", Event{Name: Keypad, Digits: "1"}); err != nil {
			t.Error(err)
		}
		if edge := <-edges; edge.Line != 0 || edge.Active {
			t.Errorf("the first edge is %+v", edge)
		}
		if s, err := b.Status(t.Context(), "garage"); err != nil || s.Energised || s.Pulses != 1 || s.PulsesTotal != 1 {
			t.Errorf("%+v, %v: want the pulse before the loss counted for this process, and no other", s, err)
		}
	})
}

// Over the socket, too, only the edges that were asked for are told and counted.
func TestOnlyFallingEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		b, _ := c.bridge(t)
		for _, low := range []bool{true, false} {
			pads, err := b.Edges(t.Context(), []string{"studio-pad/d0", "studio-pad/d1"}, hw.InputOptions{ActiveLow: low, Falling: true})
			if err != nil {
				t.Fatal(err)
			}
			edges := pads.Watch(t.Context())
			if err := b.Event(t.Context(), "studio", Event{Name: Keypad, Digits: "5"}); err != nil {
				t.Fatal(err)
			}
			for seq := uint32(1); seq <= 4; seq++ {
				if edge := <-edges; edge.Seq != seq || edge.Active {
					t.Errorf("active-low %v: edge %d is %+v", low, seq, edge)
				}
			}
			if err := pads.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestTwoBridgesWantOneRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		first, kill := c.bridge(t)
		second, _ := c.bridge(t)
		o := hw.OutputOptions{Cap: time.Second}
		if _, err := first.Output(t.Context(), "garage/relay", o); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Output(t.Context(), "garage/relay", o); !errors.Is(err, hw.ErrInUse) {
			t.Errorf("error %v, want in use", err)
		}
		kill()
		if _, err := second.Output(t.Context(), "garage/relay", o); err != nil {
			t.Errorf("after the first one died: %v", err)
		}
	})
}

// A client that loses its line to another bridge while it is away gets it back when that one goes.
func TestLineIsTakenMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		b, _ := c.bridge(t)
		o := hw.OutputOptions{Cap: time.Second}
		relay, err := b.Output(t.Context(), "garage/relay", o)
		if err != nil {
			t.Fatal(err)
		}
		thief := c.w.Board()
		c.cut()
		pass(10 * time.Millisecond)
		if _, err := thief.Output(t.Context(), "garage/relay", o); err != nil {
			t.Fatal(err)
		}
		c.mend()
		pass(time.Minute)
		if _, ok := relay.Last(); ok {
			t.Error("a line that another one has is said to be at rest")
		}
		if err := relay.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
		if err := thief.Close(); err != nil {
			t.Fatal(err)
		}
		pass(2 * lastBackoff)
		if err := relay.Set(t.Context(), true, time.Second); err != nil {
			t.Errorf("the line is free: %v", err)
		}
		pass(2 * time.Second)
		if s := status(t, c.w, "garage"); s.PulsesTotal != 1 || s.Energised {
			t.Errorf("%+v, want one pulse that is over", s)
		}
	})
}

func TestCloseOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCable(t)
		b, _ := c.bridge(t)
		lamp, err := b.Output(t.Context(), "garage/lamp", hw.OutputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := lamp.Set(t.Context(), true, 0); err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		if s := status(t, c.w, "garage"); s.Lamp.On {
			t.Error("the lamp is on after Close")
		}
	})
}
