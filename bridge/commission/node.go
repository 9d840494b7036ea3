// Package commission shows the house to Matter: it keeps one Matter node running, lets ecosystems in and out, and says how
// that stands. It knows what a node needs of the program, and no door.
package commission

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/matter"
	"github.com/loquet/loquet/mdns"
)

// ErrOff says that the house has no Matter node at the moment: it is switched off, or does not start.
var ErrOff = errors.New("Matter is not running")

// Off is the address of a house that is not shown to Matter.
const Off = "off"

// Face is what the node shows: endpoints that were put on a server before it starts, and the means to change them.
type Face interface {
	// Close stops showing; the server has stopped by then.
	Close()
}

// Options say what a Node needs. All functions may be called from several goroutines.
type Options struct {
	About    About
	Addr     string // ":5540", or Off
	Storage  matter.Storage
	Announce func([]mdns.Service)                        // all that the network should see; must not wait
	Clock    func() (now time.Time, trusted bool)        // calendar time
	Show     func(*matter.Server) (face Face, err error) // puts the devices on a server; nil: there are none
	Changed  func()                                      // what Status says may have changed; must not wait
	Trouble  func(error)                                 // the node does not run; nil: it does
	Log      zerolog.Logger
}

// Node is the Matter node of a house. Its methods may be called from any goroutine.
type Node struct {
	opts    Options
	storage *storage
	cancel  context.CancelFunc
	done    chan struct{} // closed when nothing runs any more
	built   chan built    // holds what Ahead made

	mu      sync.Mutex
	server  *matter.Server // nil while there is none that runs
	face    Face
	started bool
}

// built is a server that has not started.
type built struct {
	server *matter.Server
	err    error
}

// New returns a node that does not run.
func New(opts Options) *Node {
	return &Node{opts: opts, storage: newStorage(opts.Storage), done: make(chan struct{})}
}

// Off reports whether the owner wants no Matter.
func (n *Node) Off() bool { return n.opts.Addr == Off }

// Ahead begins to read what is stored, while the rest of the house starts.
func (n *Node) Ahead() {
	if n.Off() {
		return
	}
	n.built = make(chan built, 1)
	go func() {
		server, err := n.build()
		n.built <- built{server, err}
	}()
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
	n.cancel, n.started = cancel, true
	n.mu.Unlock()
	first := <-n.built
	err := first.err
	if err == nil {
		err = n.serve(ctx, first.server)
	}
	if err == nil {
		n.opts.Trouble(nil)
		close(n.done)
		return
	}
	n.failed(err, firstWait)
	go func() {
		defer close(n.done)
		n.retry(life)
	}()
}

func (n *Node) failed(err error, wait time.Duration) {
	n.opts.Log.Error().Err(err).Dur("wait", wait).Msg("Matter does not start, trying again")
	n.opts.Trouble(err)
}

// retry starts the node as soon as that is possible.
func (n *Node) retry(ctx context.Context) {
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		server, err := n.build()
		if err == nil {
			err = n.serve(ctx, server)
		}
		if err == nil {
			n.opts.Trouble(nil)
			n.opts.Changed()
			return
		}
		n.failed(err, min(2*wait, longestWait))
	}
}

// serve fills a server and starts it.
func (n *Node) serve(ctx context.Context, server *matter.Server) error {
	var face Face
	if n.opts.Show != nil {
		var err error
		if face, err = n.opts.Show(server); err != nil {
			return fmt.Errorf("matter: devices: %w", err)
		}
	}
	if err := server.Start(ctx); err != nil {
		if face != nil {
			face.Close()
		}
		return err
	}
	n.mu.Lock()
	n.server, n.face = server, face
	n.mu.Unlock()
	return nil
}

// Stop ends the node. Controllers are told. It waits until ctx ends.
func (n *Node) Stop(ctx context.Context) error {
	n.mu.Lock()
	cancel := n.cancel
	n.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-n.done
		n.mu.Lock()
		server, face := n.server, n.face
		n.server, n.face = nil, nil
		n.mu.Unlock()
		if server != nil {
			server.Stop()
		}
		if face != nil {
			face.Close()
		}
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("Matter still runs: %w", ctx.Err())
	}
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
