// Package commission shows the house to Matter: it keeps one Matter node running, lets ecosystems in and out, and says how
// that stands. It knows what a node needs of the program, and no door.
package commission

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	face "github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/mdns"
)

// ErrOff says that the house has no Matter node at the moment: it is switched off, or does not start.
var ErrOff = errors.New("the Matter server is not running")

// Off is the address of a house that is not shown to Matter.
const Off = "off"

// Bridge is what roles and names of fabrics are kept under, where a controller of HomeKit has its bridge's id.
const Bridge = "matter"

// Rules decides what a controller may do: access.May behind the record of its fabric.
type Rules interface {
	May(bridge, controller string, admin bool, action device.Action, deviceID string) error
}

// byFabric asks the rules for the fabric of a node: an owner gives an ecosystem a role, not each of its hubs.
type byFabric struct{ rules Rules }

// May implements face.Rules.
func (b byFabric) May(fabric, _ string, admin bool, action device.Action, deviceID string) error {
	return b.rules.May(Bridge, fabric, admin, action, deviceID)
}

// Options say what a Node needs. All functions may be called from several goroutines.
type Options struct {
	About    About
	Addr     string                               // ":5540", or Off
	Storage  matter.Storage                       // of what must never be lost
	Light    matter.Storage                       // of what the node can do without after a restart
	Labels   face.Storage                         // of what controllers call devices
	Announce func([]mdns.Service)                 // all that the network should see; must not wait
	Clock    func() (now time.Time, trusted bool) // calendar time
	Rules    Rules
	Register func() *face.Register // whose PINs open locks; called when the node starts
	Answered func()                // a command was carried out or refused
	Refused  func(device.Entry)    // what a role does not allow, for the history
	Changed  func()                // what Status says may have changed; must not wait
	// Find looks on the network for a service by its name and type, until ctx ends; nil: controllers are looked for where they were.
	Find func(ctx context.Context, instance, kind string) (netip.AddrPort, error)
	Log  zerolog.Logger
}

// Node is the Matter node of a house. Its methods may be called from any goroutine.
type Node struct {
	opts    Options
	storage *storage
	cancel  context.CancelFunc
	done    chan struct{} // closed when nothing runs any more
	built   chan built    // holds what Ahead made
	edited  chan struct{} // holds one: people or codes have changed
	wrong   *complaints

	mu     sync.Mutex
	server *matter.Server // nil while there is none that runs
	err    error          // why there is none
	deaf   error          // why its socket is down
	items  []face.Item
	house  atomic.Pointer[face.House] // what the server shows; actors read it
}

// built is a server without devices.
type built struct {
	server  *matter.Server
	settled chan<- struct{} // to be closed when the devices are there
	conn    net.PacketConn
	started bool // for those who know it already
	err     error
}

// drop ends a server that nobody shows anything on.
func (b built) drop() {
	switch {
	case b.started && b.err == nil:
		b.server.Stop()
	case b.conn != nil:
		_ = b.conn.Close() // nobody has used it
	}
}

// New returns a node that does not run.
func New(opts Options) *Node {
	return &Node{opts: opts, storage: newStorage(opts.Storage, opts.Light), done: make(chan struct{}), edited: make(chan struct{}, 1),
		wrong: newComplaints(opts.Log)}
}

// Off reports whether the owner wants no Matter.
func (n *Node) Off() bool { return n.opts.Addr == Off }

// Ahead begins to read what is stored, while the rest of the house starts.
func (n *Node) Ahead() {
	if n.Off() {
		return
	}
	n.built = make(chan built, 1)
	go func() { n.built <- n.build() }()
}

// Times between two tries to start the node.
const (
	firstWait   = time.Second
	longestWait = time.Minute
)

// Start starts the node. That it cannot be started is told, and keeps nobody from the doors: it is tried again.
func (n *Node) Start(ctx context.Context) {
	if n.Off() {
		close(n.done)
		return
	}
	if n.built == nil {
		n.Ahead()
	}
	life, cancel := context.WithCancel(context.Background())
	n.mu.Lock()
	n.cancel = cancel
	n.mu.Unlock()
	first := <-n.built
	err := first.err
	if err == nil {
		err = n.serve(ctx, first)
	}
	if err != nil {
		n.failed(err, firstWait)
	}
	go func() {
		defer close(n.done)
		if err != nil {
			n.retry(life)
		}
		n.follow(life)
	}()
}

func (n *Node) failed(err error, wait time.Duration) {
	n.opts.Log.Error().Err(err).Dur("wait", wait).Msg("Matter does not start, trying again")
	n.mu.Lock()
	n.err = err
	n.mu.Unlock()
	n.opts.Changed()
}

