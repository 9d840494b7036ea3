package secplus

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/secplus/emulator"
)

// peer is an opener at the other end of a wire that can go wrong.
type peer struct {
	*emulator.Opener
	wire *hwtest.Wire
}

func newPeer(t *testing.T, o emulator.Options) peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := peer{emulator.New(o), hwtest.NewWire(ln)}
	go p.Run(t.Context())
	go func() {
		for {
			c, err := p.wire.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				p.Serve(c)
			}()
		}
	}()
	t.Cleanup(func() { _ = p.wire.Close(); p.wire.Cut() })
	return p
}

func (p peer) count() int { return len(p.Look().Presses) }

// bare is a wire without a break: a frame begins with its first byte.
type bare struct{ net.Conn }

func (bare) Begin() error { return nil }

func (p peer) dial() (wire, error) {
	c, err := net.Dial("tcp", p.wire.Addr().String())
	return bare{c}, err
}

type rig struct {
	peer
	env    *hw.Env
	opener device.Opener
}

// start starts an opener of Security+ 2.0.
func start(t *testing.T, p peer, folder string) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	env.KeepIn(folder)
	o, err := open(t.Context(), env.For("garage"), "/dev/ttyS9", p.dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	return rig{p, env, o}
}

// brisk are times that are short where nothing depends on them.
func brisk() times {
	t := usual()
	t.listen, t.brief, t.quick, t.quiet, t.gap = 500*time.Millisecond, 20*time.Millisecond, 10*time.Millisecond, time.Millisecond, 5*time.Millisecond
	t.poll, t.hold, t.dial = 400*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond
	return t
}

// start1 starts an opener of Security+ 1.0.
func start1(t *testing.T, p peer, panel string, times times) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	o, err := open1(t.Context(), env.For("garage"), Config{Port: "/dev/ttyS9", Protocol: version1, WallPanel: panel}, times, p.dial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	return rig{p, env, o}
}

const patience = 10 * time.Second

// until waits for a reading, over ends of the connection.
func (r rig) until(t *testing.T, what string, ok func(device.Reading) bool) device.Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last device.Reading
	for ctx.Err() == nil {
		for last = range r.opener.Readings(ctx) {
			if ok(last) {
				return last
			}
		}
		time.Sleep(time.Millisecond) // between two connections
	}
	t.Fatalf("%s does not come; the last reading is %+v, the opener's %+v", what, last, r.Look())
	return last
}

func (r rig) at(t *testing.T, at device.Place) device.Reading {
	t.Helper()
	return r.until(t, "the door", func(x device.Reading) bool { return x.At == at })
}

// sees waits until the opener has seen something.
func (p peer) sees(t *testing.T, what string, ok func(emulator.State) bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !ok(p.Look()) {
		if time.Now().After(end) {
			t.Fatalf("%s is not seen; the opener is %+v", what, p.Look())
		}
		time.Sleep(time.Millisecond)
	}
}

// stands puts the door somewhere.
func (p peer) stands(at device.Place) {
	p.Put(map[device.Place]float64{device.PlaceClosed: 0, device.PlaceBetween: 0.5, device.PlaceOpen: 1}[at], emulator.Still)
}
