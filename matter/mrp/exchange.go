package mrp

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/session"
)

// The timing of the protocol (Matter 1.4 4.12.8).
const (
	MaxTransmissions = 5 // the first and four more
	ackDelay         = 200 * time.Millisecond
	backoffBase      = 1.6
	backoffJitter    = 0.25
	backoffMargin    = 1.1
	backoffThreshold = 1
)

// opcodeAck is the standalone acknowledgement of the secure channel protocol.
const opcodeAck = 0x10

// inboxSize is how many messages wait in an exchange; the sides take turns, so one is the rule.
const inboxSize = 4

// ErrNoAnswer is returned when the peer did not acknowledge after all tries.
var ErrNoAnswer = errors.New("mrp: no acknowledgement")

// ErrClosed is returned when the exchange, its session or the endpoint has ended.
var ErrClosed = errors.New("mrp: exchange closed")

// ErrTooLong is returned for a payload that does not fit a datagram.
var ErrTooLong = errors.New("mrp: message too long")

// Message is what a peer sent on an exchange.
type Message struct {
	Protocol uint32
	Opcode   uint8
	Reliable bool // the peer wants it acknowledged; the exchange does that by itself
	Payload  []byte
}

// Exchange is a conversation with a peer about one matter. Send and Receive are called by one goroutine at a time.
type Exchange struct {
	ep       *Endpoint
	link     link
	key      key
	protocol uint32
	inbox    chan Message
	closed   chan struct{}
	refusing atomic.Int64 // since when it may be ended to make room, in ns; 0: it may not

	mu       sync.Mutex
	isClosed bool
	pending  *pending    // the message that waits for its acknowledgement
	owed     *uint32     // the counter that the peer waits to see acknowledged
	ackTimer *time.Timer // sends owed alone
}

type pending struct {
	counter uint32
	acked   chan struct{}
}

// Session is the secure session under the exchange; nil while a session is being established.
func (x *Exchange) Session() *session.Session {
	if s, ok := x.link.(*secureLink); ok {
		return s.session
	}
	return nil
}

// Route is where the peer was last heard from.
func (x *Exchange) Route() session.Route { return x.link.route() }

// Peer is the peer's network address.
func (x *Exchange) Peer() net.Addr { return x.link.route().Addr }

// SetParams says how the peer wants to be spoken to, once it told in a handshake.
func (x *Exchange) SetParams(p session.Params) { x.link.setParams(p) }

// Expendable says that nothing is left to be said here but no. Before there is a session, such an exchange ends early when the
// endpoint needs its place: whoever floods a node does not acknowledge, and must not keep others out.
func (x *Exchange) Expendable() { x.refusing.CompareAndSwap(0, time.Now().UnixNano()) }

// MaxPayload is how many octets of payload fit one message on this exchange.
func (x *Exchange) MaxPayload() int { return message.MaxSize - overhead }

// overhead is the most that headers and seal take: message header with one node id, protocol header with
// acknowledgement and vendor, tag; and what IPv6 and UDP take of their minimum MTU of 1280 octets.
const overhead = 16 + 12 + 16 + 48

// Send sends a message of the exchange's protocol. A reliable one is repeated until the peer acknowledges it: nil
// means that it did, ErrNoAnswer that all tries are spent. An unreliable one is sent once.
func (x *Exchange) Send(ctx context.Context, opcode uint8, payload []byte, reliable bool) error {
	if len(payload) > x.MaxPayload() {
		return fmt.Errorf("%w: %d octets, at most %d", ErrTooLong, len(payload), x.MaxPayload())
	}
	datagram, wait, err := x.prepare(opcode, payload, reliable)
	if err != nil {
		return err
	}
	if !reliable {
		return x.link.write(datagram)
	}
	defer x.forget(wait)
	for try := range MaxTransmissions {
		if err := x.link.write(datagram); err != nil && try == 0 {
			return err
		}
		timer := time.NewTimer(backoff(x.link.interval(), try, rand.Float64()))
		select {
		case <-wait.acked:
			timer.Stop()
			return nil
		case <-timer.C:
			continue
		case <-x.closed:
			err = ErrClosed
		case <-x.link.done():
			err = ErrClosed
		case <-ctx.Done():
			err = ctx.Err()
		}
		timer.Stop()
		return err
	}
	return ErrNoAnswer
}

