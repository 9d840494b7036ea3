package mdns

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// ErrClosed says that the responder has ended.
var ErrClosed = errors.New("mdns: responder is closed")

// Config says where and under which name to respond. The zero value serves all sensible interfaces.
type Config struct {
	// Interfaces are the names of the interfaces to join and to announce on. None means all that are
	// up and carry multicast, except the loopback and the bridges of containers and virtual machines.
	Interfaces []string
	// Hostname is the host name to claim, one label without ".local". Empty means the machine's name
	// with a random suffix, so that it clashes neither with another responder on this machine nor with
	// a clone of it. State one where it should stay the same over restarts.
	Hostname string
	// Log hears about joined interfaces, conflicts and renaming.
	Log zerolog.Logger
	// Changed hears that interfaces or addresses that are served came, went or changed, from the goroutine that answers: it must
	// not wait. nil: nobody.
	Changed func()
	// Transport replaces the sockets on port 5353; tests use mdnstest.
	Transport Transport
}

// Responder answers for services of this process. Its methods may be called from any goroutine.
type Responder struct {
	owner    *owner
	mail     *mailbox
	tr       Transport
	stop     chan struct{}
	stopOnce sync.Once
	started  atomic.Bool
	done     chan struct{}
}

// New opens the sockets on UDP port 5353, side by side with other responders of the machine. It
// joins and sends nothing yet: that is Run.
func New(cfg Config) (*Responder, error) {
	label, err := hostname(cfg.Hostname)
	if err != nil {
		return nil, err
	}
	tr := cfg.Transport
	if tr == nil {
		if tr, err = openSockets(cfg.Log); err != nil {
			return nil, fmt.Errorf("mdns: %w", err)
		}
	}
	r := &Responder{
		mail: newMailbox(),
		tr:   tr,
		stop: make(chan struct{}),
		done: make(chan struct{}),
	}
	r.owner = newOwner(cfg, tr, label)
	return r, nil
}

// hostname checks the configured label or makes one from the machine's name.
func hostname(configured string) (string, error) {
	if configured != "" {
		if len(configured) > maxLabel || sanitise(configured) != configured {
			return "", fmt.Errorf("mdns: host name %q is not one label of letters, digits and hyphens", configured)
		}
		return configured, nil
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = ""
	}
	suffix := make([]byte, 4)
	if _, err := rand.Read(suffix); err != nil {
		return "", fmt.Errorf("mdns: random host name: %w", err)
	}
	return hostLabel(machine) + "-" + hex.EncodeToString(suffix), nil
}

// Run serves until ctx ends or Close is called, then says goodbye, closes the sockets and returns
// nil, within half a second. It returns an error when the sockets fail. It can be called once.
func (r *Responder) Run(ctx context.Context) error {
	if !r.started.CompareAndSwap(false, true) {
		return ErrClosed
	}
	defer close(r.done)
	defer r.mail.close()
	err := r.owner.run(ctx, r.stop, r.mail)
	if err != nil {
		return fmt.Errorf("mdns: %w", err)
	}
	return nil
}

// Close ends Run and waits for its goodbyes, until ctx ends at the latest.
func (r *Responder) Close(ctx context.Context) error {
	r.stopOnce.Do(func() { close(r.stop) })
	if r.started.CompareAndSwap(false, true) {
		defer close(r.done)
		r.mail.close()
		return r.tr.Close()
	}
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Hostname is the host name that is claimed now, with ".local". A conflict may change it.
func (r *Responder) Hostname() string { return *r.owner.hostName.Load() }

// Publish announces a service. It checks s and returns at once; probing and announcing go on while
// Run runs, on each interface as it comes. See Registration.
func (r *Responder) Publish(s Service) (*Registration, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("mdns: publish: %w", err)
	}
	g := newRegistration(r, s)
	if !r.mail.post(func(o *owner) { o.publish(g, time.Now()) }) {
		return nil, ErrClosed
	}
	return g, nil
}

// ask runs a question on the owner and waits for it.
func (r *Responder) ask(ctx context.Context, question func(*owner)) error {
	answered := make(chan struct{})
	if !r.mail.post(func(o *owner) { question(o); close(answered) }) {
		return ErrClosed
	}
	select {
	case <-answered:
		return nil
	case <-r.done:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// mailbox hands work to the owner in order and never blocks the sender. It is filled by calls of the
// process itself, never from the network.
type mailbox struct {
	mu     sync.Mutex
	queue  []func(*owner)
	closed bool
	wake   chan struct{}
}

func newMailbox() *mailbox { return &mailbox{wake: make(chan struct{}, 1)} }

// post says false after close.
func (m *mailbox) post(f func(*owner)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false
	}
	m.queue = append(m.queue, f)
	select {
	case m.wake <- struct{}{}:
	default:
	}
	return true
}

func (m *mailbox) take() []func(*owner) {
	m.mu.Lock()
	defer m.mu.Unlock()
	queue := m.queue
	m.queue = nil
	return queue
}

func (m *mailbox) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed, m.queue = true, nil
}
