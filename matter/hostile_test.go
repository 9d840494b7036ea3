package matter

import (
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// The limits that a node under attack keeps.
const (
	answered   = 2 * time.Second // a member that comes anew is served
	mostHeap   = 8 << 20         // octets more than before, at the worst moment seen
	floodEach  = 200 * time.Microsecond
	floodLasts = 3 * time.Second
)

// hostile is a house with a member, in a network with a stranger.
func hostile(t *testing.T) (context.Context, *mattertest.Network, *house, *mattertest.Controller) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	h := start(t, n, memory.New(), func(c *Config) { c.Failed = func(error) {} })
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	_, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	return ctx, n, h, c
}

// openingOf is a datagram that begins a handshake, as if from a peer never heard of.
func openingOf(r *rand.Rand, opcode uint8, payload []byte) []byte {
	h := message.Header{Counter: r.Uint32() >> 4, HasSource: true, Source: r.Uint64()>>1 + 1}
	p := message.Protocol{Initiator: true, Reliable: true, Opcode: opcode, Exchange: uint16(r.Uint32()), ID: message.SecureChannel}
	return append(p.Append(h.Append(nil)), payload...)
}

// sigma1 asks for a fabric that nobody has.
func sigma1(r *rand.Rand) []byte {
	random := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Octets(tlv.Context(1), random(32))
		w.Uint(tlv.Context(2), uint64(r.Uint32()&0xFFFF))
		w.Octets(tlv.Context(3), random(32))
		w.Octets(tlv.Context(4), append([]byte{4}, random(64)...))
	})
}

// recorded keeps what a member says before it has a session.
func recorded(n *mattertest.Network, from string) func(opcode uint8) []byte {
	var mu sync.Mutex
	said := map[uint8][]byte{}
	n.Drop(func(sender, _ string, b []byte) bool {
		h, size, err := message.ParseHeader(b)
		if err != nil || sender != from || h.SessionID != 0 {
			return false
		}
		if p, payload, err := message.ParseProtocol(b[size:]); err == nil && p.Opcode != securechannel.OpAck {
			mu.Lock()
			said[p.Opcode] = payload
			mu.Unlock()
		}
		return false
	})
	return func(opcode uint8) []byte {
		mu.Lock()
		defer mu.Unlock()
		return said[opcode]
	}
}

// TestFloods sends some thousand beginnings of handshakes a second. A member of before reads as ever, one that comes anew is
// served in time, and the node takes no more memory than it may.
func TestFloods(t *testing.T) {
	for name, make := range map[string]func(heard func(uint8) []byte) func(*rand.Rand) []byte{
		"asks for fabrics that are not": func(func(uint8) []byte) func(*rand.Rand) []byte {
			return func(r *rand.Rand) []byte { return openingOf(r, securechannel.OpSigma1, sigma1(r)) }
		},
		"repeats a member's first message": func(heard func(uint8) []byte) func(*rand.Rand) []byte {
			first := heard(securechannel.OpSigma1)
			return func(r *rand.Rand) []byte { return openingOf(r, securechannel.OpSigma1, first) }
		},
		"asks for a passcode while no window is open": func(heard func(uint8) []byte) func(*rand.Rand) []byte {
			first := heard(securechannel.OpPBKDFParamRequest)
			return func(r *rand.Rand) []byte { return openingOf(r, securechannel.OpPBKDFParamRequest, first) }
		},
		"sends what is nothing": func(func(uint8) []byte) func(*rand.Rand) []byte {
			return func(r *rand.Rand) []byte {
				return openingOf(r, uint8(r.Uint32()), binary.LittleEndian.AppendUint64(nil, r.Uint64()))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			n := mattertest.NewNetwork(mattertest.Weather{}, 1)
			heard := recorded(n, "phone")
			h := start(t, n, memory.New(), func(c *Config) { c.Failed = func(error) {} })
			h.await(t, "commissionable", count("_matterc._udp", 1))
			c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, false), 1)
			old, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
			must(t, err)
			next := make(heard)
			base := heap()
			stop, sent := flood(n, h.conn.LocalAddr(), next)
			end := time.Now().Add(floodLasts)
			var worst, worstRead time.Duration
			var most uint64
			served := 0
			for time.Now().Before(end) {
				began := time.Now()
				s, err := c.CASE(ctx, h.conn.LocalAddr(), 5)
				if err == nil {
					_, err = c.Read(ctx, s, model.Change{Cluster: 0x28, Attribute: 1})
				}
				if err != nil {
					t.Errorf("a member: %v", err)
					break
				}
				worst = max(worst, time.Since(began))
				served++
				began = time.Now()
				if _, err := c.Read(ctx, old, model.Change{Cluster: 0x28, Attribute: 1}); err != nil && !errors.Is(err, session.ErrClosed) {
					t.Errorf("a session of before: %v", err)
				}
				worstRead = max(worstRead, time.Since(began))
				most = max(most, heap())
			}
			stop()
			t.Logf("%d datagrams; %d times anew, %v at worst; a read %v at worst; heap +%d KiB at worst", sent(), served, worst, worstRead, (int64(most)-int64(base))/1024)
			if worst > answered || worstRead > answered {
				t.Errorf("served in %v, read in %v; %v are allowed", worst, worstRead, answered)
			}
			if most > base+mostHeap {
				t.Errorf("%d octets of heap, %d before", most, base)
			}
		})
	}
}

