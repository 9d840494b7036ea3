package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	port = 5353
	// Shared answers wait 20 to 120 ms, so that not all hosts speak at once (RFC 6762 6).
	sharedDelay = 20 * time.Millisecond
	sharedSpan  = 100 * time.Millisecond
	// A truncated query waits 400 to 500 ms for its other known answers (RFC 6762 7.2).
	gatherDelay = 400 * time.Millisecond
	gatherSpan  = 100 * time.Millisecond
	gatherLimit = 2 * time.Second
	maxGathered = 32
	maxKnown    = 2048
	maxAsked    = 256
)

// asker is who asks, for queries that come in several packets.
type asker struct {
	link int
	from netip.AddrPort
}

// gathering is a truncated query whose known answers are still coming in.
type gathering struct {
	family    Family
	questions []dns.Question
	known     known
	due       time.Time
	limit     time.Time
}

// known are the answers that the asker has, with their remaining lifetime.
type known map[string]uint32

func (k known) add(rrs []dns.RR) {
	for _, rr := range rrs {
		if id := identity(rr); id != "" && len(k) < maxKnown {
			k[id] = max(k[id], rr.Header().Ttl)
		}
	}
}

// covers says whether the asker has all of a set for at least half its life (RFC 6762 7.1).
func (k known) covers(s *rrset) bool {
	for _, id := range s.keys {
		if ttl, ok := k[id]; !ok || ttl < s.ttl()/2 {
			return false
		}
	}
	return true
}

// receive deals with one packet.
func (o *owner) receive(in *inbound, now time.Time) {
	l := o.link(in.link)
	if l == nil || !l.channel[in.family].joined {
		return
	}
	if !in.multicast && !l.has(in.from.Addr()) {
		return // RFC 6762 11: from another network
	}
	own := in.multicast && slices.Contains(o.echo[:], in.sum)
	if !own && in.msg.Response && in.multicast && in.from.Port() == port && o.local[in.from.Addr().Unmap().WithZone("")] {
		o.neighbour = now
	}
	o.refresh(now)
	if in.msg.Response {
		if in.from.Port() == port { // RFC 6762 6
			o.heard(l, in, own, now)
		}
		return
	}
	if len(in.msg.Question) > 0 && !own {
		l.asked = now
	}
	o.asked(l, in, own, now)
}

// asked answers a query, now or later.
func (o *owner) asked(l *link, in *inbound, own bool, now time.Time) {
	m := in.msg
	probe := len(m.Ns) > 0
	if probe && own {
		return
	}
	if probe {
		o.tie(l, m, now)
	}
	if in.from.Port() != port {
		o.answerLegacy(l, in, now)
		return
	}
	k := asker{l.Index, in.from}
	g := o.gathered[k]
	if g == nil && m.Truncated && len(m.Question) > 0 && len(o.gathered) < maxGathered {
		g = &gathering{family: in.family, known: known{}, limit: now.Add(gatherLimit)}
		o.gathered[k] = g
	}
	if g != nil {
		if len(g.questions)+len(m.Question) <= maxAsked {
			g.questions = append(g.questions, m.Question...)
		}
		g.known.add(m.Answer)
		if g.due = now.Add(sharedDelay + rand.N(sharedSpan)); m.Truncated {
			g.due = now.Add(gatherDelay + rand.N(gatherSpan))
		}
		g.due = soonest(g.due, g.limit)
		return
	}
	has := known{}
	has.add(m.Answer)
	o.answer(l, in.family, in.from, m.Question, has, probe, now)
}

// ungather answers the truncated queries that have waited long enough.
func (o *owner) ungather(now time.Time) {
	for k, g := range o.gathered {
		if g.due.After(now) {
			continue
		}
		delete(o.gathered, k)
		if l := o.link(k.link); l != nil {
			o.answer(l, g.family, k.from, g.questions, g.known, false, now)
		}
	}
}

