package mrp

import (
	"sync"
	"time"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/session"
)

// link is what an exchange runs on: a secure session, or the plain messages before there is one.
type link interface {
	seal(p message.Protocol, payload []byte) (datagram []byte, counter uint32, err error)
	write(datagram []byte) error
	route() session.Route
	setParams(session.Params)
	interval() time.Duration // between tries, by whether the peer is awake
	done() <-chan struct{}
}

type secureLink struct{ session *session.Session }

func (l *secureLink) seal(p message.Protocol, payload []byte) ([]byte, uint32, error) {
	return l.session.Seal(p, payload)
}

func (l *secureLink) write(b []byte) error { return writeTo(l.session.Route(), b) }

func (l *secureLink) route() session.Route { return l.session.Route() }

func (l *secureLink) setParams(session.Params) {}

func (l *secureLink) interval() time.Duration {
	return interval(l.session.Params(), l.session.ActiveAt())
}

func (l *secureLink) done() <-chan struct{} { return l.session.Done() }

func interval(p session.Params, heard time.Time) time.Duration {
	if time.Since(heard) < p.Threshold {
		return p.Active
	}
	return p.Idle
}

func writeTo(r session.Route, b []byte) error {
	if r.Conn == nil || r.Addr == nil {
		return ErrClosed
	}
	_, err := r.Conn.WriteTo(b, r.Addr)
	return err
}

// plainLink is the unsecured session with one initiator, named by the random node id that it took for the handshake
// (Matter 1.4 4.13.2.1).
type plainLink struct {
	counter   *message.Counter // shared by all plain messages of this node
	node      uint64           // the initiator's ephemeral node id
	initiator bool             // this node is that initiator
	never     chan struct{}

	mu     sync.Mutex
	window message.Window
	params session.Params
	from   session.Route
	heard  time.Time
	users  int // exchanges
}

func newPlainLink(c *message.Counter, node uint64, initiator bool, from session.Route) *plainLink {
	return &plainLink{counter: c, node: node, initiator: initiator, never: make(chan struct{}), params: session.DefaultParams(),
		from: from, heard: time.Now()}
}

func (l *plainLink) seal(p message.Protocol, payload []byte) ([]byte, uint32, error) {
	counter, err := l.counter.Next()
	if err != nil {
		return nil, 0, err
	}
	h := message.Header{Counter: counter}
	if l.initiator {
		h.HasSource, h.Source = true, l.node
	} else {
		h.Dest, h.DestNode = message.ToNode, l.node
	}
	return append(p.Append(h.Append(nil)), payload...), counter, nil
}

func (l *plainLink) write(b []byte) error { return writeTo(l.route(), b) }

func (l *plainLink) route() session.Route {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.from
}

func (l *plainLink) setParams(p session.Params) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.params = p
}

func (l *plainLink) interval() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return interval(l.params, l.heard)
}

func (l *plainLink) done() <-chan struct{} { return l.never }

// fresh says whether a message is new. Nothing here is authentic, so a link stays with the address that began it.
func (l *plainLink) fresh(counter uint32) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard = time.Now()
	return l.window.Fresh(counter, message.Plain)
}

func (l *plainLink) use(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users += n
}

func (l *plainLink) idleSince() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.heard, l.users == 0
}