// retry starts the node as soon as that is possible.
func (n *Node) retry(ctx context.Context) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		b := n.build()
		err := b.err
		if err == nil {
			err = n.serve(ctx, b)
		}
		if err == nil {
			n.opts.Changed()
			return
		}
		n.failed(err, min(2*wait, longestWait))
	}
}

// serve fills a server and starts it.
func (n *Node) serve(ctx context.Context, b built) error {
	server := b.server
	house, err := face.New(face.Config{Server: server, Storage: n.opts.Labels, Rules: byFabric{n.opts.Rules}, Register: n.opts.Register(),
		About: face.About{Install: n.opts.About.Install, Firmware: n.opts.About.Version}, Answered: n.opts.Answered, Refused: n.opts.Refused, Log: n.opts.Log})
	if err != nil {
		b.drop()
		return err
	}
	n.mu.Lock()
	n.house.Store(house)
	n.first(house)
	n.mu.Unlock()
	close(b.settled)
	if !b.started {
		err = server.Start(ctx)
	}
	if err != nil {
		n.house.Store(nil)
		house.Close()
		return err
	}
	n.mu.Lock()
	n.server, n.err = server, nil
	n.mu.Unlock()
	return nil
}

// Places is how many places to guess PINs at the node adds to the keypads of the house.
func (n *Node) Places() int {
	if n.Off() {
		return 0
	}
	return face.Guesses
}

// TakesPIN reports whether an ecosystem that is there can send a PIN with its command to a lock.
func (n *Node) TakesPIN(lock string) bool {
	server, err := n.running()
	if err != nil || len(server.Fabrics()) == 0 {
		return false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.items, func(i face.Item) bool { return i.Lock != nil && i.Lock.ID() == lock && i.LockFace.Codes })
}

// NetworkChanged tells that interfaces or addresses of the machine have changed. It never waits.
func (n *Node) NetworkChanged() {
	if server, err := n.running(); err == nil {
		server.NetworkChanged()
	}
}

// PeopleChanged tells that people or codes have changed. It never waits.
func (n *Node) PeopleChanged() {
	select {
	case n.edited <- struct{}{}:
	default:
	}
}

// follow tells the locks of people who come and go, until ctx ends.
func (n *Node) follow(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-n.edited:
		}
		if house := n.house.Load(); house != nil {
			house.PeopleChanged()
		}
	}
}

// first puts the devices on a server that nobody sees yet. Numbers that cannot be kept are never shown. n.mu is held.
func (n *Node) first(house *face.House) {
	n.storage.begin()
	n.show(house)
	if err := n.storage.keep(); err != nil {
		n.opts.Log.Error().Err(err).Msg("the Matter numbers of new devices could not be kept")
		_ = house.SetItems(nil) // nothing is left to fail
		n.show(house)
	}
}

// show puts the devices on the server. One that cannot be shown, because its number cannot be kept, keeps nobody else out.
// n.mu is held.
func (n *Node) show(house *face.House) {
	if err := house.SetItems(n.items); err != nil {
		n.opts.Log.Error().Err(err).Msg("not every device is shown to Matter")
	}
}

// SetItems shows exactly these devices, now or when the node starts. What stays as it is keeps its endpoint.
func (n *Node) SetItems(items []face.Item) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.items = items
	if house := n.house.Load(); house != nil {
		n.show(house)
	}
}

// Show tells that the state of a device has changed. Actors call it: it waits for memory only.
func (n *Node) Show(id string) {
	if house := n.house.Load(); house != nil {
		house.Changed(id)
	}
}

// Stop ends the node. Controllers are told. It waits until ctx ends.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	cancel := n.cancel
	n.mu.Unlock()
	if cancel == nil {
		return n.dropAhead()
	}
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-n.done
		n.mu.Lock()
		server, house := n.server, n.house.Swap(nil)
		n.server = nil
		n.mu.Unlock()
		if server != nil {
			server.Stop()
		}
		if house != nil {
			house.Close()
		}
		n.wrong.end()
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the Matter server still runs: %w", ctx.Err())
	}
}

// dropAhead ends what Ahead began for a house that does not start.
func (n *Node) dropAhead() error {
	if n.built == nil {
		return nil
	}
	b := <-n.built
	n.built = nil
	b.drop()
	return nil
}

// running returns the server, or ErrOff.
func (n *Node) running() (*matter.Server, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.server == nil {
		return nil, ErrOff
	}
	return n.server, nil
}
