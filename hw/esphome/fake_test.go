package esphome

import (
	"bufio"
	"encoding/base64"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/flynn/noise"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

const fakeMAC = "A8:03:2A:B1:23:45"

var fakeKey = slices.Repeat([]byte{7}, keySize)

// fake is a simulated device with a cover, a lock and a binary sensor.
type fake struct {
	key []byte // nil: it speaks unencrypted

	mu       sync.Mutex
	mac      string
	position float32
	moving   uint64
	lock     uint64
	open     bool
	assumed  bool
	noStop   bool
	password bool
	odd      []packet // told after the greeting
	orders   []packet
	told     map[*fakeConn]struct{}
}

func newFake(key []byte) *fake {
	return &fake{key: key, mac: fakeMAC, lock: 1, told: map[*fakeConn]struct{}{}}
}

func do[T any](f *fake, what func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

func (f *fake) clicks() int { return do(f, func() int { return len(f.orders) }) }

// fakeConn is one connection to the device.
type fakeConn struct {
	net.Conn
	reader  *bufio.Reader
	framing framing
	mu      sync.Mutex
}

func (c *fakeConn) tell(all ...packet) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	out, err := c.framing.pack(all...)
	if err == nil {
		_, err = c.Write(out)
	}
	return err
}

func (f *fake) serve(listener net.Listener) {
	var group sync.WaitGroup
	defer group.Wait()
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		group.Go(func() {
			c := &fakeConn{Conn: conn, reader: bufio.NewReader(conn), framing: plain{}}
			defer c.Close()
			if f.key != nil && !f.encrypt(c) {
				return
			}
			for {
				p, err := c.framing.next(c.reader)
				if err != nil || !f.hear(c, p) {
					break
				}
			}
			do(f, func() bool { delete(f.told, c); return true })
		})
	}
}

// encrypt is the device's side of the handshake.
func (f *fake) encrypt(c *fakeConn) bool {
	if _, err := unwrap(c.reader); err != nil {
		_, _ = c.Write(wrap([]byte("\x01Bad indicator byte"))) // as devices do to a client without a key
		return false
	}
	first, err := unwrap(c.reader)
	if err != nil || len(first) == 0 {
		return false
	}
	if _, err := c.Write(wrap([]byte("\x01garage\x00a8032ab12345\x00"))); err != nil {
		return false
	}
	state, err := noise.NewHandshakeState(noise.Config{CipherSuite: suite(), Pattern: noise.HandshakeNN, Prologue: []byte(prologue), PresharedKey: f.key})
	if err != nil {
		return false
	}
	if _, _, _, err := state.ReadMessage(nil, first[1:]); err != nil {
		_, _ = c.Write(wrap([]byte("\x01Handshake MAC failure")))
		return false
	}
	second, receive, send, err := state.WriteMessage(nil, nil)
	if err != nil {
		return false
	}
	c.framing = &secret{send: send, receive: receive}
	_, err = c.Write(wrap(append([]byte{0}, second...)))
	return err == nil
}

func (f *fake) hear(c *fakeConn, p packet) bool {
	f.mu.Lock()
	var answers []packet
	switch p.kind {
	case helloRequest:
		answers = []packet{{helloResponse, message(nil).varint(1, 1).varint(2, 10).text(3, "fake").text(4, "garage")}}
	case infoRequest:
		answers = []packet{{infoResponse, message(nil).flag(1, f.password).text(2, "garage").text(3, f.mac)}}
	case listRequest:
		answers = []packet{
			{listCover, message(nil).text(1, "garage_door").fixed(2, 11).text(3, "Garage Door").flag(5, f.assumed).flag(6, true).flag(12, !f.noStop)},
			{listLock, message(nil).fixed(2, 12).text(3, "Side Door")}, // newer firmware leaves the object id out
			{listBinarySensor, message(nil).text(1, "window").fixed(2, 13).text(3, "Window")},
			{listDone, nil},
		}
	case statesRequest:
		f.told[c] = struct{}{}
		answers = append(f.states(), f.odd...)
	case pingRequest:
		answers = []packet{{pingResponse, nil}}
	case commandCover, commandLock:
		f.orders = append(f.orders, p)
	}
	f.mu.Unlock()
	return len(answers) == 0 || c.tell(answers...) == nil
}

// states are what the device tells. The caller holds mu.
func (f *fake) states() []packet {
	return []packet{
		{stateCover, message(nil).fixed(1, 11).real(3, f.position).varint(5, f.moving)},
		{stateLock, message(nil).fixed(1, 12).varint(2, f.lock)},
		{stateBinarySensor, message(nil).fixed(1, 13).flag(2, f.open)},
	}
}

// change changes the device from outside, which it tells.
func (f *fake) change(what func()) {
	f.mu.Lock()
	what()
	states := f.states()
	var all []*fakeConn
	for c := range f.told {
		all = append(all, c)
	}
	f.mu.Unlock()
	for _, c := range all {
		_ = c.tell(states...)
	}
}

// rig is a device with a connection to it.
type rig struct {
	*fake
	env  *hw.Env
	wire *hwtest.Wire
	c    Config
}

func keyFile(t *testing.T, key []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func newRig(t *testing.T, f *fake) rig {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := rig{fake: f, env: hw.NewEnv(zerolog.Nop()), wire: hwtest.NewWire(listener), c: Config{Host: listener.Addr().String(), MAC: fakeMAC, Plain: f.key == nil}}
	if f.key != nil {
		r.c.KeyFile = keyFile(t, f.key)
	}
	served := make(chan struct{})
	go func() { defer close(served); f.serve(r.wire) }()
	t.Cleanup(func() {
		_ = r.env.Close()
		_ = r.wire.Close()
		<-served
	})
	return r
}

func (r rig) open(t *testing.T, kind int, id string) *thing {
	t.Helper()
	c := r.c
	c.Entity = id
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	x, err := join(t.Context(), r.env.For(id), c, kind)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
