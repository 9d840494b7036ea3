package homekit

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/accessories/hometest"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/homekit/haptest"
)

const patience = hometest.Patience

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
	*hometest.Home
	t     *testing.T
	disk  *disk
	items []Item

	mu       sync.Mutex
	ads      map[string]homekit.Advertisement
	goodbyes []string
	troubles []string
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
	h := &home{t: t, disk: d, ads: map[string]homekit.Advertisement{}, sessions: map[string]session{}}
	h.Home = hometest.New(t, func(id string) { h.Changed(id) })
	h.House = New(Options{
		About: About{Install: "11112222", Firmware: "v1.4.0-rc1"}, Name: "Villa Rose", Addr: "127.0.0.1:0", Numbers: d.numbers,
		Space:     func(bridge string) homekit.Storage { return d.space(bridge) },
		Advertise: h.advertised, Rules: h, Changed: h.Wake, Refused: h.refuses, Trouble: h.trouble, Log: zerolog.Nop(),
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

func (h *home) advertised(bridge string, a homekit.Advertisement) {
	h.mu.Lock()
	if a.Port == 0 {
		delete(h.ads, bridge)
		h.goodbyes = append(h.goodbyes, bridge)
	} else {
		h.ads[bridge] = a
	}
	h.mu.Unlock()
	h.Wake()
}

func (h *home) trouble(bridge string, err error) {
	h.mu.Lock()
	h.troubles = append(h.troubles, fmt.Sprintf("%s: %v", bridge, err))
	h.mu.Unlock()
	h.Wake()
}

// door adds a sliding gate that is closed from afar and takes 100 ms.
func (h *home) door(id string, change func(*Item)) *device.Door {
	h.t.Helper()
	d := h.Gate(id, hometest.GateTraits())
	h.add(Item{Name: id, Timed: true, Door: d}, change)
	return d
}

// lock adds a commanded lock with a contact on its door.
func (h *home) lock(id string, change func(*Item)) *device.Lock {
	h.t.Helper()
	l := h.Lock(id)
	h.add(Item{Name: id, Timed: true, Lock: l, LockFace: LockFace{DoorSensor: true}}, change)
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
