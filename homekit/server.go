package homekit

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// TimedWrites says what a write to a characteristic with the permission tw needs.
type TimedWrites string

// The modes of timed writes.
const (
	TimedRequired TimedWrites = "required" // a prepare before it, so that a write that was held up opens no door late
	TimedAccepted TimedWrites = "accepted" // nothing: for controllers that know no prepare
)

// Config describes a server. Name, Model and Storage are needed.
type Config struct {
	Name        string // what Apple Home shows, and the instance name of the announcement
	Model       string
	Category    byte   // of the accessory, HAP R2 13-1; 0 means a bridge
	Addr        string // to listen on; empty means ":51826". Port 0 picks a free one and keeps it
	Storage     Storage
	Log         zerolog.Logger
	TimedWrites TimedWrites // empty means required

	// OnWrite carries out a write that has passed every check. It runs beside others, one at a time for each
	// accessory, and must return before its context ends (HandlerTime). It gets writes of the present value too. The
	// server keeps no value: what is to be shown must be published. A characteristic whose definition has a
	// SetValueRequestFunc is written through that instead.
	OnWrite func(context.Context, Write) (response any, status Status)

	// Authorize is asked at each write, before anything else is looked at; an error refuses it with -70401. Reading
	// cannot be withheld: the list of accessories is the same for all controllers.
	Authorize func(context.Context, Access) error

	// Settled is closed when the first values are there. Until then controllers can pair and open sessions, and what they
	// ask in them waits. nil means that nothing waits.
	Settled <-chan struct{}

	OnIdentify func()              // an unpaired controller asks which accessory this is
	OnPairings func()              // pairings, failures or the setup code changed
	Advertise  func(Advertisement) // called at start and at each change, never twice at a time

	HandlerTime time.Duration // for all writes of a request; 0 means 8 s, as controllers give up at 10 s
	Coalesce    time.Duration // least time between two events of a session; 0 means 1 s (HAP R2 6.8), negative none
	Rand        io.Reader     // nil means crypto/rand
}

// Server is one bridge or accessory: an identity, its pairings, its sessions. Several in a process share nothing.
type Server struct {
	name, model string
	category    byte
	addr        string
	timed       TimedWrites
	onWrite     func(context.Context, Write) (any, Status)
	authorize   func(context.Context, Access) error
	settled     <-chan struct{}
	identify    func()
	onPairings  func()
	advertise   func(Advertisement)
	handlerTime time.Duration
	quiet       time.Duration
	rand        io.Reader
	log         zerolog.Logger
	seeds       seeds

	vault     *vault
	table     *table
	setup     pairSetup
	admission admission
	visits    visits
	born      time.Time    // what is compared is counted from here: the calendar may be set meanwhile
	asked     atomic.Int64 // the age of the server at the last request
	notices   notices
	buffers   sync.Pool
	setting   sync.Mutex // SetAccessories, one at a time

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu       sync.Mutex
	listener net.Listener
	stopped  bool
	err      error
	done     chan struct{}
}

var errStopped = errors.New("homekit: the server is stopped")

