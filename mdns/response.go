package mdns

import (
	"slices"
	"time"

	"github.com/miekg/dns"
)

// heard deals with a response: it may contradict a name of ours, say what we were about to say,
// shorten the life of a record of ours, or be what a browse looks for.
func (o *owner) heard(l *link, in *inbound, own bool, now time.Time) {
	rrs := slices.Concat(in.msg.Answer, in.msg.Extra)
	rrs = slices.DeleteFunc(rrs, func(rr dns.RR) bool { return rr.Header().Class&^topBit != dns.ClassINET })
	if !own {
		o.checkConflicts(l, rrs, now)
		if in.multicast {
			o.refresh(now)
			l.spare(in.family, in.msg.Answer)
			l.rescue(rrs, now)
		}
	}
	for _, b := range o.browses {
		b.hear(l, rrs, now)
	}
}

// checkConflicts looks for records under our unique names with other data (RFC 6762 8.1, 9).
// Goodbyes contradict nobody.
func (o *owner) checkConflicts(l *link, rrs []dns.RR, now time.Time) {
	for _, c := range o.all() {
		if c.on[l.Index] == nil {
			continue
		}
		for _, rr := range rrs {
			h := rr.Header()
			if h.Ttl == 0 || !c.owns(h.Rrtype) || nameKey(h.Name) != c.key {
				continue
			}
			if id := identity(rr); id != "" && !o.ours(c, id, now) {
				o.conflict(c, l, now)
				break
			}
		}
	}
}

// owns says whether records of a type under the claim's name are the claim's alone.
func (c *claim) owns(rtype uint16) bool {
	if c.reg == nil {
		return rtype == dns.TypeA || rtype == dns.TypeAAAA
	}
	return rtype == dns.TypeSRV || rtype == dns.TypeTXT
}

// spare drops planned answers that another host has just given (RFC 6762 7.4).
func (l *link) spare(f Family, answers []dns.RR) {
	ch := &l.channel[f]
	if len(ch.pending) == 0 {
		return
	}
	given := known{}
	given.add(answers)
	for id := range ch.pending {
		if s := l.zone.ids[id]; given.outlives(s) {
			delete(ch.pending, id)
		}
	}
}

// outlives says whether all of a set was given for at least as long as we would give it.
func (k known) outlives(s *rrset) bool {
	for _, id := range s.keys {
		if ttl, ok := k[id]; !ok || ttl < s.ttl() {
			return false
		}
	}
	return true
}

// rescue announces a record of ours whose life somebody else has shortened, be it by a goodbye for a
// record that both have (RFC 6762 6.6).
func (l *link) rescue(rrs []dns.RR, now time.Time) {
	for _, rr := range rrs {
		h := rr.Header()
		for _, s := range l.zone.names[nameKey(h.Name)] {
			if s.rtype == h.Rrtype && h.Ttl < s.ttl()/2 && slices.Contains(s.keys, identity(rr)) {
				l.announce(s.id, now, 1)
			}
		}
	}
}
