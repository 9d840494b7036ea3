package matter

import (
	"net"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// contact is the simplest device: BooleanState.
type contact struct {
	model.Base
	mu     sync.Mutex
	closed bool
}

var contactClass = model.NewClass(model.Class{ID: 0x45, Revision: 3, Attributes: []model.Attribute{{ID: 0, Read: model.View}}})

func newContact() *contact {
	c := &contact{}
	c.Init(contactClass)
	return c
}

func (c *contact) set(v bool) {
	c.mu.Lock()
	c.closed = v
	c.mu.Unlock()
	c.Changed(0)
}

func (c *contact) ReadAttribute(_ *model.Caller, _ uint32, w *tlv.Writer, tag tlv.Tag) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	w.Bool(tag, c.closed)
	return nil
}

// house is a server in a network in memory.
type house struct {
	*Server
	store *memory.Store
	conn  *mattertest.Conn

	mu        sync.Mutex
	announced []Advertisement
	changed   chan struct{}
}

func product() cluster.Product {
	return cluster.Product{VendorName: "Loquet", ProductName: "Bridge", VendorID: 0xFFF1, ProductID: 0x8000, HardwareVersionText: "1", SoftwareVersionText: "1.0",
		SerialNumber: "S1", UniqueID: "U1", Label: "Villa"}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func start(t testing.TB, n *mattertest.Network, store *memory.Store, change func(*Config)) *house {
	t.Helper()
	h := build(t, n, store, change)
	must(t, h.Start(t.Context()))
	return h
}

func build(t testing.TB, n *mattertest.Network, store *memory.Store, change func(*Config)) *house {
	t.Helper()
	h := &house{store: store, conn: n.Listen("house"), changed: make(chan struct{}, 1)}
	c := Config{Product: product(), Storage: store, Conns: []net.PacketConn{h.conn}, Fabrics: 5, Advertise: h.advertise,
		ParseAddr: func(s string) (net.Addr, error) { return mattertest.Addr(s), nil },
		Failed:    func(err error) { t.Logf("failed: %v", err) }}
	if change != nil {
		change(&c)
	}
	var err error
	h.Server, err = New(c)
	must(t, err)
	t.Cleanup(h.Stop)
	return h
}

func (h *house) advertise(list []Advertisement) {
	h.mu.Lock()
	h.announced = list
	h.mu.Unlock()
	select {
	case h.changed <- struct{}{}:
	default:
	}
}

// await waits until the announcements are as wanted.
func (h *house) await(t testing.TB, what string, want func([]Advertisement) bool) []Advertisement {
	t.Helper()
	limit := time.After(30 * time.Second)
	for {
		h.mu.Lock()
		list := h.announced
		h.mu.Unlock()
		if want(list) {
			return list
		}
		select {
		case <-h.changed:
		case <-limit:
			t.Fatalf("not announced: %s; announced are %+v", what, list)
		}
	}
}

func count(kind string, n int) func([]Advertisement) bool {
	return func(list []Advertisement) bool {
		got := 0
		for _, a := range list {
			if a.Type == kind {
				got++
			}
		}
		return got == n
	}
}

func (h *house) bridge(t testing.TB, name string) *contact {
	t.Helper()
	number, err := h.EndpointFor(name)
	must(t, err)
	c := newContact()
	_, err = h.Bridge(model.EndpointConfig{ID: number, DeviceTypes: []model.DeviceType{{ID: 0x15, Revision: 2}}, Clusters: []model.Cluster{c,
		cluster.NewIdentify(cluster.IdentifyActuator, nil), cluster.NewBridged(cluster.BridgedDevice{Label: name, UniqueID: name, VendorName: "Loquet", ProductName: "Contact", Reachable: true})}})
	must(t, err)
	return c
}
