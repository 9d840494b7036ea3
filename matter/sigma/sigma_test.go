package sigma_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/mrp"
	"github.com/loquet/loquet/matter/securechannel"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/sigma"
)

type fabrics struct {
	mu  sync.Mutex
	all []session.Fabric
}

func (f *fabrics) Fabrics() []session.Fabric {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.all
}

func (f *fabrics) set(all ...session.Fabric) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = all
}

// house is a device with a fabric, and a controller that runs it.
type house struct {
	net                *mattertest.Network
	authority          *mattertest.Authority
	device, controller *mattertest.Node
	at, ours           session.Fabric // the fabric at the device, and at the controller
	list               *fabrics
	disk               *memory.Store
	client             sigma.Config
	mu                 sync.Mutex
	failed             []error
	evicted            int
}

func build(t *testing.T, w mattertest.Weather, intermediate bool, size int) *house {
	t.Helper()
	h := &house{net: mattertest.NewNetwork(w, 5), authority: mattertest.NewAuthority(t, 9, intermediate), list: &fabrics{}, disk: memory.New()}
	h.at, h.ours = h.authority.Member(t, 1, 100), h.authority.Member(t, 7, 200, 0x00010002)
	h.list.set(h.at)
	h.boot(t, size)
	h.controller = mattertest.NewNode(t, h.net, "controller", session.NewTable(16), securechannel.Handler{}, nil)
	records, err := sigma.NewResumptions(8, nil)
	if err != nil {
		t.Fatal(err)
	}
	h.client = sigma.Config{Sessions: h.controller.Sessions, Resumptions: records, Params: session.OwnParams()}
	return h
}

// boot starts the device, or starts it again from what its disk holds.
func (h *house) boot(t *testing.T, size int) {
	t.Helper()
	table := session.NewTable(size)
	records, err := sigma.NewResumptions(8, h.disk)
	if err != nil {
		t.Fatal(err)
	}
	var node *mattertest.Node
	r := sigma.NewResponder(sigma.Config{Sessions: table, Fabrics: h.list, Resumptions: records, Params: session.OwnParams(), MaxHandshakes: 2,
		Failed: func(err error) { h.mu.Lock(); h.failed = append(h.failed, err); h.mu.Unlock() },
		Evicted: func(s *session.Session) {
			h.mu.Lock()
			h.evicted++
			h.mu.Unlock()
			securechannel.Farewell(node.Endpoint, s)
		}})
	node = mattertest.NewNode(t, h.net, "device", table, securechannel.Handler{CASE: r.Handle},
		map[uint32]mrp.ProtocolHandler{message.InteractionModel: func(ctx context.Context, ex *mrp.Exchange, m mrp.Message) {
			_ = ex.Send(ctx, m.Opcode, append([]byte("re: "), m.Payload...), true)
		}})
	h.device = node
}

func (h *house) connect(t *testing.T) (*session.Session, error) {
	t.Helper()
	return sigma.Initiate(t.Context(), h.controller.Endpoint, h.client, h.device.Addr, h.ours, 100)
}

func (h *house) talk(t *testing.T, s *session.Session) {
	t.Helper()
	ex, err := h.controller.Endpoint.NewExchange(s, message.InteractionModel)
	if err != nil {
		t.Fatal(err)
	}
	defer ex.Close()
	if err := ex.Send(t.Context(), 2, []byte("hello"), true); err != nil {
		t.Fatal(err)
	}
	if m, err := ex.Receive(t.Context()); err != nil || string(m.Payload) != "re: hello" {
		t.Fatalf("%q, %v", m.Payload, err)
	}
}

func (h *house) failures() []error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.failed
}

func TestCertificatesOpenASession(t *testing.T) {
	for name, tt := range map[string]struct {
		weather      mattertest.Weather
		intermediate bool
	}{"root": {}, "intermediate": {intermediate: true}, "storm": {mattertest.Weather{Loss: 0.25, Twice: 0.3, Delay: 80 * time.Millisecond}, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := build(t, tt.weather, tt.intermediate, 16)
				s, err := h.connect(t)
				if err != nil {
					t.Fatal(err, h.failures())
				}
				h.talk(t, s)
				at := h.device.Sessions.All(nil)
				if len(at) != 1 || at[0].Kind() != session.CASE || at[0].FabricIndex() != 1 || at[0].PeerNode() != 200 || at[0].LocalNode() != 100 ||
					len(at[0].CATs()) != 1 || at[0].CATs()[0] != 0x00010002 || !bytes.Equal(at[0].AttestationChallenge(), s.AttestationChallenge()) {
					t.Errorf("at the device: %+v", at)
				}
				if s.PeerNode() != 100 || s.FabricIndex() != 7 {
					t.Errorf("at the controller: node %d, fabric %d", s.PeerNode(), s.FabricIndex())
				}
			})
		})
	}
}

// TestResumption: the second session needs no certificates, also after the device started again; the record of one
// session serves once.
func TestResumption(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, true, 16)
		count := func(f func()) int {
			before := h.net.Sent()
			f()
			synctest.Wait()
			return h.net.Sent() - before
		}
		open := func() {
			s, err := h.connect(t)
			if err != nil {
				t.Fatal(err, h.failures())
			}
			h.talk(t, s)
		}
		full := count(open)
		resumed := count(open)
		if resumed >= full {
			t.Errorf("resumed with %d datagrams, established with %d", resumed, full)
		}
		h.boot(t, 16)
		if again := count(open); again != resumed {
			t.Errorf("%d datagrams after a restart, %d before", again, resumed)
		}
		// A device that forgot goes back to certificates by itself.
		h.disk = memory.New()
		h.boot(t, 16)
		if again := count(open); again != full {
			t.Errorf("%d datagrams with a device that forgot, %d at first", again, full)
		}
		// A fabric that is gone is gone for resumption too.
		h.list.set()
		if _, err := h.connect(t); !errors.Is(err, securechannel.ErrRefused) {
			t.Error(err)
		}
		if f := h.failures(); len(f) == 0 || !errors.Is(f[len(f)-1], sigma.ErrNoFabric) {
			t.Error(f)
		}
	})
}

func TestStrangersAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, true, 16)
		evil := mattertest.NewAuthority(t, 9, true)
		other := mattertest.NewAuthority(t, 10, true)
		good := h.ours
		key := mattertest.NewKey(t)
		for name, f := range map[string]func(f *session.Fabric){
			"keys of nobody":            func(f *session.Fabric) { f.IPKs = [][]byte{make([]byte, 16)} },
			"a certificate of another":  func(f *session.Fabric) { f.NOC, f.ICAC, f.Key = evil.Node(t, key, 200), evil.ICAC, key },
			"another fabric, same root": func(f *session.Fabric) { f.NOC, f.ICAC, f.Key = other.Node(t, key, 200), other.ICAC, key },
			"a stolen certificate":      func(f *session.Fabric) { f.Key = key },
			"no intermediate":           func(f *session.Fabric) { f.ICAC = nil },
		} {
			h.ours = good
			f(&h.ours)
			h.client.Resumptions = nil
			if _, err := h.connect(t); err == nil {
				t.Errorf("%s: let in", name)
			}
			synctest.Wait()
			if n := len(h.device.Sessions.All(nil)); n != 0 {
				t.Errorf("%s: %d sessions", name, n)
			}
		}
		h.ours = good
		if _, err := sigma.Initiate(t.Context(), h.controller.Endpoint, h.client, h.device.Addr, h.ours, 101); !errors.Is(err, securechannel.ErrRefused) {
			t.Error("another node:", err)
		}
		// The controller checks the device as well.
		bad := h.at
		bad.NOC, bad.ICAC, bad.Key = evil.Node(t, key, 100), evil.ICAC, key
		h.list.set(bad)
		if _, err := h.connect(t); err == nil {
			t.Error("a device of another authority was believed")
		}
	})
}

// TestHalfOpenHandshakesAreBounded: peers that begin and fall silent are few at a time, and keep nobody out for long.
func TestHalfOpenHandshakesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, false, 16)
		var silent atomic.Bool
		silent.Store(true)
		h.net.Drop(func(from, _ string, b []byte) bool {
			return silent.Load() && from == "controller" && opcode(b) == securechannel.OpSigma3
		})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() { _, _ = h.connect(t) })
		}
		time.Sleep(100 * time.Millisecond)
		silent.Store(false)
		if _, err := h.connect(t); !errors.Is(err, securechannel.ErrRefused) {
			t.Error("the third, at once:", err)
		}
		silent.Store(true)
		time.Sleep(2 * time.Second)
		silent.Store(false)
		if _, err := h.connect(t); err != nil {
			t.Error("the third, two seconds later:", err)
		}
		all.Wait()
	})
}

func opcode(b []byte) uint8 {
	h, n, err := message.ParseHeader(b)
	if err != nil || h.SessionID != 0 {
		return 0
	}
	p, _, err := message.ParseProtocol(b[n:])
	if err != nil {
		return 0
	}
	return p.Opcode
}

// TestAFullTableMakesRoom: the session that was used least recently ends, and its peer hears of it.
func TestAFullTableMakesRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, false, 3)
		var all []*session.Session
		for range 4 {
			s, err := h.connect(t)
			if err != nil {
				t.Fatal(err)
			}
			h.talk(t, s)
			time.Sleep(time.Second)
			all = append(all, s)
		}
		if h.evicted != 1 || len(h.device.Sessions.All(nil)) != 3 {
			t.Errorf("%d evicted, %d left", h.evicted, len(h.device.Sessions.All(nil)))
		}

		h.talk(t, all[3])
		select {
		case <-all[0].Done():
		default:
			t.Error("the first session's peer does not know that it ended")
		}
	})
}

func TestResumptionsForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, false, 16)
		if _, err := h.connect(t); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(h.disk.All()) != 1 {
			t.Fatalf("%d records", len(h.disk.All()))
		}
		r, err := sigma.NewResumptions(8, h.disk)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.ForgetFabric(1); err != nil || len(h.disk.All()) != 0 {
			t.Errorf("%d records, %v", len(h.disk.All()), err)
		}
	})
}

// TestAHandshakeThatIsOverHoldsNoPlace loses what acknowledges the last word: the session is there all the same, and the next
// peers need not wait until the device has given up hearing of it.
func TestAHandshakeThatIsOverHoldsNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := build(t, mattertest.Weather{}, false, 16)
		h.client.Resumptions = nil
		h.net.Drop(func(from, _ string, b []byte) bool {
			head, size, err := message.ParseHeader(b)
			if err != nil || from != "controller" || head.SessionID != 0 {
				return false
			}
			p, _, err := message.ParseProtocol(b[size:])
			return err == nil && p.Opcode == securechannel.OpAck
		})
		for i := range 6 { // two places
			if s, err := h.connect(t); err != nil {
				t.Fatalf("handshake %d: %v", i, err)
			} else if i == 0 {
				h.talk(t, s)
			}
		}
	})
}
