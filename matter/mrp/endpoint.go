package mrp

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/session"
)

// ErrBusy is returned when there are too many exchanges.
var ErrBusy = errors.New("mrp: too many exchanges")

// ProtocolHandler serves one exchange that a peer began, from its first message on. The exchange is closed when it
// returns.
type ProtocolHandler func(ctx context.Context, ex *Exchange, first Message)

// Config is what an Endpoint needs.
type Config struct {
	Conns    []net.PacketConn           // sockets to serve; the endpoint closes them
	Sessions *session.Table             // the node's secure sessions
	Handlers map[uint32]ProtocolHandler // by protocol
	// The limits; zero takes the defaults in brackets.
	MaxExchanges      int // on all sessions [256]
	MaxPerSession     int // on one session [16]
	MaxPlainExchanges int // before a session is established [16]
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v   *int
		def int
	}{{&c.MaxExchanges, 256}, {&c.MaxPerSession, 16}, {&c.MaxPlainExchanges, 16}} {
		if *d.v <= 0 {
			*d.v = d.def
		}
	}
	return c
}

// maxPlainLinks bounds the peers without a session that are remembered, which keeps their duplicates apart.
const maxPlainLinks = 64

// key names an exchange: the session, and the number that the side which began it chose.
type key struct {
	session   uint16 // 0 before a session is established
	node      uint64 // the initiator's ephemeral node id then
	id        uint16
	initiator bool // this node began it
}

// Endpoint is a node's end of all exchanges.
type Endpoint struct {
	cfg     Config
	counter *message.Counter

	mu        sync.Mutex
	ctx       context.Context
	exchanges map[key]*Exchange
	plain     map[uint64]*plainLink
	nextID    uint16
	stopped   bool
	handlers  sync.WaitGroup
}

// New makes an endpoint; Run serves it.
func New(c Config) (*Endpoint, error) {
	if len(c.Conns) == 0 || c.Sessions == nil {
		return nil, errors.New("mrp: an endpoint needs a socket and a session table")
	}
	var b [2]byte
	_, _ = rand.Read(b[:])
	return &Endpoint{cfg: c.withDefaults(), counter: message.NewPlainCounter(), ctx: context.Background(),
		exchanges: map[key]*Exchange{}, plain: map[uint64]*plainLink{}, nextID: binary.LittleEndian.Uint16(b[:])}, nil
}

// Run serves the sockets until ctx ends or one of them fails, then closes them and waits for the handlers.
func (e *Endpoint) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e.mu.Lock()
	e.ctx = ctx
	e.mu.Unlock()
	failed := make(chan error, len(e.cfg.Conns))
	var readers sync.WaitGroup
	for _, c := range e.cfg.Conns {
		readers.Go(func() { failed <- e.read(ctx, c) })
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	e.shut()
	for _, c := range e.cfg.Conns {
		_ = c.Close()
	}
	readers.Wait()
	e.handlers.Wait()
	return err
}

func (e *Endpoint) shut() {
	e.mu.Lock()
	e.stopped = true
	var all []*Exchange
	for _, x := range e.exchanges {
		all = append(all, x)
	}
	e.mu.Unlock()
	for _, x := range all {
		x.Close()
	}
}