// flood sends datagrams from ever new addresses until stop.
func flood(n *mattertest.Network, to net.Addr, next func(*rand.Rand) []byte) (stop func(), sent func() int) {
	done, ended := make(chan struct{}), make(chan struct{})
	count := 0
	conns := []*mattertest.Conn{n.Listen("stranger 1"), n.Listen("stranger 2"), n.Listen("stranger 3")}
	go func() {
		defer close(ended)
		r := rand.New(rand.NewPCG(1, 2))
		tick := time.NewTicker(floodEach)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				_, _ = conns[count%len(conns)].WriteTo(next(r), to) // lost or not
				count++
			}
		}
	}()
	return func() { close(done); <-ended }, func() int { return count }
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestTornAndChangedDatagrams sends all that was ever said between a member and its node again: cut short, changed, and as it
// was, from another address and from the member's own. Nothing of it counts: the node serves the member, and has no session more.
func TestTornAndChangedDatagrams(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	n := mattertest.NewNetwork(mattertest.Weather{}, 1)
	var mu sync.Mutex
	var said [][]byte
	n.Drop(func(_, to string, b []byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if to == "house" {
			said = append(said, b)
		}
		return false
	})
	h := start(t, n, memory.New(), func(c *Config) { c.Failed = func(error) {} })
	h.await(t, "commissionable", count("_matterc._udp", 1))
	c := mattertest.NewController(t, n, "phone", mattertest.NewAuthority(t, 0xFAB1, true), 1)
	s, err := c.Commission(ctx, t, h.conn.LocalAddr(), h.Setup().Passcode, 5)
	must(t, err)
	_, err = c.Read(ctx, s)
	must(t, err)
	n.Drop(nil)
	sessions, fabrics := len(h.sessions.All(nil)), len(h.Fabrics())
	stranger := n.Listen("stranger")
	r := rand.New(rand.NewPCG(3, 4))
	for _, b := range said {
		for range 20 {
			torn := append([]byte(nil), b...)
			switch r.IntN(4) {
			case 0:
				torn = torn[:r.IntN(len(torn))]
			case 1:
				torn[r.IntN(len(torn))] ^= 1 << r.IntN(8)
			case 2:
				torn = append(torn, torn[r.IntN(len(torn)):]...)
			}
			from := stranger
			if r.IntN(2) == 0 {
				from = n.Listen("phone 2")
			}
			_, err := from.WriteTo(torn, h.conn.LocalAddr())
			must(t, err)
		}
		if _, err := c.Read(ctx, s, model.Change{Cluster: 0x28, Attribute: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if again := len(h.sessions.All(nil)); again > sessions || len(h.Fabrics()) != fabrics {
		t.Errorf("%d sessions and %d fabrics, there were %d and %d", again, len(h.Fabrics()), sessions, fabrics)
	}
	if _, err := c.CASE(ctx, h.conn.LocalAddr(), 5); err != nil {
		t.Error(err)
	}
}

// TestStrangers are a controller of another fabric, one of a fabric with the same number, one whose certificate another root
// signed, and a member whom the access list does not name.
func TestStrangers(t *testing.T) {
	ctx, n, h, owner := hostile(t)
	at := h.conn.LocalAddr()
	other := mattertest.NewController(t, n, "other", mattertest.NewAuthority(t, 0xFAB2, false), 1)
	same := mattertest.NewController(t, n, "same", mattertest.NewAuthority(t, 0xFAB1, false), 1)
	forger := mattertest.NewController(t, n, "forger", owner.Authority, 1)
	forger.Self.NOC = same.Self.NOC
	forger.Self.Key = same.Self.Key
	for name, c := range map[string]*mattertest.Controller{"another fabric": other, "a fabric of the same number": same, "a certificate of another root": forger} {
		if _, err := c.CASE(ctx, at, 5); !errors.Is(err, securechannel.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
	guest := mattertest.NewController(t, n, "guest", owner.Authority, 99)
	s, err := guest.CASE(ctx, at, 5)
	must(t, err)
	for what, do := range map[string]func() error{
		"reads": func() error {
			r, err := guest.Read(ctx, s, model.Change{Cluster: 0x28, Attribute: 5})
			if err == nil {
				err = r.Statuses[model.Change{Cluster: 0x28, Attribute: 5}]
			}
			return err
		},
		"writes": func() error {
			return guest.Write(ctx, s, model.Change{Cluster: 0x28, Attribute: 5}, func(w *tlv.Writer, tag tlv.Tag) { w.Text(tag, "mine") }, false)
		},
		"arms the fail-safe": func() error {
			_, err := guest.Invoke(ctx, s, mattertest.Command{Cluster: 0x30, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), 60); w.Uint(tlv.Context(1), 1) }})
			return err
		},
		"removes the fabric": func() error {
			_, err := guest.Invoke(ctx, s, mattertest.Command{Cluster: 0x3E, ID: 10, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1) }})
			return err
		},
		"opens a window": func() error {
			_, err := guest.Invoke(ctx, s, mattertest.Command{Cluster: 0x3C, ID: 1, Timed: true, Fill: func(w *tlv.Writer) { w.Uint(tlv.Context(0), 180) }})
			return err
		},
	} {
		if err := do(); !errors.Is(err, model.UnsupportedAccess) {
			t.Errorf("a guest %s: %v", what, err)
		}
	}
	if r, err := guest.Read(ctx, s); err != nil || len(r.Values) != 0 {
		t.Errorf("a guest is shown %d values, %v", len(r.Values), err)
	}
	if len(h.Fabrics()) != 1 || h.failsafe.Armed() || h.Commissionable() {
		t.Error("a guest changed something")
	}
}
