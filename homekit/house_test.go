package homekit

import (
	"context"
	"crypto/ed25519"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/characteristic"
	"github.com/brutella/hap/service"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/homekit/haptest"
)

// The ids of the doors of the test house: accessory 2 and up are garage doors.
const (
	iidIdentify = 2
	iidName     = 5
	iidDoor     = 9
	iidCurrent  = 10
	iidTarget   = 11
	iidObstacle = 12
	iidEvery    = 20 // one characteristic of each format from here on, see everyFormat
)

// definitions are the accessories of a house: a bridge and doors.
func definitions(doors int) []*accessory.A {
	as := []*accessory.A{newAccessory(1, accessory.TypeBridge)}
	for i := range doors {
		as = append(as, newDoor(uint64(i+2)))
	}
	return as
}

func newAccessory(aid uint64, typ byte) *accessory.A {
	n := strconv.Itoa(int(aid))
	a := accessory.New(accessory.Info{Name: "Door " + n, SerialNumber: "SN-" + n, Manufacturer: "loquet", Model: "Test", Firmware: "1.0"}, typ)
	a.Id = aid
	a.Info.Id = 1
	for i, c := range a.Info.Cs {
		c.Id = uint64(i + 2)
	}
	return a
}

func newDoor(aid uint64) *accessory.A {
	a := newAccessory(aid, accessory.TypeGarageDoorOpener)
	g := service.NewGarageDoorOpener()
	g.Id, g.Primary = iidDoor, true
	g.CurrentDoorState.Id, g.TargetDoorState.Id, g.ObstructionDetected.Id = iidCurrent, iidTarget, iidObstacle
	g.CurrentDoorState.Val, g.TargetDoorState.Val = 1, 1
	g.CurrentDoorState.ValidVals = []int{0, 1, 2, 3, 4}
	g.TargetDoorState.ValidVals = []int{0, 1}
	g.TargetDoorState.MinVal, g.TargetDoorState.MaxVal, g.TargetDoorState.StepVal = 0, 1, 1
	a.AddS(g.S)
	return a
}

// house is a running server and what its handler was told.
type house struct {
	*Server
	t     testing.TB
	store *haptest.Memory

	mu     sync.Mutex
	writes []Write
	handle func(context.Context, Write) (any, Status)
	ads    []Advertisement
}

// newHouse builds a server; change may alter its configuration.
func newHouse(t testing.TB, store *haptest.Memory, as []*accessory.A, change func(*Config)) *house {
	t.Helper()
	if store == nil {
		store = haptest.NewMemory()
	}
	h := &house{t: t, store: store}
	c := Config{
		Name: "Test House", Model: "Test", Addr: "127.0.0.1:0", Storage: store, Log: zerolog.Nop(), Coalesce: -1,
		OnWrite: h.write, Advertise: h.advertised,
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetAccessories(as); err != nil {
		t.Fatal(err)
	}
	h.Server = s
	return h
}

// open starts a house of doors on a loopback port and stops it with the test.
func open(t testing.TB, doors int, change func(*Config)) *house {
	t.Helper()
	h := newHouse(t, nil, definitions(doors), change)
	h.start()
	return h
}

func (h *house) start() {
	h.t.Helper()
	if err := h.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(h.stop)
}

func (h *house) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

func (h *house) advertised(ad Advertisement) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ads = append(h.ads, ad)
}

// write is the handler: it shows the target of a door at once, as if it had arrived.
func (h *house) write(ctx context.Context, w Write) (any, Status) {
	h.mu.Lock()
	h.writes = append(h.writes, w)
	handle := h.handle
	h.mu.Unlock()
	if handle != nil {
		return handle(ctx, w)
	}
	if w.IID == iidTarget {
		if err := h.Publish(Value{w.AID, iidTarget, w.Value}, Value{w.AID, iidCurrent, w.Value}); err != nil {
			return nil, StatusNoCommunication
		}
	}
	return nil, StatusOK
}

func (h *house) handler(f func(context.Context, Write) (any, Status)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handle = f
}

func (h *house) written() []Write {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]Write(nil), h.writes...)
}

// dial connects as a controller; nil means a new one.
func (h *house) dial(who *haptest.Controller) *haptest.Client {
	h.t.Helper()
	conn, err := net.Dial("tcp", h.Addr().String())
	if err != nil {
		h.t.Fatal(err)
	}
	c := haptest.New(conn, who)
	h.t.Cleanup(func() { c.Close() })
	return c
}

// pair makes the first pairing.
func (h *house) pair() (*haptest.Controller, *haptest.Accessory) {
	h.t.Helper()
	c := h.dial(nil)
	acc, err := c.PairSetup(h.SetupCode())
	if err != nil {
		h.t.Fatal(err)
	}
	c.Close()
	return c.Controller, acc
}

// session opens a verified session.
func (h *house) session(who *haptest.Controller, acc *haptest.Accessory) *haptest.Client {
	h.t.Helper()
	c := h.dial(who)
	if err := c.PairVerify(acc); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// admin pairs and opens a session.
func (h *house) admin() *haptest.Client {
	h.t.Helper()
	return h.session(h.pair())
}

// user adds a controller without admin rights through an admin's session and opens a session for it.
func (h *house) user(admin *haptest.Client, acc *haptest.Accessory) *haptest.Client {
	h.t.Helper()
	who := haptest.NewController()
	if err := admin.AddPairing(who.ID, who.Public(), false); err != nil {
		h.t.Fatal(err)
	}
	return h.session(who, acc)
}

func (h *house) accessory() *haptest.Accessory {
	return &haptest.Accessory{ID: h.DeviceID(), Key: h.vault.key.Public().(ed25519.PublicKey)}
}

func value(t testing.TB, c *haptest.Client, aid, iid uint64) string {
	t.Helper()
	r, err := c.Get(haptest.ID{AID: aid, IID: iid})
	if err != nil || len(r) != 1 || r[0].Status != nil {
		t.Fatalf("read %d.%d: %v %+v", aid, iid, err, r)
	}
	return string(r[0].Value)
}

// statuses says what became of each item, all 0 after 204.
func statuses(n int, results []haptest.Result) []int {
	out := make([]int, n)
	for i, r := range results {
		if r.Status != nil {
			out[i] = *r.Status
		}
	}
	return out
}

func newCharacteristic(id uint64, typ, format string, val any, perms ...string) *characteristic.C {
	c := characteristic.New()
	c.Id, c.Type, c.Format, c.Val, c.Permissions = id, typ, format, val, perms
	return c
}