// read takes datagrams off a socket. An error that concerns one datagram (an ICMP answer) does not end it.
func (e *Endpoint) read(ctx context.Context, c net.PacketConn) error {
	buf := make([]byte, message.MaxSize+1)
	failures := 0
	for {
		n, addr, err := c.ReadFrom(buf)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		switch {
		case errors.Is(err, net.ErrClosed):
			return err
		case err != nil:
			if failures++; failures > 100 {
				return fmt.Errorf("mrp: socket fails again and again: %w", err)
			}
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		failures = 0
		e.receive(session.Route{Conn: c, Addr: addr}, buf[:n])
	}
}

// NewExchange begins an exchange of a protocol on an established session.
func (e *Endpoint) NewExchange(s *session.Session, protocol uint32) (*Exchange, error) {
	select {
	case <-s.Done():
		return nil, session.ErrClosed
	default:
	}
	return e.begin(&secureLink{s}, key{session: s.ID(), initiator: true}, protocol)
}

// NewPlainExchange begins an exchange with a peer with which there is no session, to establish one.
func (e *Endpoint) NewPlainExchange(to net.Addr, protocol uint32) (*Exchange, error) {
	var b [8]byte
	_, _ = rand.Read(b[:])
	node := binary.LittleEndian.Uint64(b[:]) &^ (1 << 63) // an operational node id, not 0 but once in 2^63
	l := newPlainLink(e.counter, node, true, session.Route{Conn: e.cfg.Conns[0], Addr: to})
	e.mu.Lock()
	e.remember(l)
	e.mu.Unlock()
	return e.begin(l, key{node: node, initiator: true}, protocol)
}

func (e *Endpoint) begin(l link, k key, protocol uint32) (*Exchange, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.makeRoom(k) {
		return nil, ErrBusy
	}
	for range 1 << 16 {
		e.nextID++
		k.id = e.nextID
		if e.exchanges[k] == nil {
			return e.open(l, k, protocol), nil
		}
	}
	return nil, ErrBusy
}

// open enters an exchange; e.mu is held.
func (e *Endpoint) open(l link, k key, protocol uint32) *Exchange {
	x := &Exchange{ep: e, link: l, key: k, protocol: protocol, inbox: make(chan Message, inboxSize), closed: make(chan struct{})}
	e.exchanges[k] = x
	if p, ok := l.(*plainLink); ok {
		p.use(1)
	}
	return x
}

// room says whether one more exchange may begin; e.mu is held.
func (e *Endpoint) room(k key) bool {
	if e.stopped || len(e.exchanges) >= e.cfg.MaxExchanges {
		return false
	}
	same := 0
	for other := range e.exchanges {
		if other.session == k.session {
			same++
		}
	}
	if k.session == 0 {
		return same < e.cfg.MaxPlainExchanges
	}
	return same < e.cfg.MaxPerSession
}

// makeRoom is room, for which the exchange that has been refusing for longest is ended if need be. e.mu is held, but not
// all the time.
func (e *Endpoint) makeRoom(k key) bool {
	if e.room(k) {
		return true
	}
	var oldest *Exchange
	var since int64
	for other, x := range e.exchanges {
		if at := x.refusing.Load(); k.session == 0 && other.session == 0 && at != 0 && (oldest == nil || at < since) {
			oldest, since = x, at
		}
	}
	if oldest == nil {
		return false
	}
	e.mu.Unlock()
	oldest.Close()
	e.mu.Lock()
	return e.room(k)
}

func (e *Endpoint) drop(x *Exchange) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.exchanges[x.key] == x {
		delete(e.exchanges, x.key)
		if p, ok := x.link.(*plainLink); ok {
			p.use(-1)
		}
	}
}

// remember keeps a plain link; the one that was idle longest makes room. e.mu is held.
func (e *Endpoint) remember(l *plainLink) bool {
	if len(e.plain) >= maxPlainLinks {
		var oldest *plainLink
		var since time.Time
		for _, o := range e.plain {
			if at, idle := o.idleSince(); idle && (oldest == nil || at.Before(since)) {
				oldest, since = o, at
			}
		}
		if oldest == nil {
			return false
		}
		delete(e.plain, oldest.node)
	}
	e.plain[l.node] = l
	return true
}

// Notify sends one message on a session without waiting for anything, also when the session has just ended.
func (e *Endpoint) Notify(s *session.Session, protocol uint32, opcode uint8, payload []byte) error {
	e.mu.Lock()
	e.nextID++
	id := e.nextID
	e.mu.Unlock()
	b, _, err := s.Seal(message.Protocol{Initiator: true, Opcode: opcode, Exchange: id, ID: protocol}, payload)
	if err != nil {
		return err
	}
	return writeTo(s.Route(), b)
}

// ack sends a standalone acknowledgement.
func (e *Endpoint) ack(l link, k key, counter uint32) {
	b, _, err := l.seal(message.Protocol{Initiator: k.initiator, HasAck: true, Acked: counter, Opcode: opcodeAck, Exchange: k.id,
		ID: message.SecureChannel}, nil)
	if err == nil {
		_ = l.write(b) // the peer asks again if it is lost
	}
}