// match finds the sets that answer a question. A name of ours without the type asked for is answered
// with the record that says so (RFC 6762 6.1).
func (z *zone) match(q dns.Question) []*rrset {
	if class := q.Qclass &^ topBit; class != dns.ClassINET && class != dns.ClassANY {
		return nil
	}
	name := nameKey(q.Name)
	var out []*rrset
	for _, s := range z.names[name] {
		if q.Qtype == dns.TypeANY || q.Qtype == s.rtype {
			out = append(out, s)
		}
	}
	if d := z.denials[name]; len(out) == 0 && d != nil {
		out = append(out, d)
	}
	return out
}

// answer sends and schedules the answers to questions from port 5353 (RFC 6762 5.4, 6, 7.1).
func (o *owner) answer(l *link, f Family, from netip.AddrPort, questions []dns.Question, has known, probe bool, now time.Time) {
	delay := sharedDelay + rand.N(sharedSpan)
	var direct []*rrset
	mayReply := l.has(from.Addr())
	for _, q := range questions {
		for _, s := range l.zone.match(q) {
			if has.covers(s) {
				continue
			}
			if q.Qclass&topBit != 0 && mayReply {
				if len(direct) == 0 && !o.replies.allow(from.Addr(), now) {
					mayReply = false
				} else {
					if !slices.Contains(direct, s) {
						direct = append(direct, s)
					}
					quarter := time.Duration(s.ttl()) * time.Second / 4
					if !probe && now.Sub(l.channel[f].sent[s.id]) < quarter {
						continue
					}
				}
			}
			l.schedule(f, s, delay, probe, now)
		}
	}
	if len(direct) > 0 {
		for _, m := range compose(direct, l.zone.extras(direct)) {
			o.send(l, f, from, m)
		}
		l.answered = now
	}
}

// schedule plans a multicast answer: one that only we can give at once, a shared one after a delay,
// and none within a second of the last time, or a quarter of it against a probe (RFC 6762 6).
func (l *link) schedule(f Family, s *rrset, delay time.Duration, probe bool, now time.Time) {
	ch := &l.channel[f]
	due, interval := now, recordInterval
	if !s.unique {
		due = now.Add(delay)
	}
	if probe {
		interval = defendInterval
	}
	due = latest(due, ch.sent[s.id].Add(interval))
	if planned, ok := ch.pending[s.id]; !ok || due.Before(planned) {
		ch.pending[s.id] = due
	}
}

// answerLegacy answers an ordinary resolver, which knows nothing of multicast: to its port, with its
// id and question, for a short time, without the cache-flush bit (RFC 6762 6.7).
func (o *owner) answerLegacy(l *link, in *inbound, now time.Time) {
	if !l.has(in.from.Addr()) {
		return
	}
	var answers []*rrset
	m := response()
	m.Id = in.msg.Id
	for _, q := range in.msg.Question {
		for _, s := range l.zone.match(q) {
			if s.rtype != dns.TypeNSEC && !slices.Contains(answers, s) {
				answers = append(answers, s)
			}
		}
	}
	if len(answers) == 0 || !o.replies.allow(in.from.Addr(), now) {
		return
	}
	m.Question = in.msg.Question
	for _, s := range answers {
		m.Answer = append(m.Answer, altered(s.rrs, brief)...)
	}
	size := dns.MinMsgSize
	if opt := in.msg.IsEdns0(); opt != nil {
		size = min(max(int(opt.UDPSize()), size), maxPayload)
	}
	for _, s := range l.zone.extras(answers) {
		before := len(m.Extra)
		if s.rtype != dns.TypeNSEC {
			m.Extra = append(m.Extra, altered(s.rrs, brief)...)
		}
		if m.Len() > size {
			m.Extra = m.Extra[:before]
		}
	}
	m.Truncate(size)
	o.send(l, in.family, in.from, m)
	l.answered = now
}

func brief(h *dns.RR_Header) { h.Ttl = min(h.Ttl, legacyTTL) }
