package homekit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/device/devicetest"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
)

// patience is far above what anything here takes, for a machine that is busy.
const patience = 20 * time.Second

// disk is what outlives a house: the numbers and what each server keeps.
type disk struct {
	mu      sync.Mutex
	numbers *haptest.Memory
	codes   *haptest.Memory // the numbers of codes
	ledger  *haptest.Memory // people and codes
	spaces  map[string]*haptest.Memory
}

func newDisk() *disk {
	return &disk{numbers: haptest.NewMemory(), codes: haptest.NewMemory(), ledger: haptest.NewMemory(), spaces: map[string]*haptest.Memory{}}
}

func (d *disk) space(bridge string) *haptest.Memory {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.spaces[bridge] == nil {
		d.spaces[bridge] = haptest.NewMemory()
	}
	return d.spaces[bridge]
}

// home is a House with devices that are faked at the driver.
type home struct {
	*House
	t       *testing.T
	disk    *disk
	journal *devicetest.Journal
	items   []Item

	mu       sync.Mutex
	wake     chan struct{} // closed and replaced at each change
	ads      map[string]homekit.Advertisement
	goodbyes []string
	troubles []string
	roles    map[string]access.Controller // by controller
	openers  map[string]*devicetest.Opener
	bolts    map[string]*devicetest.Bolt
	sensors  map[string]*devicetest.Sensor
	sessions map[string]session // admins, by bridge
	refused  []device.Entry     // what roles did not allow; guarded by mu
	people   *people            // nil: no codes
}

type session struct {
	who *haptest.Controller
	acc *haptest.Accessory
}

func newHome(t *testing.T, d *disk) *home {
	t.Helper()
	if d == nil {
		d = newDisk()
	}
	h := &home{t: t, disk: d, journal: &devicetest.Journal{}, wake: make(chan struct{}), ads: map[string]homekit.Advertisement{},
		roles: map[string]access.Controller{}, openers: map[string]*devicetest.Opener{}, bolts: map[string]*devicetest.Bolt{},
		sensors: map[string]*devicetest.Sensor{}, sessions: map[string]session{}}
	h.House = New(Options{
		About: About{Install: "11112222", Firmware: "v1.4.0-rc1"}, Name: "Villa Rose", Addr: "127.0.0.1:0", Numbers: d.numbers,
		Space:     func(bridge string) homekit.Storage { return d.space(bridge) },
		Advertise: h.advertised, Rules: h, Changed: h.changed, Refused: h.refuses, Trouble: h.trouble, Log: zerolog.Nop(),
		Codes: d.codes, Register: func() *Register { return h.people.register() },
	})
	return h
}

// refuses notes what a role does not allow.
func (h *home) refuses(e device.Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refused = append(h.refused, e)
}

func (h *home) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	close(h.wake)
	h.wake = make(chan struct{})
}

func (h *home) advertised(bridge string, a homekit.Advertisement) {
	h.mu.Lock()
	if a.Port == 0 {
		delete(h.ads, bridge)
		h.goodbyes = append(h.goodbyes, bridge)
	} else {
		h.ads[bridge] = a
	}
	h.mu.Unlock()
	h.changed()
}

func (h *home) trouble(bridge string, err error) {
	h.mu.Lock()
	h.troubles = append(h.troubles, fmt.Sprintf("%s: %v", bridge, err))
	h.mu.Unlock()
	h.changed()
}

// May implements Rules with the rules of the house.
func (h *home) May(_, controller string, admin bool, action device.Action, id string) error {
	h.mu.Lock()
	c, ok := h.roles[controller]
	h.mu.Unlock()
	if !ok {
		c = access.Controller{ID: controller, Role: access.DefaultRole(admin)}
	}
	return access.May(c, action, id)
}

// MayGiveCodes implements Rules likewise.
func (h *home) MayGiveCodes(_, controller string, admin bool, id string) error {
	h.mu.Lock()
	c, ok := h.roles[controller]
	h.mu.Unlock()
	if !ok {
		c = access.Controller{ID: controller, Role: access.DefaultRole(admin)}
	}
	return access.MayGiveCodes(c, id)
}