// New opens the storage, or creates an identity in an empty one. It returns ErrDamaged if the identity cannot be read;
// other damage is reported by Damaged, and closes pairing.
func New(c Config) (*Server, error) {
	if c.Storage == nil {
		return nil, errors.New("homekit: no storage")
	}
	for what, s := range map[string]string{"name": c.Name, "model": c.Model} {
		if err := checkText(s, textMax); err != nil || s == "" {
			return nil, fmt.Errorf("homekit: %s %q: 1 to %d bytes without control characters are needed", what, s, textMax)
		}
	}
	switch c.TimedWrites {
	case "":
		c.TimedWrites = TimedRequired
	case TimedRequired, TimedAccepted:
	default:
		return nil, fmt.Errorf("homekit: timed writes %q: required or accepted", c.TimedWrites)
	}
	if c.Category == 0 {
		c.Category = 2
	}
	if c.Addr == "" {
		c.Addr = ":51826"
	}
	if c.HandlerTime == 0 {
		c.HandlerTime = 8 * time.Second
	}
	if c.Coalesce == 0 {
		c.Coalesce = time.Second
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Settled == nil {
		settled := make(chan struct{})
		close(settled)
		c.Settled = settled
	}
	v, err := openVault(c.Storage, c.Rand)
	if err != nil {
		return nil, err
	}
	s := &Server{
		born:  time.Now(),
		seeds: newSeeds(),
		name:  c.Name, model: c.Model, category: c.Category, addr: c.Addr, timed: c.TimedWrites, onWrite: c.OnWrite,
		authorize: c.Authorize, settled: c.Settled, identify: c.OnIdentify, onPairings: c.OnPairings, advertise: c.Advertise,
		handlerTime: c.HandlerTime, quiet: max(c.Coalesce, 0), rand: c.Rand, log: c.Log,
		vault: v, table: newTable(), setup: pairSetup{group: newSRPGroup()}, notices: newNotices(), done: make(chan struct{}),
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	s.buffers.New = func() any { return new([]byte) }
	if d := v.damage(); len(d) > 0 {
		s.log.Error().Strs("records", d).Msg("records are damaged: pairing is closed")
	}
	return s, nil
}

// Start listens and serves until Stop. The context is used for starting only. SetAccessories comes before it, or, for a
// server that was used before, later but before Settled: controllers can prove who they are without it.
func (s *Server) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.stopped:
		return errStopped
	case s.listener != nil:
		return errors.New("homekit: the server is started")
	case s.vault.configInfo().number == 0 || len(s.table.structure().units) == 0 && s.isSettled():
		return errors.New("homekit: no accessories were set")
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.listener = l
	s.running.Go(func() { s.acceptAll(l) })
	s.running.Go(s.tell)
	s.announce()
	return nil
}

func (s *Server) isSettled() bool {
	select {
	case <-s.settled:
		return true
	default:
		return false
	}
}

// Stop closes every connection and waits for what runs, until the context ends.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	if s.listener != nil {
		s.listener.Close()
	}
	s.mu.Unlock()
	s.end(nil)
	s.cancel(errStopped)
	for _, ss := range s.table.listeners() {
		ss.close()
	}
	for _, c := range s.admission.all() {
		c.close()
	}
	all := make(chan struct{})
	go func() {
		s.running.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("homekit: stop: %w", context.Cause(ctx))
	}
}

// Done is closed when the server has ended, by Stop or because it cannot listen any more; Err then says why.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err is nil after Stop, and before the end.
func (s *Server) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Server) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.done:
	default:
		s.err = err
		close(s.done)
	}
}

// acceptAll takes connections. Running out of descriptors is waited out, anything else ends the server.
func (s *Server) acceptAll(l net.Listener) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		nc, err := l.Accept()
		if err == nil {
			s.mu.Lock()
			stopped := s.stopped
			s.mu.Unlock()
			if stopped {
				nc.Close()
				return
			}
			s.accept(nc)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if !passing(err) {
			s.log.Error().Err(err).Msg("cannot accept connections any more")
			s.end(fmt.Errorf("homekit: accept: %w", err))
			return
		}
		pause.Reset(100 * time.Millisecond)
		select {
		case <-pause.C:
		case <-s.done:
			return
		}
	}
}

// passing reports whether an error of accept says nothing about the listener.
func passing(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED, syscall.EINTR} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// buffer lends a buffer for an answer; recycle takes it back once it is written.
func (s *Server) buffer() []byte { return (*s.buffers.Get().(*[]byte))[:0] }

func (s *Server) recycle(b []byte) {
	if cap(b) >= headRoom && cap(b) <= 512<<10 {
		s.buffers.Put(&b)
	}
}

// age is how long there has been this server.
func (s *Server) age() time.Duration {
	if s.seeds.has(seedCalendar) {
		return time.Since(s.born.Round(0))
	}
	return time.Since(s.born)
}

// Asked is when the last request came, by the monotonic clock; the zero time if there was none.
func (s *Server) Asked() time.Time {
	if at := s.asked.Load(); at != 0 {
		return s.born.Add(time.Duration(at))
	}
	return time.Time{}
}

// DeviceID returns the id that the announcement carries, as XX:XX:XX:XX:XX:XX.
func (s *Server) DeviceID() string { return s.vault.deviceID }

// SetupCode returns the code as XXX-XX-XXX while nobody is paired, else "".
func (s *Server) SetupCode() string {
	if !s.vault.unpaired() {
		return ""
	}
	return s.vault.setupInfo().code
}

// SetupURI returns the text of the QR code while nobody is paired, else "".
func (s *Server) SetupURI() string {
	if !s.vault.unpaired() {
		return ""
	}
	i := s.vault.setupInfo()
	return setupPayload(i.code, i.id, setupFlagIP, s.category)
}

// SetupID returns the four characters that tie the QR code to the announcement.
func (s *Server) SetupID() string { return s.vault.setupInfo().id }
