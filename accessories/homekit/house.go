// Package homekit shows doors, locks and contacts as HomeKit accessories: which services and
// characteristics they have, what their values mean, and what a write asks of them. It is the only
// place that knows both sides.
//
// A House holds one or more bridges (150 accessories each, HAP R2 2.5.3.2) and the locks that want to be
// accessories of their own. Every number a controller sees is kept for ever in a table, so that neither
// the order of the configuration nor a restart changes what Apple Home knows a door by.
package homekit

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/brutella/hap/accessory"
	"github.com/brutella/hap/service"
	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit"
)

// About is what accessories say of the installation.
type About struct {
	Install  string // the installation's id: serial numbers come from it
	Firmware string
}

// Rules decides what a controller may do; access.May behind the record of that controller.
type Rules interface {
	May(bridge, controller string, admin bool, action device.Action, deviceID string) error
}

// Options of a House.
type Options struct {
	About     About
	Name      string                                       // of the first bridge; the others are numbered
	Addr      string                                       // of the first bridge (":51826"); the others take the next free ports
	Numbers   Storage                                      // aids and iids
	Space     func(bridge string) homekit.Storage          // a bridge's identity and pairings
	Advertise func(bridge string, a homekit.Advertisement) // each change of what the network should see
	Rules     Rules
	Changed   func() // pairings or codes changed; must not block
	Answered  func() // a write of a controller was carried out or refused; must not block
	Log       zerolog.Logger
}

// Item is one device and how it is shown. Exactly one of Door, Lock and Contact is set.
type Item struct {
	Name        string
	Timed       bool // its targets need a prepare: a late write must not open a door
	Door        *device.Door
	DoorFace    DoorFace
	Lock        *device.Lock
	LockFace    LockFace
	Contact     *device.Contact
	ContactFace ContactFace
}

func (i Item) id() string {
	switch {
	case i.Door != nil:
		return i.Door.ID()
	case i.Lock != nil:
		return i.Lock.ID()
	default:
		return i.Contact.ID()
	}
}

func (i Item) ownTile() bool {
	return i.Door != nil && i.DoorFace.OwnTile || i.Lock != nil && i.LockFace.OwnTile
}

// errNotWritable answers a write to something that only looks writable.
var errNotWritable = errors.New("nothing can be written here")

// maxAccessories is a bridge's limit, itself included (HAP R2 2.5.3.2).
const maxAccessories = 150

// House is everything that HomeKit sees.
type House struct {
	opts    Options
	numbers *numbers

	mu      sync.RWMutex
	faces   map[string]*face // by bridge word
	order   []string         // the bridge words in the order in which they are listed
	started bool

	shown atomic.Pointer[map[string]shown] // by device id; read by actors, which must not wait for mu
}

// shown is a device on the server that shows it.
type shown struct {
	face  *face
	thing thing
}

// face is one HAP server: a bridge, or a device of its own.
type face struct {
	word   string
	name   string
	server *homekit.Server
	things atomic.Pointer[map[uint64]thing] // by aid
}

// thing returns the thing behind an accessory; nil for the bridge itself.
func (f *face) thing(aid uint64) thing {
	if m := f.things.Load(); m != nil {
		return (*m)[aid]
	}
	return nil
}

// thing is a device with its accessory.
type thing interface {
	accessory() *accessory.A
	now() ([]homekit.Value, bool) // values and whether it answers
	write(ctx context.Context, iid uint64, value int, cause device.Cause) error
	action(iid uint64, value int) (device.Action, bool)
	identify(ctx context.Context) error
	device() string
}

// New reads the table of numbers. SetItems fills the house, Start opens it.
func New(opts Options) (*House, error) {
	n, err := loadNumbers(opts.Numbers)
	if err != nil {
		return nil, err
	}
	return &House{opts: opts, numbers: n, faces: map[string]*face{}}, nil
}

const mainBridge = "main"

// ownBridge is the word of a device's own server.
func ownBridge(device string) string { return "own/" + device }