// await waits until something holds, looking again at each change.
func (h *home) await(what string, holds func() bool) {
	h.t.Helper()
	deadline := time.After(patience)
	for {
		h.mu.Lock()
		wake := h.wake
		h.mu.Unlock()
		if holds() {
			return
		}
		select {
		case <-wake:
		case <-deadline:
			h.t.Fatalf("%s: not in time", what)
		}
	}
}

func run(t *testing.T, d interface {
	Run(ctx context.Context) error
}) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("device: %v", err)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func gateTraits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true}
}

// door adds a sliding gate that is closed from afar and takes 100 ms.
func (h *home) door(id string, change func(*Item)) *device.Door {
	h.t.Helper()
	o := &devicetest.Opener{ID: id, Traits: gateTraits(), Travel: 100 * time.Millisecond, Journal: h.journal}
	h.openers[id] = o
	d, err := device.NewDoor(device.DoorConfig{ID: id, Name: id, Kind: device.KindGateSliding, Traits: o.Traits, RemoteClose: device.RemoteCloseDeclared}, o,
		device.Deps[device.DoorState]{Journal: h.journal, Memory: &devicetest.Memory{}, Publish: func(device.DoorState) { h.Changed(id); h.changed() }})
	if err != nil {
		h.t.Fatal(err)
	}
	run(h.t, d)
	h.add(Item{Name: id, Timed: true, Door: d}, change)
	return d
}

// lock adds a commanded lock with a contact on its door.
func (h *home) lock(id string, change func(*Item)) *device.Lock {
	h.t.Helper()
	traits := device.BoltTraits{Drive: device.BoltDriveCommanded, SensesBolt: true, SensesDoor: true}
	b := &devicetest.Bolt{ID: id, Traits: traits, Turn: 50 * time.Millisecond, Journal: h.journal}
	h.bolts[id] = b
	l, err := device.NewLock(device.LockConfig{ID: id, Name: id, Traits: traits}, b,
		device.Deps[device.LockState]{Journal: h.journal, Memory: &devicetest.Memory{}, Publish: func(device.LockState) { h.Changed(id); h.changed() }})
	if err != nil {
		h.t.Fatal(err)
	}
	run(h.t, l)
	h.add(Item{Name: id, Timed: true, Lock: l, LockFace: LockFace{DoorSensor: true}}, change)
	return l
}

func (h *home) contact(id string, change func(*Item)) *device.Contact {
	h.t.Helper()
	s := &devicetest.Sensor{}
	h.sensors[id] = s
	c, err := device.NewContact(device.ContactConfig{ID: id, Name: id}, s,
		device.Deps[device.ContactState]{Journal: h.journal, Memory: &devicetest.Memory{}, Publish: func(device.ContactState) { h.Changed(id); h.changed() }})
	if err != nil {
		h.t.Fatal(err)
	}
	run(h.t, c)
	h.add(Item{Name: id, Contact: c}, change)
	return c
}

func (h *home) add(i Item, change func(*Item)) {
	if change != nil {
		change(&i)
	}
	h.items = append(h.items, i)
}

// show calls SetItems with everything that was added.
func (h *home) show() {
	h.t.Helper()
	if err := h.SetItems(context.Background(), h.items); err != nil {
		h.t.Fatal(err)
	}
}

