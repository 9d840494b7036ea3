package secplus

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// peer is an opener at the other end of a wire.
type peer struct {
	wire *hwtest.Wire

	mu      sync.Mutex
	conns   map[net.Conn]struct{}
	door    byte // as in its status
	blocked bool
	last    map[uint64]message // of each sender
	rolling uint32
	presses []byte // actions
	let     int    // releases
	asked   int
	dropped int // frames with a code that did not rise
	echoes  bool
	deaf    bool // it answers nothing
	lazy    bool // it obeys nothing
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{wire: hwtest.NewWire(ln), conns: map[net.Conn]struct{}{}, door: 2, last: map[uint64]message{}, rolling: 5000}
	go func() {
		for {
			c, err := p.wire.Accept()
			if err != nil {
				return
			}
			p.change(func() { p.conns[c] = struct{}{} })
			go p.serve(c)
		}
	}()
	t.Cleanup(func() { _ = p.wire.Close(); p.wire.Cut() })
	return p
}

func (p *peer) serve(c net.Conn) {
	defer func() {
		_ = c.Close()
		p.change(func() { delete(p.conns, c) })
	}()
	for {
		var b [frameSize]byte
		if _, err := io.ReadFull(c, b[:]); err != nil {
			return
		}
		p.mu.Lock()
		echoes := p.echoes
		p.mu.Unlock()
		if echoes {
			_, _ = c.Write(b[:])
		}
		m, err := decode(b)
		if err == nil {
			p.take(m)
		}
	}
}

// take is what an opener does with a frame.
func (p *peer) take(m message) {
	p.mu.Lock()
	last, known := p.last[m.id]
	release := m.command == cmdDoor && m.byte1 == 0 && last.command == cmdDoor && last.byte1 == 1 && last.rolling == m.rolling && last.nibble == m.nibble
	if known && m.rolling <= last.rolling && !release {
		p.dropped++
		p.mu.Unlock()
		return
	}
	p.last[m.id] = m
	if p.deaf {
		p.mu.Unlock()
		return
	}
	var tells []byte
	switch {
	case m.command == cmdGetStatus:
		p.asked++
		tells = []byte{p.door}
	case release:
		p.let++
	case m.command == cmdDoor:
		p.presses = append(p.presses, m.nibble)
		if !p.lazy {
			tells = map[byte][]byte{doOpen: {4}, doClose: {5}, doStop: {3}}[m.nibble]
		}
	}
	p.mu.Unlock()
	for _, door := range tells {
		p.stands(door)
	}
}

// stands is the door being somewhere else: the opener says so.
func (p *peer) stands(door byte) {
	p.mu.Lock()
	p.door = door
	m := message{rolling: p.rolling, id: 0x33445566, command: cmdStatus, nibble: door, byte1: 0x40}
	if p.blocked {
		m.byte1 = 0
	}
	p.rolling++
	conns := p.conns
	p.mu.Unlock()
	b := encode(m)
	for c := range conns {
		_, _ = c.Write(b[:])
	}
}

func (p *peer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conns := make(map[net.Conn]struct{}, len(p.conns))
	for c := range p.conns {
		conns[c] = struct{}{}
	}
	p.conns = conns // the old one may be in use
	f()
}

func (p *peer) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.presses)
}

// bare is a wire without a break: a frame begins with its first byte.
type bare struct{ net.Conn }

func (bare) Begin() error { return nil }

type rig struct {
	*peer
	env    *hw.Env
	opener *Opener
	folder string
}

func start(t *testing.T, p *peer, folder string) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	env.KeepIn(folder)
	o, err := open(t.Context(), env.For("garage"), "/dev/ttyS9", func() (wire, error) {
		c, err := net.Dial("tcp", p.wire.Addr().String())
		return bare{c}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	return rig{p, env, o, folder}
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
	}
	t.Fatalf("%s does not come; the last reading is %+v", what, last)
	return last
}

func (r rig) at(t *testing.T, at device.Place) device.Reading {
	t.Helper()
	return r.until(t, "the door", func(x device.Reading) bool { return x.At == at })
}
