// Package matter shows doors, locks and contacts as bridged devices of a Matter node: which endpoints and clusters they
// have, what their attributes mean, and what a command asks of them. It is the only place that knows both sides.
//
// A lock is a DoorLock. A door is a WindowCovering that goes to its two ends only, with a contact sensor on an endpoint of
// its own, because a cluster outside of a device type makes some controllers show neither; or, where its owner wants that,
// a Closure. The number of an endpoint and its unique id are kept for ever.
package matter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
)

// Server is the Matter node that devices are shown on.
type Server interface {
	EndpointFor(name string) (uint16, error)
	Bridge(c model.EndpointConfig) (*model.Endpoint, error)
	Node() *model.Node
	Fabrics() []*fabric.Fabric
	// Told says whether a controller of a fabric has confirmed how an endpoint is.
	Told(fabric uint8, endpoint uint16) bool
}

// Storage keeps what controllers set: labels, and who is which user of a lock. Apply is all or nothing and durable when it
// returns; a nil value deletes. An error of Get means that a record is damaged, not that it is not there.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// Rules decides what a controller may do; access.May behind the record of that controller. fabric is the compressed fabric
// id and controller the node id, 16 hexadecimal digits each.
type Rules interface {
	May(fabric, controller string, admin bool, action device.Action, deviceID string) error
}

// About is what bridged devices say of the installation.
type About struct {
	Install  string // the installation's id: serial numbers and unique ids come from it
	Firmware string
}

// Config says what a House works with. Server, Storage and Rules are needed. The functions are called from several
// goroutines and must not block.
type Config struct {
	Server   Server
	Storage  Storage
	Rules    Rules
	About    About
	Items    []Item
	Register *Register // whose PINs open locks; nil: locks have no users
	Answered func()    // a command of a controller was carried out or refused; nil: nobody
	// Refused hears of what a controller's role does not let it do, for the history; nil: nobody does.
	Refused func(device.Entry)
	Log     zerolog.Logger
}

// House is everything that Matter controllers see. Its methods may be called from any goroutine.
type House struct {
	c Config

	mu     sync.Mutex
	things map[string]thing // by device id
	closed bool

	books   map[string]*book // by lock
	writing sync.Mutex       // of all books
	guard   guard

	batteries sync.Map                         // ids of devices that told of one
	shown     atomic.Pointer[map[string]thing] // for actors, which must not wait for mu
	ctx       context.Context                  // ends with Close
	end       context.CancelFunc
	begin     sync.Mutex // held for a moment to begin work, or to end it
	work      sync.WaitGroup
}

// ErrClosed is returned by a House after Close.
var ErrClosed = errors.New("accessories/matter: the house is closed")

// thing is a device with its endpoints.
type thing interface {
	device() string
	same(Item) bool
	endpoints() []model.EndpointConfig
	show() // puts the present truth on the endpoints
}

// New shows the devices. It fails when their numbers cannot be kept.
func New(c Config) (*House, error) {
	if c.Refused == nil {
		c.Refused = func(device.Entry) {}
	}
	if c.Answered == nil {
		c.Answered = func() {}
	}
	h := &House{c: c, things: map[string]thing{}, books: map[string]*book{}}
	h.ctx, h.end = context.WithCancel(context.Background())
	h.shown.Store(&map[string]thing{})
	if err := h.SetItems(c.Items); err != nil {
		h.end()
		return nil, err
	}
	return h, nil
}

// SetItems shows exactly these devices: what stays as it is keeps its endpoints, what is new is added, what is gone is
// removed. On an error what could be shown is shown.
func (h *House) SetItems(items []Item) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	next, fresh := map[string]thing{}, []thing(nil)
	var errs []error
	for _, i := range items {
		if t, ok := h.things[i.id()]; ok && t.same(i) {
			next[i.id()] = t
			continue
		}
		t, err := h.make(i)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fresh = append(fresh, t)
	}
	for id, t := range h.things {
		if next[id] == nil {
			h.remove(t)
		}
	}
	for _, t := range fresh {
		if err := h.add(t); err != nil {
			h.remove(t)
			errs = append(errs, err)
			continue
		}
		next[t.device()] = t
	}
	h.things = next
	shown := maps.Clone(next)
	h.shown.Store(&shown)
	for _, t := range next {
		t.show() // whatever changed meanwhile
	}
	return errors.Join(errs...)
}

// add puts the endpoints of a thing on the node.
func (h *House) add(t thing) error {
	for _, e := range t.endpoints() {
		if _, err := h.c.Server.Bridge(e); err != nil {
			return fmt.Errorf("matter: show %s: %w", t.device(), err)
		}
	}
	return nil
}

// remove takes its endpoints off the node, those that are there.
func (h *House) remove(t thing) {
	for _, e := range t.endpoints() {
		if err := h.c.Server.Node().Remove(e.ID); err != nil {
			h.c.Log.Debug().Err(err).Str("device", t.device()).Msg("endpoint not removed")
		}
	}
}

// Changed tells that the state of a device has changed. Actors call it: it waits for memory only.
func (h *House) Changed(id string) {
	if t, ok := (*h.shown.Load())[id]; ok {
		t.show()
	}
}

// Devices lists the devices that are shown, by id.
func (h *House) Devices() []string {
	return slices.Sorted(maps.Keys(*h.shown.Load()))
}

// Run lets the house live until ctx ends, and then closes it.
func (h *House) Run(ctx context.Context) error {
	<-ctx.Done()
	h.Close()
	return ctx.Err()
}

// Close ends what the house does by itself and waits for it. What is shown stays until the server stops.
func (h *House) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.begin.Lock()
	h.end()
	h.begin.Unlock()
	h.work.Wait()
}

// identifyTime bounds a device that shows itself.
const identifyTime = 5 * time.Second

// identify lets a device show which one it is, without being waited for. It moves nothing.
func (h *House) identify(id string, do func(context.Context) error) func(on bool) {
	return func(on bool) {
		if !on {
			return
		}
		h.later(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, identifyTime)
			defer cancel()
			if err := do(ctx); err != nil && !errors.Is(err, errors.ErrUnsupported) && ctx.Err() == nil {
				h.c.Log.Warn().Err(err).Str("device", id).Msg("identify failed")
			}
		})
	}
}

// later does something that nobody waits for but Close.
func (h *House) later(do func(ctx context.Context)) {
	h.begin.Lock()
	defer h.begin.Unlock()
	if h.ctx.Err() == nil {
		h.work.Go(func() { do(h.ctx) })
	}
}

// PeopleChanged tells that people or codes have changed, or groups of doors: locks show who their users are, and tell
// controllers who came and went.
func (h *House) PeopleChanged() {
	h.writing.Lock()
	books := slices.Collect(maps.Values(h.books))
	h.writing.Unlock()
	for _, b := range books {
		if err := b.settle(); err != nil {
			h.c.Log.Warn().Err(err).Str("device", b.lock).Msg("the users of a lock are not up to date")
		}
	}
}
