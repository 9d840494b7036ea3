package matter

import (
	"bytes"
	"maps"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/accessories/hometest"
	"github.com/loquet/loquet/device"
	stack "github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

const patience = hometest.Patience

// memory is what outlives a house.
type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
	fail error
}

func newMemory() *memory { return &memory{kept: map[string][]byte{}} }

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.kept[key]
	return bytes.Clone(b), ok, nil
}

func (m *memory) List(prefix string) (map[string][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[string][]byte{}
	for k, v := range m.kept {
		if strings.HasPrefix(k, prefix) {
			out[k] = bytes.Clone(v)
		}
	}
	return out, nil
}

func (m *memory) Apply(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	maps.Copy(m.kept, changes)
	maps.DeleteFunc(m.kept, func(_ string, v []byte) bool { return v == nil })
	return nil
}

// set lets every write fail, or none.
func (m *memory) set(fail error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

// disk is what outlives a home.
type disk struct{ server, faces *memory }

func newDisk() *disk { return &disk{newMemory(), newMemory()} }

// home is a House on a Matter node in a network in memory, with devices that are faked at the driver.
type home struct {
	*House
	*hometest.Home
	t       *testing.T
	disk    *disk
	server  *stack.Server
	network *mattertest.Network
	conn    *mattertest.Conn
	logs    *lockedBuffer
	items   []Item
	stop    func()

	mu sync.Mutex // guards House while it is opened
}

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newHome(t *testing.T, d *disk) *home {
	t.Helper()
	if d == nil {
		d = newDisk()
	}
	h := &home{t: t, disk: d, logs: &lockedBuffer{}, network: mattertest.NewNetwork(mattertest.Weather{}, 1)}
	h.Home = hometest.New(t, h.told)
	h.conn = h.network.Listen("house")
	var err error
	h.server, err = stack.New(stack.Config{Storage: d.server, Conns: []net.PacketConn{h.conn}, Fabrics: 5,
		ParseAddr: func(s string) (net.Addr, error) { return mattertest.Addr(s), nil },
		Product: cluster.Product{VendorName: "loquet", ProductName: "Bridge", VendorID: 0xFFF1, ProductID: 0x8000, HardwareVersionText: "1",
			SoftwareVersionText: "1.0", SerialNumber: "S1", UniqueID: "U1", Label: "Villa Rose"},
		Advertise: func([]stack.Advertisement) { h.Wake() },
		Failed:    func(err error) { h.logs.Write([]byte(err.Error() + "\n")) }}) //nolint:errcheck // a buffer takes everything
	must(t, err)
	return h
}

// open shows the devices that were added, and lets controllers in.
func (h *home) open(change func(*Config)) *home {
	h.t.Helper()
	c := Config{Server: h.server, Storage: h.disk.faces, Rules: h, About: About{Install: "11112222", Firmware: "1.4.0"}, Items: h.items, Log: zerolog.New(h.logs)}
	if change != nil {
		change(&c)
	}
	house, err := New(c)
	must(h.t, err)
	h.mu.Lock()
	h.House = house
	h.mu.Unlock()
	for _, id := range house.Devices() {
		house.Changed(id)
	}
	must(h.t, h.server.Start(h.t.Context()))
	h.stop = sync.OnceFunc(func() { h.server.Stop(); house.Close() })
	h.t.Cleanup(h.stop)
	return h
}

// told hears of every state of a device.
func (h *home) told(id string) {
	h.mu.Lock()
	house := h.House
	h.mu.Unlock()
	if house != nil {
		house.Changed(id)
	}
}

// door adds a sliding gate that is closed from afar and takes 100 ms.
func (h *home) door(id string, change func(*Item)) *device.Door {
	h.t.Helper()
	traits := hometest.GateTraits()
	traits.Stops = true
	d := h.Gate(id, traits)
	h.add(Item{Name: id, Door: d}, change)
	return d
}

// lock adds a commanded lock with a contact on its door.
func (h *home) lock(id string, change func(*Item)) *device.Lock {
	h.t.Helper()
	l := h.Lock(id)
	h.add(Item{Name: id, Lock: l}, change)
	return l
}

func (h *home) contact(id string, change func(*Item)) *device.Contact {
	h.t.Helper()
	c := h.Contact(id)
	h.add(Item{Name: id, Contact: c}, change)
	return c
}

func (h *home) add(i Item, change func(*Item)) {
	if change != nil {
		change(&i)
	}
	h.items = append(h.items, i)
}

// guest is a controller with a session.
type guest struct {
	*mattertest.Controller
	home    *home
	session *session.Session
}

// controller commissions the node as a new fabric.
func (h *home) controller() *guest {
	h.t.Helper()
	h.Await("a way in", h.server.Commissionable)
	c := mattertest.NewController(h.t, h.network, "controller", mattertest.NewAuthority(h.t, 0xFAB1, false), 0x1122)
	s, err := c.Commission(h.t.Context(), h.t, h.conn.LocalAddr(), h.server.Setup().Passcode, 7)
	must(h.t, err)
	return &guest{c, h, s}
}

// leave ends all memberships and the home.
func (h *home) leave() {
	h.t.Helper()
	for _, f := range h.server.Fabrics() {
		must(h.t, h.server.RemoveFabric(f.Index))
	}
	h.stop()
}

// endpoint is where a device, or a part of it, stands.
func (h *home) endpoint(id string) uint16 {
	h.t.Helper()
	n, err := h.server.EndpointFor(id)
	must(h.t, err)
	return n
}

// read returns the value of an attribute.
func (g *guest) read(id string, cluster, attribute uint32) tlv.Element {
	g.home.t.Helper()
	at := model.Change{Endpoint: g.home.endpoint(id), Cluster: cluster, Attribute: attribute}
	r, err := g.Read(g.home.t.Context(), g.session, at)
	must(g.home.t, err)
	v, ok := r.Values[at]
	if !ok {
		g.home.t.Fatalf("no value of %v: %v", at, r.Statuses)
	}
	return v
}

func (g *guest) number(id string, cluster, attribute uint32) uint64 {
	g.home.t.Helper()
	n, err := g.read(id, cluster, attribute).Uint()
	must(g.home.t, err)
	return n
}

// invoke sends a command.
func (g *guest) invoke(id string, cluster, command uint32, timed bool, fill func(w *tlv.Writer)) (*tlv.Fields, error) {
	g.home.t.Helper()
	return g.Invoke(g.home.t.Context(), g.session, mattertest.Command{Endpoint: g.home.endpoint(id), Cluster: cluster, ID: command, Timed: timed, Fill: fill})
}
