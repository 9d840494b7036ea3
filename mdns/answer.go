package mdns

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// maxPayload keeps a packet within an Ethernet frame, for both families (RFC 6762 17). One record
// that is larger travels alone.
const maxPayload = 1440

// everyone is the address that stands for the group.
var everyone netip.AddrPort

// response is an empty multicast response: authoritative, with neither id nor question (RFC 6762 18).
func response() *dns.Msg {
	m := new(dns.Msg)
	m.Response, m.Authoritative, m.Compress = true, true, true
	return m
}

// flushing are the records of a set as they are multicast: those of a unique set with the cache-flush
// bit (RFC 6762 10.2).
func (s *rrset) flushing() []dns.RR {
	if !s.unique {
		return s.rrs
	}
	return altered(s.rrs, func(h *dns.RR_Header) { h.Class |= topBit })
}

func altered(rrs []dns.RR, change func(*dns.RR_Header)) []dns.RR {
	out := make([]dns.RR, len(rrs))
	for i, rr := range rrs {
		out[i] = dns.Copy(rr)
		change(out[i].Header())
	}
	return out
}

// compose packs answers into as many responses as they need, and extras as far as there is room.
func compose(answers, extras []*rrset) []*dns.Msg {
	var out []*dns.Msg
	m := response()
	for _, s := range answers {
		before := len(m.Answer)
		m.Answer = append(m.Answer, s.flushing()...)
		if before > 0 && m.Len() > maxPayload {
			rest := slices.Clone(m.Answer[before:])
			m.Answer = m.Answer[:before]
			out = append(out, m)
			m = response()
			m.Answer = rest
		}
	}
	for _, s := range extras {
		before := len(m.Extra)
		m.Extra = append(m.Extra, s.flushing()...)
		if m.Len() > maxPayload {
			m.Extra = m.Extra[:before]
		}
	}
	return append(out, m)
}

// extras are the records that whoever asked will want next (RFC 6763 12): the service behind a
// pointer, the addresses behind a service, and that there are no others.
func (z *zone) extras(answers []*rrset) []*rrset {
	have := map[string]bool{}
	for _, s := range answers {
		have[s.id] = true
	}
	var out []*rrset
	add := func(s *rrset) {
		if s != nil && !have[s.id] {
			have[s.id] = true
			out = append(out, s)
		}
	}
	unique := func(name string) {
		for _, s := range z.names[nameKey(name)] {
			if s.unique {
				add(s)
			}
		}
	}
	for i := 0; i < len(answers)+len(out); i++ {
		s := at(answers, out, i)
		switch rr := s.rrs[0].(type) {
		case *dns.PTR:
			unique(rr.Ptr)
		case *dns.SRV:
			unique(rr.Target)
		case *dns.A, *dns.AAAA:
			unique(s.name)
			if len(z.names[s.name]) == 1 {
				add(z.denials[s.name])
			}
		}
	}
	return out
}

func at(a, b []*rrset, i int) *rrset {
	if i < len(a) {
		return a[i]
	}
	return b[i-len(a)]
}

// flush multicasts the answers that are due on one family of a link.
func (o *owner) flush(l *link, f Family, now time.Time) {
	ch := &l.channel[f]
	var answers []*rrset
	for id, due := range ch.pending {
		if !due.After(now) {
			answers = append(answers, l.zone.ids[id])
			delete(ch.pending, id)
		}
	}
	if len(answers) == 0 {
		return
	}
	byID(answers)
	extras := slices.DeleteFunc(l.zone.extras(answers), func(s *rrset) bool {
		return now.Sub(ch.sent[s.id]) < recordInterval
	})
	o.sendAll(l, f, compose(answers, extras), now)
	l.answered = now
}

// byID gives packets an order that does not change from run to run.
func byID(sets []*rrset) {
	slices.SortFunc(sets, func(a, b *rrset) int {
		switch {
		case a.id < b.id:
			return -1
		case a.id > b.id:
			return 1
		}
		return 0
	})
}

