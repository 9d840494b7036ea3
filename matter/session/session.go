package session

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/message"
)

// ErrClosed is returned when a session has ended.
var ErrClosed = errors.New("session: closed")

// Kind says how a session was established, and with that who the peer is to access control.
type Kind uint8

// The kinds; the values are those of AuthMode in access control lists (Matter 1.4 9.10.5.2).
const (
	Unknown Kind = 0
	PASE    Kind = 1 // with the passcode: the peer is whoever knows it
	CASE    Kind = 2 // with certificates of a fabric: the peer is PeerNode with its CATs
)

// String names the kind.
func (k Kind) String() string {
	switch k {
	case PASE:
		return "PASE"
	case CASE:
		return "CASE"
	case Unknown:
	}
	return "unknown"
}

// Route is where a peer was last heard from, and the socket that heard it.
type Route struct {
	Conn net.PacketConn
	Addr net.Addr
}

// Config is what a handshake agreed on.
type Config struct {
	ID, PeerID  uint16 // of this node, and of the peer
	Kind        Kind
	Initiator   bool  // this node began the handshake
	FabricIndex uint8 // 0 on PASE before a fabric was added
	LocalNode   uint64
	PeerNode    uint64
	CATs        []uint32 // CASE authenticated tags of the peer
	Keys        crypto.SessionKeys
	Params      Params // how the peer wants to be spoken to
	Route       Route
}

// Session is an established secure session. Its methods may be used by several goroutines.
type Session struct {
	cfg        Config
	send, recv *crypto.CCM
	counter    *message.Counter
	done       chan struct{}

	mu       sync.Mutex
	fabric   uint8
	window   message.Window
	route    Route
	heard    time.Time
	used     time.Time
	isClosed bool
}

// New makes a session from the result of a handshake.
func New(c Config) (*Session, error) {
	out, in := c.Keys.R2I, c.Keys.I2R
	if c.Initiator {
		out, in = in, out
	}
	send, err := crypto.NewCCM(out[:])
	if err != nil {
		return nil, err
	}
	recv, err := crypto.NewCCM(in[:])
	if err != nil {
		return nil, err
	}
	c.CATs = slices.Clone(c.CATs)
	now := time.Now()
	return &Session{cfg: c, send: send, recv: recv, counter: message.NewCounter(), done: make(chan struct{}),
		fabric: c.FabricIndex, route: c.Route, heard: now, used: now}, nil
}

// ID is the number of the session at this node.
func (s *Session) ID() uint16 { return s.cfg.ID }

// Kind says how the session was established.
func (s *Session) Kind() Kind { return s.cfg.Kind }

// FabricIndex is the fabric the session belongs to; 0 for none.
func (s *Session) FabricIndex() uint8 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fabric
}

// SetFabricIndex gives a PASE session the fabric that was added over it (Matter 1.4 11.18.6.8).
func (s *Session) SetFabricIndex(i uint8) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cfg.Kind == PASE {
		s.fabric = i
	}
}

// LocalNode is the node id of this node in the session; 0 on PASE.
func (s *Session) LocalNode() uint64 { return s.cfg.LocalNode }

// PeerNode is the operational node id that the peer proved; 0 on PASE.
func (s *Session) PeerNode() uint64 { return s.cfg.PeerNode }

// CATs are the CASE authenticated tags that the peer proved.
func (s *Session) CATs() []uint32 { return slices.Clone(s.cfg.CATs) }

// AttestationChallenge is bound into attestation answers over this session.
func (s *Session) AttestationChallenge() []byte { return slices.Clone(s.cfg.Keys.Challenge[:]) }

// Params is how the peer wants to be spoken to.
func (s *Session) Params() Params { return s.cfg.Params }

// Done is closed when the session ends.
func (s *Session) Done() <-chan struct{} { return s.done }

// ActiveAt is when the peer was last heard.
func (s *Session) ActiveAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// usedAt is when a message last went either way.
func (s *Session) usedAt() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.used
}

// Route is where the peer was last heard from.
func (s *Session) Route() Route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route
}

// Seal makes a datagram and says with which counter. It works on a session that has just ended, so that the peer can
// be told.
func (s *Session) Seal(p message.Protocol, payload []byte) (datagram []byte, counter uint32, err error) {
	counter, err = s.counter.Next()
	if err != nil {
		return nil, 0, err
	}
	h := message.Header{SessionID: s.cfg.PeerID, Counter: counter}
	head := h.Append(make([]byte, 0, 64+len(payload)))
	nonce := message.Nonce(h.SecurityFlags(), counter, s.cfg.LocalNode)
	datagram, err = s.send.Seal(head, nonce[:], head, append(p.Append(nil), payload...))
	if err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	s.used = time.Now()
	s.mu.Unlock()
	return datagram, counter, nil
}

// Open checks and opens a datagram of which the header, size octets, was read already.
func (s *Session) Open(h message.Header, datagram []byte, size int) (message.Protocol, []byte, error) {
	nonce := message.Nonce(h.SecurityFlags(), h.Counter, s.cfg.PeerNode)
	// The flags in the nonce are those on the wire, the mark of an extension among them.
	nonce[0] = datagram[3]
	text, err := s.recv.Open(nil, nonce[:], datagram[:size], datagram[size:])
	if err != nil {
		return message.Protocol{}, nil, err
	}
	return message.ParseProtocol(text)
}

// Fresh says whether an opened message is new, remembers it, and that the peer was heard from there.
func (s *Session) Fresh(counter uint32, from Route) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.window.Fresh(counter, message.Sealed) {
		return false // perhaps recorded: it tells nothing of the peer
	}
	s.heard = time.Now()
	s.used, s.route = s.heard, from
	return true
}

// close ends the session; the table calls it.
func (s *Session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isClosed {
		s.isClosed = true
		close(s.done)
	}
}