// open shows everything and starts the house, until the end of the test.
func (h *home) open() {
	h.t.Helper()
	h.show()
	if err := h.Start(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(h.stop)
}

func (h *home) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

func (h *home) bridge(word string) Bridge {
	h.t.Helper()
	for _, b := range h.Bridges() {
		if b.Word == word {
			return b
		}
	}
	h.t.Fatalf("no bridge %s in %+v", word, h.Bridges())
	return Bridge{}
}

func (h *home) dial(word string, who *haptest.Controller) *haptest.Client {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := haptest.Dial(ctx, h.bridge(word).Addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	if who != nil {
		c.Controller = who
	}
	return c
}

// admin opens a session of the admin of a bridge, who is paired first if there is none.
func (h *home) admin(word string) *haptest.Client {
	h.t.Helper()
	s, ok := h.sessions[word]
	if !ok {
		c := h.dial(word, nil)
		acc, err := c.PairSetup(h.bridge(word).SetupCode)
		if err != nil {
			h.t.Fatal(err)
		}
		s = session{c.Controller, acc}
		h.sessions[word] = s
		c.Close()
	}
	return h.verify(word, s)
}

func (h *home) verify(word string, s session) *haptest.Client {
	h.t.Helper()
	c := h.dial(word, s.who)
	if err := c.PairVerify(s.acc); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// user adds a controller that is no admin and opens its session.
func (h *home) user(admin *haptest.Client, word string) *haptest.Client {
	h.t.Helper()
	who := haptest.NewController()
	if err := admin.AddPairing(who.ID, who.Public(), false); err != nil {
		h.t.Fatal(err)
	}
	return h.verify(word, session{who, h.sessions[word].acc})
}

// id is where a characteristic of a device is, by our word for it.
func (h *home) id(dev, word string) haptest.ID {
	h.t.Helper()
	h.numbers.mu.Lock()
	defer h.numbers.mu.Unlock()
	p := h.numbers.places[dev]
	if p == nil || p.IIDs[word] == 0 {
		h.t.Fatalf("no %s of %s", word, dev)
	}
	return haptest.ID{AID: p.AID, IID: p.IIDs[word]}
}

// value is what a controller reads, or its status.
func (h *home) value(c *haptest.Client, id haptest.ID) string {
	h.t.Helper()
	r, err := c.Get(id)
	if err != nil || len(r) != 1 {
		h.t.Fatalf("read %v: %v %+v", id, err, r)
	}
	if r[0].Status != nil && *r[0].Status != 0 {
		return fmt.Sprint(*r[0].Status)
	}
	return string(r[0].Value)
}

// write prepares a write, sends it, and returns its status.
func (h *home) write(c *haptest.Client, id haptest.ID, value any) int {
	h.t.Helper()
	if err := c.Prepare(5000, 7); err != nil {
		h.t.Fatal(err)
	}
	return h.status(c.PutTimed(7, haptest.Put{AID: id.AID, IID: id.IID, Value: value}))
}

func (h *home) status(r []haptest.Result, err error) int {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	if r == nil {
		return 0
	}
	if len(r) != 1 || r[0].Status == nil {
		h.t.Fatalf("%+v", r)
	}
	return *r[0].Status
}

// listed is the list of accessories as far as tests look at it.
type listed struct {
	Accessories []struct {
		AID      uint64
		Services []struct {
			IID             uint64
			Type            string
			Characteristics []struct {
				IID   uint64
				Type  string
				Value json.RawMessage
				Perms []string
			}
		}
	}
}

func (h *home) list(c *haptest.Client) (out listed) {
	h.t.Helper()
	body, err := c.Accessories()
	if err == nil {
		err = json.Unmarshal(body, &out)
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// shown is the value of a characteristic in the list of accessories.
func (l listed) value(id haptest.ID) (string, bool) {
	for _, a := range l.Accessories {
		for _, s := range a.Services {
			for _, c := range s.Characteristics {
				if a.AID == id.AID && c.IID == id.IID {
					return string(c.Value), true
				}
			}
		}
	}
	return "", false
}

func (l listed) aids() []uint64 {
	var out []uint64
	for _, a := range l.Accessories {
		out = append(out, a.AID)
	}
	return out
}

// put sets a door down and waits until it is seen there.
func (h *home) put(d *device.Door, at device.Place, seen device.Position) {
	h.t.Helper()
	h.openers[d.ID()].Put(at)
	h.await(d.ID()+" "+seen.String(), func() bool { return d.State().Available && d.State().Position == seen })
}

func (h *home) turn(l *device.Lock, at device.BoltPosition) {
	h.t.Helper()
	h.bolts[l.ID()].Change(func(r *device.LockReading) { r.Bolt, r.DoorOpen = at, device.No })
	h.await(l.ID()+" "+at.String(), func() bool { return l.State().Available && l.State().Bolt == at })
}
