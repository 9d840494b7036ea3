package mrp

import (
	"bytes"

	"github.com/loquet/loquet/matter/message"
	"github.com/loquet/loquet/matter/session"
)

// receive takes one datagram in. Whatever is wrong with it, it is dropped without an answer.
func (e *Endpoint) receive(from session.Route, b []byte) {
	h, size, err := message.ParseHeader(b)
	if err != nil || h.Kind != message.Unicast || h.Privacy || h.Control {
		return
	}
	if h.SessionID == 0 {
		e.receivePlain(from, h, b[size:])
		return
	}
	s := e.cfg.Sessions.Get(h.SessionID)
	if s == nil {
		return
	}
	p, payload, err := s.Open(h, b, size)
	if err != nil {
		return
	}
	k := key{session: h.SessionID, id: p.Exchange, initiator: !p.Initiator}
	e.dispatch(arrival{link: &secureLink{s}, key: k, proto: p, counter: h.Counter, payload: payload,
		fresh: func() bool { return s.Fresh(h.Counter, from) }})
}

// receivePlain takes a message before there is a session: an initiator names itself as the source, a responder
// names that initiator as the destination.
func (e *Endpoint) receivePlain(from session.Route, h message.Header, rest []byte) {
	p, payload, err := message.ParseProtocol(rest)
	if err != nil || p.ID != message.SecureChannel || h.HasSource == (h.Dest == message.ToNode) || h.Dest == message.ToGroup {
		return
	}
	node := h.Source
	if !h.HasSource {
		node = h.DestNode
	}
	e.mu.Lock()
	l := e.plain[node]
	if l == nil && h.HasSource && p.Initiator && p.Opcode != opcodeAck {
		if l = newPlainLink(e.counter, node, false, from); !e.remember(l) {
			l = nil
		}
	}
	e.mu.Unlock()
	if l == nil || l.initiator == h.HasSource || l.route().Addr.String() != from.Addr.String() {
		return
	}
	e.dispatch(arrival{link: l, key: key{node: node, id: p.Exchange, initiator: !p.Initiator}, proto: p, counter: h.Counter,
		payload: bytes.Clone(payload), fresh: func() bool { return l.fresh(h.Counter) }})
}

// arrival is a message that belongs to a session.
type arrival struct {
	link    link
	key     key
	proto   message.Protocol
	counter uint32
	payload []byte
	fresh   func() bool // whether it is new; asked once, and only when it can be taken
}

// dispatch gives a message to its exchange, or begins one.
func (e *Endpoint) dispatch(a arrival) {
	e.mu.Lock()
	x := e.exchanges[a.key]
	if x != nil && !sameLink(x.link, a.link) {
		// An exchange of a session that has ended, whose number is in use again.
		e.mu.Unlock()
		x.Close()
		e.mu.Lock()
		x = e.exchanges[a.key]
	}
	if x != nil {
		e.mu.Unlock()
		x.deliver(a.proto, a.counter, a.payload, !a.fresh())
		return
	}
	handler := e.cfg.Handlers[a.proto.ID]
	begins := a.proto.Initiator && handler != nil && (a.proto.ID != message.SecureChannel || a.proto.Opcode != opcodeAck)
	if begins && (!e.makeRoom(a.key) || e.exchanges[a.key] != nil) {
		e.mu.Unlock() // not acknowledged and not counted as seen: the peer tries again
		return
	}
	if !a.fresh() || !begins {
		e.mu.Unlock()
		if a.proto.Reliable {
			e.ack(a.link, a.key, a.counter)
		}
		return
	}
	x = e.open(a.link, a.key, a.proto.ID)
	ctx := e.ctx
	e.handlers.Add(1)
	e.mu.Unlock()
	x.deliver(a.proto, a.counter, a.payload, false)
	go func() {
		defer e.handlers.Done()
		defer x.Close()
		if first, err := x.Receive(ctx); err == nil {
			handler(ctx, x, first)
		}
	}()
}

func sameLink(a, b link) bool {
	s, secure := a.(*secureLink)
	t, also := b.(*secureLink)
	if secure && also {
		return s.session == t.session
	}
	return a == b
}