// sendNews multicasts the announcements that are due, on all families (RFC 6762 8.3).
func (o *owner) sendNews(l *link, now time.Time) {
	var sets []*rrset
	for id, w := range l.news {
		if w.left == 0 || w.next.After(now) {
			continue
		}
		w.left--
		w.last, w.next = now, now.Add(announceInterval)
		sets = append(sets, l.zone.ids[id])
	}
	if len(sets) == 0 {
		return
	}
	byID(sets)
	for _, f := range families {
		if l.channel[f].joined {
			o.sendAll(l, f, compose(sets, nil), now)
		}
	}
	l.announced = now
}

// sendAll multicasts responses and notes what was said when.
func (o *owner) sendAll(l *link, f Family, msgs []*dns.Msg, now time.Time) {
	ch := &l.channel[f]
	for _, m := range msgs {
		for _, rrs := range [][]dns.RR{m.Answer, m.Extra} {
			for _, rr := range rrs {
				h := rr.Header()
				id := setID(nameKey(h.Name), h.Rrtype)
				if h.Class&topBit == 0 {
					id = identity(rr)
				}
				ch.sent[id] = now
				delete(ch.pending, id)
			}
		}
		o.send(l, f, everyone, m)
	}
}

// multicast sends one message on all families of a link.
func (o *owner) multicast(l *link, m *dns.Msg) {
	for _, f := range families {
		if l.channel[f].joined {
			o.send(l, f, everyone, m)
		}
	}
}

// send writes a message. One that cannot be sent is lost like any datagram: an address that comes
// later is announced then.
func (o *owner) send(l *link, f Family, to netip.AddrPort, m *dns.Msg) {
	m.Compress = true
	data, err := m.Pack()
	if err != nil {
		o.log.Warn().Err(err).Str("interface", l.Name).Msg("message cannot be written")
		return
	}
	o.echo[o.echoNext%echoes] = maphash.Bytes(o.seed, data)
	o.echoNext++
	if err := o.tr.Send(l.Index, f, to, data); err != nil {
		o.unsent++
		o.log.Debug().Err(err).Str("interface", l.Name).Stringer("family", f).Msg("packet not sent")
	}
}

// farewell sends goodbyes for claims that are live on a link (RFC 6762 10.1) and says whether there
// were any. The pointer to the service type is shared with the whole network and left to expire.
func (o *owner) farewell(l *link, claims ...*claim) bool {
	var rrs []dns.RR
	for _, c := range claims {
		if st := c.on[l.Index]; st == nil || !st.live {
			continue
		}
		for _, s := range l.sets[c] {
			if s.name != enumeration {
				rrs = append(rrs, s.rrs...)
			}
		}
	}
	o.sendGoodbyes(l, rrs)
	return len(rrs) > 0
}

func (o *owner) sendGoodbyes(l *link, rrs []dns.RR) {
	m := response()
	for _, rr := range altered(rrs, func(h *dns.RR_Header) { h.Ttl = 0 }) {
		m.Answer = append(m.Answer, rr)
		if m.Len() > maxPayload && len(m.Answer) > 1 {
			m.Answer = m.Answer[:len(m.Answer)-1]
			o.multicast(l, m)
			m = response()
			m.Answer = append(m.Answer, rr)
		}
	}
	if len(m.Answer) > 0 {
		o.multicast(l, m)
	}
}

// farewellAddresses sends goodbyes for the addresses that a link has no more.
func (o *owner) farewellAddresses(l *link, now []netip.Prefix) {
	if st := o.host.on[l.Index]; st == nil || !st.live {
		return
	}
	gone := slices.DeleteFunc(slices.Clone(l.Addrs), func(p netip.Prefix) bool { return slices.Contains(now, p) })
	var rrs []dns.RR
	for _, s := range addressSets(o.host.name, gone) {
		rrs = append(rrs, s.rrs...)
	}
	o.sendGoodbyes(l, rrs)
}