// backoff is the time from one try to the next (Matter 1.4 4.12.2.1); jitter is from 0 to 1.
func backoff(interval time.Duration, try int, jitter float64) time.Duration {
	exp := math.Max(0, float64(try-backoffThreshold))
	return time.Duration(float64(interval) * backoffMargin * math.Pow(backoffBase, exp) * (1 + jitter*backoffJitter))
}

// prepare seals a message, with the acknowledgement that is owed, and registers that its own is awaited.
func (x *Exchange) prepare(opcode uint8, payload []byte, reliable bool) ([]byte, *pending, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.isClosed {
		return nil, nil, ErrClosed
	}
	p := message.Protocol{Initiator: x.key.initiator, Reliable: reliable, Opcode: opcode, Exchange: x.key.id, ID: x.protocol}
	if acked := x.takeOwed(); acked != nil {
		p.HasAck, p.Acked = true, *acked
	}
	datagram, counter, err := x.link.seal(p, payload)
	if err != nil {
		return nil, nil, err
	}
	if !reliable {
		return datagram, nil, nil
	}
	x.pending = &pending{counter: counter, acked: make(chan struct{})}
	return datagram, x.pending, nil
}

func (x *Exchange) forget(p *pending) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.pending == p {
		x.pending = nil
	}
}

// takeOwed returns the counter that is owed and stops its timer.
func (x *Exchange) takeOwed() *uint32 {
	owed := x.owed
	x.owed = nil
	if x.ackTimer != nil {
		x.ackTimer.Stop()
		x.ackTimer = nil
	}
	return owed
}

// Receive waits for the peer's next message.
func (x *Exchange) Receive(ctx context.Context) (Message, error) {
	select {
	case m := <-x.inbox:
		return m, nil
	default:
	}
	select {
	case m := <-x.inbox:
		return m, nil
	case <-x.closed:
	case <-x.link.done():
	case <-ctx.Done():
		return Message{}, ctx.Err()
	}
	return Message{}, ErrClosed
}

// Close ends the exchange; what is owed is acknowledged first. It is safe to call it again.
func (x *Exchange) Close() {
	x.mu.Lock()
	if x.isClosed {
		x.mu.Unlock()
		return
	}
	x.isClosed = true
	owed := x.takeOwed()
	close(x.closed)
	x.mu.Unlock()
	if owed != nil {
		x.ep.ack(x.link, x.key, *owed)
	}
	x.ep.drop(x)
}

// deliver takes a message that belongs to the exchange. again says that it came before.
func (x *Exchange) deliver(p message.Protocol, counter uint32, payload []byte, again bool) {
	x.mu.Lock()
	if p.HasAck && x.pending != nil && x.pending.counter == p.Acked {
		close(x.pending.acked)
		x.pending = nil
	}
	alone := p.ID == message.SecureChannel && p.Opcode == opcodeAck
	if alone || x.isClosed {
		x.mu.Unlock()
		return
	}
	var now *uint32 // acknowledged at once
	switch {
	case !p.Reliable:
	case again && (x.owed == nil || *x.owed != counter):
		now = &counter
	case again:
		now = x.takeOwed()
	default:
		now = x.takeOwed()
		x.owed = &counter
		x.ackTimer = time.AfterFunc(ackDelay, func() { x.flush(counter) })
	}
	x.mu.Unlock()
	if now != nil {
		x.ep.ack(x.link, x.key, *now)
	}
	if again {
		return
	}
	select {
	case x.inbox <- Message{Protocol: p.ID, Opcode: p.Opcode, Reliable: p.Reliable, Payload: payload}:
	default:
		x.Close() // a peer that does not wait its turn
	}
}

// flush acknowledges alone what is still owed.
func (x *Exchange) flush(counter uint32) {
	x.mu.Lock()
	if x.owed == nil || *x.owed != counter {
		x.mu.Unlock()
		return
	}
	x.takeOwed()
	x.mu.Unlock()
	x.ep.ack(x.link, x.key, counter)
}
