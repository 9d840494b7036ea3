// Package homekit shows doors, locks and contacts as HomeKit accessories: which services and
// characteristics they have, what their values mean, and what a write asks of them. It is the only
// place that knows both sides.
//
// A House holds one or more bridges (150 accessories each, HAP R2 2.5.3.2) and the devices that want to
// be accessories of their own. Every number a controller sees is kept for ever in a table, so that
// neither the order of the configuration nor a restart changes what Apple Home knows a door by.
package homekit

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/brutella/hap/accessory"
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
	// MayGiveCodes is whether it sees and changes the codes of a device: access.MayGiveCodes.
	MayGiveCodes(bridge, controller string, admin bool, deviceID string) error
}

// Options of a House. The functions are called from several goroutines and must not block; all but
// Space may be nil.
type Options struct {
	About     About
	Name      string                                       // of the first bridge; the others are numbered
	Addr      string                                       // of the first bridge (":51826"); the others take any free port and keep it
	Numbers   Storage                                      // aids and iids
	Space     func(bridge string) homekit.Storage          // a server's identity and pairings
	Advertise func(bridge string, a homekit.Advertisement) // each change of what the network should see; port 0: nothing any more
	Rules     Rules
	Codes     Storage                        // the numbers that codes have in Home; nil: no codes are shown
	Register  func() *Register               // whose PINs open doors; called when devices have settled
	Settled   <-chan struct{}                // closed when devices have told where they are: until then what controllers ask waits; nil: it does not
	Changed   func()                         // pairings or codes changed
	Answered  func()                         // a write of a controller was carried out or refused
	Refused   func(device.Entry)             // what a controller's role does not let it do, for the history
	Trouble   func(bridge string, err error) // a server cannot be made or ended by itself; nil: it is back
	Log       zerolog.Logger
}

// Item is one device and how it is shown. Exactly one of Door, Lock and Contact is set.
type Item struct {
	Name        string
	Codes       bool // a door or lock that codes open: at a keypad of the house, or on a lock that keeps them
	Missing     bool // the hardware is not there: whether a lock keeps codes is what it was
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

// thing is a device with its accessory.
type thing interface {
	accessory() *accessory.A
	now() (values []homekit.Value, answers bool)
	write(ctx context.Context, iid uint64, value int, by device.Command) error
	action(iid uint64, value int) (device.Action, bool) // the right that a write needs; false: nothing is written there
	identify(ctx context.Context) error
	codes() *codePart // nil: nobody can type any
	device() string
}

// House is everything that HomeKit sees. Its methods may be called from any goroutine.
type House struct {
	opts    Options
	numbers *numbers

	mu      sync.RWMutex
	faces   map[string]*face // by bridge
	filled  bool             // devices were shown once
	started bool
	stopped bool

	coding sync.Mutex // held while codes are shown or changed, disk and all; never by actors
	books  map[string]*codeBook
	made   map[string]bool // people whom Home made; nil until it could be read
	untold map[string]bool // devices of which it was told that their codes cannot be shown
	recode chan struct{}   // codes have changed

	watches sync.WaitGroup
	shown   atomic.Pointer[map[string]shown] // by device id; read by actors, which must not wait for mu
}

// shown is a device on the server that shows it.
type shown struct {
	face  *face
	thing thing
}

// New returns a house without devices. SetItems fills it, Start opens it.
func New(opts Options) *House {
	if opts.Advertise == nil {
		opts.Advertise = func(string, homekit.Advertisement) {}
	}
	if opts.Trouble == nil {
		opts.Trouble = func(string, error) {}
	}
	if opts.Refused == nil {
		opts.Refused = func(device.Entry) {}
	}
	if opts.Answered == nil {
		opts.Answered = func() {}
	}
	h := &House{opts: opts, faces: map[string]*face{}, books: map[string]*codeBook{}, untold: map[string]bool{}, recode: make(chan struct{}, 1)}
	h.shown.Store(&map[string]shown{})
	return h
}

// Ahead lets the controllers of the first bridge connect before SetItems: they prove who they are while
// the devices are still being opened, and what they ask waits (Options.Settled). It does nothing for a
// bridge that has no controllers, or that cannot be opened so: Start sees to those.
func (h *House) Ahead(ctx context.Context) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.opts.Settled == nil || h.stopped || len(h.faces) > 0 {
		return
	}
	if records, err := h.opts.Space(mainBridge).List(""); err != nil || len(records) == 0 {
		return
	}
	f := &face{bridge: mainBridge, name: h.bridgeName(mainBridge), model: bridgeModel, category: accessory.TypeBridge, closing: make(chan struct{})}
	if err := h.connect(f, nil); err != nil || !f.server.Load().Paired() {
		return
	}
	if err := h.startFace(ctx, f); err != nil {
		h.opts.Log.Debug().Err(err).Msg("controllers are let in later")
		return
	}
	h.faces[mainBridge] = f
}

// read reads the table of numbers.
func (h *House) read() (err error) {
	if h.numbers == nil {
		h.numbers, err = loadNumbers(h.opts.Numbers)
	}
	return err
}