// bridgeFor finds the bridge a device lives on: its old one if it has one, else the first with room.
func (h *House) bridgeFor(i Item) string {
	if i.ownTile() {
		return ownBridge(i.id())
	}
	if old := h.numbers.bridgeOf(i.id()); old != "" && !strings.HasPrefix(old, "own/") {
		return old
	}
	for k := 1; ; k++ {
		word := mainBridge
		if k > 1 {
			word += "-" + strconv.Itoa(k)
		}
		if h.numbers.held(word) < maxAccessories-1 {
			return word
		}
	}
}

// SetItems shows exactly these devices, before Start or at run time: what stays keeps its numbers and
// its sessions, what is new is added, what is gone is removed. It fails without having changed anything
// that is served if the numbers cannot be stored.
func (h *House) SetItems(ctx context.Context, items []Item) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	groups := map[string][]thing{mainBridge: nil}
	names := map[string]string{mainBridge: h.opts.Name}
	for _, i := range items {
		word := h.bridgeFor(i)
		t := h.newThing(i, word)
		groups[word] = append(groups[word], t)
		if i.ownTile() {
			names[word] = i.Name
		} else if number, ok := strings.CutPrefix(word, mainBridge+"-"); ok {
			names[word] = h.opts.Name + " " + number
		}
	}
	if err := h.numbers.save(); err != nil {
		return err
	}
	var order []string
	for word := range groups {
		order = append(order, word)
	}
	slices.SortFunc(order, compareBridges)
	if err := h.closeGone(ctx, groups); err != nil {
		return err
	}
	h.order = order
	h.shown.Store(&map[string]shown{}) // nothing of the old house is shown while the new one is put up
	for _, word := range order {
		if err := h.serve(ctx, word, names[word], groups[word]); err != nil {
			return fmt.Errorf("HomeKit bridge %s: %w", word, err)
		}
	}
	live := map[string]shown{}
	for _, word := range order {
		for _, t := range groups[word] {
			live[t.device()] = shown{h.faces[word], t}
		}
	}
	h.shown.Store(&live)
	for _, s := range live {
		h.show(s.face, s.thing) // whatever changed meanwhile
	}
	return nil
}

// compareBridges puts the main bridge first, then main-2 ..., then own tiles by name.
func compareBridges(a, b string) int {
	rank := func(w string) (int, string) {
		switch number, ok := strings.CutPrefix(w, mainBridge+"-"); {
		case w == mainBridge:
			return 0, ""
		case ok:
			n, _ := strconv.Atoi(number)
			return n, ""
		default:
			return 1 << 30, w
		}
	}
	ra, wa := rank(a)
	rb, wb := rank(b)
	if ra != rb {
		return ra - rb
	}
	return strings.Compare(wa, wb)
}

func (h *House) newThing(i Item, word string) thing {
	o := h.opts
	switch {
	case i.Door != nil:
		return newDoorThing(h.numbers, word, o.About, i.Door, i.Name, i.DoorFace, i.Timed)
	case i.Lock != nil:
		return newLockThing(h.numbers, word, o.About, i.Lock, i.Name, i.LockFace, i.Timed)
	default:
		return newContactThing(h.numbers, word, o.About, i.Contact, i.Name, i.ContactFace)
	}
}

// closeGone stops the servers that have nothing to show any more. Their identity stays in the store.
func (h *House) closeGone(ctx context.Context, groups map[string][]thing) error {
	for word, f := range h.faces {
		if _, stays := groups[word]; stays {
			continue
		}
		delete(h.faces, word)
		if err := f.server.Stop(ctx); err != nil {
			return err
		}
	}
	return nil
}

// bridgeAccessory is the first accessory of a bridge: itself (HAP R2 2.5.3.1), with the protocol version.
func (h *House) bridgeAccessory(bridge, name string) *accessory.A {
	f := fit(h.numbers, "bridge:"+bridge, ownBridge("bridge:"+bridge), h.opts.About, name, "Bridge", accessory.TypeBridge)
	version := service.NewProtocolInformation()
	version.Version.Val = "1.1.0"
	f.service("protocol", version.S, word{"version", readOnly(version.Version.C)})
	return f.a
}

func (h *House) addrFor(word string) string {
	if word == mainBridge {
		return h.opts.Addr
	}
	// the others take any free port; it is kept, so that it stays theirs
	host, _, err := net.SplitHostPort(h.opts.Addr)
	if err != nil {
		return ":0"
	}
	return net.JoinHostPort(host, "0")
}