// SetItems shows exactly these devices, before Start or at run time: what stays keeps its numbers and
// its sessions, what is new is added, what is gone is removed. On an error nothing has changed.
//
// Two failures are not errors. A server whose identity is damaged is left out and told of (Trouble):
// the others go on. And at the first call, when the disk takes no new numbers, devices that never had
// one are left out: everybody else gets in.
func (h *House) SetItems(ctx context.Context, items []Item) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return errStopped
	}
	if err := h.read(); err != nil {
		return err
	}
	groups := h.plan(items)
	if err := h.numbers.save(); err != nil {
		if h.filled {
			return err
		}
		var left []string
		groups, left = h.onlyStored(groups)
		h.opts.Log.Error().Err(err).Strs("devices", left).Msg("new devices are not shown, their numbers cannot be kept")
	}
	fresh, err := h.open(ctx, groups)
	if err != nil {
		return err
	}
	gone := maps.Clone(h.faces)
	faces, live := map[string]*face{}, map[string]shown{}
	var errs []error
	for _, g := range groups {
		f := fresh[g.bridge]
		if f == nil {
			if f = h.faces[g.bridge]; f == nil {
				continue // it is in trouble
			}
			errs = append(errs, f.fill(g))
		}
		delete(gone, g.bridge)
		faces[g.bridge] = f
		for _, t := range g.things {
			live[t.device()] = shown{f, t}
		}
	}
	h.faces, h.filled = faces, true
	h.shown.Store(&live)
	for _, s := range live {
		h.show(s) // whatever changed meanwhile
	}
	for _, f := range gone {
		if err := h.close(ctx, f); err != nil {
			h.opts.Log.Warn().Err(err).Str("bridge", f.bridge).Msg("HomeKit server still runs something")
		}
	}
	return errors.Join(errs...)
}

var errStopped = errors.New("homekit: the house is stopped")

// open makes the servers that are missing, filled, and started if the house is. If one cannot start,
// none of them stays.
func (h *House) open(ctx context.Context, groups []*group) (map[string]*face, error) {
	fresh := map[string]*face{}
	for _, g := range groups {
		if h.faces[g.bridge] != nil {
			continue
		}
		f := &face{bridge: g.bridge, name: g.name, model: g.model(), category: g.category(), closing: make(chan struct{})}
		if err := h.connect(f, g); err != nil {
			h.opts.Log.Error().Err(err).Str("bridge", g.bridge).Msg("HomeKit server cannot be made")
			h.opts.Trouble(g.bridge, err)
			continue
		}
		h.opts.Trouble(g.bridge, nil)
		fresh[g.bridge] = f
	}
	if !h.started {
		return fresh, nil
	}
	for _, f := range fresh {
		if err := h.startFace(ctx, f); err != nil {
			for _, f := range fresh {
				err = errors.Join(err, h.close(ctx, f))
			}
			return nil, err
		}
	}
	return fresh, nil
}

// show puts the present truth of a device on its server, all values in one message. Reading the state
// and publishing it are one step, so that the newest state is the last that is published.
func (h *House) show(s shown) {
	s.face.showing.Lock()
	defer s.face.showing.Unlock()
	values, answers := s.thing.now()
	server := s.face.server.Load()
	server.SetReachable(s.thing.accessory().Id, answers)
	if err := server.Publish(values...); err != nil {
		h.opts.Log.Error().Err(err).Str("device", s.thing.device()).Msg("values not shown")
	}
}

// Changed tells that the state of a device has changed. Actors call it: it waits for memory only.
func (h *House) Changed(id string) {
	if s, ok := (*h.shown.Load())[id]; ok {
		h.show(s)
	}
}

// Start opens every server. It returns once all of them accept connections; on an error none does.
func (h *House) Start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped {
		return errStopped
	}
	h.started = true
	for _, f := range h.ordered() {
		if err := h.startFace(ctx, f); err != nil {
			h.stopped = true
			return errors.Join(err, h.closeAll(ctx))
		}
	}
	return nil
}

// startFace opens a server that is not open yet.
func (h *House) startFace(ctx context.Context, f *face) error {
	s := f.server.Load()
	if s.Addr() != nil {
		return nil
	}
	if err := s.Start(ctx); err != nil {
		return fmt.Errorf("HomeKit bridge %s: %w", f.bridge, err)
	}
	h.watches.Go(func() { h.watch(f, s) })
	return nil
}

// Stop closes every server, for good. It waits for what runs, until ctx ends.
func (h *House) Stop(ctx context.Context) error {
	h.mu.Lock()
	h.stopped = true
	err := h.closeAll(ctx)
	h.mu.Unlock()
	h.watches.Wait() // every one of them has been told
	return err
}

func (h *House) closeAll(ctx context.Context) error {
	errs := make([]error, len(h.faces))
	var wg sync.WaitGroup
	for i, f := range h.ordered() {
		wg.Go(func() { errs[i] = h.close(ctx, f) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ordered lists the servers, the main bridge first.
func (h *House) ordered() []*face {
	return slices.SortedFunc(maps.Values(h.faces), func(a, b *face) int { return compareBridges(a.bridge, b.bridge) })
}
