package mdns

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// hear takes what concerns the search out of a response.
func (b *browse) hear(l *link, rrs []dns.RR, now time.Time) {
	for _, rr := range rrs {
		if p, ok := rr.(*dns.PTR); ok && nameKey(p.Hdr.Name) == b.key {
			b.hearPointer(l, p, now)
		}
	}
	if len(b.finds) == 0 {
		return
	}
	for _, rr := range rrs {
		b.hearService(l, rr, now)
	}
	b.hearAddresses(l, rrs, now)
}

func (b *browse) hearPointer(l *link, p *dns.PTR, now time.Time) {
	instance, parent := firstLabel(p.Ptr)
	if nameKey(parent) != b.parent {
		return
	}
	at := place{l.Index, nameKey(p.Ptr)}
	f := b.finds[at]
	if p.Hdr.Ttl == 0 {
		if f != nil {
			f.expires, f.refresh = now.Add(time.Second), time.Time{} // RFC 6762 10.1
		}
		return
	}
	if f == nil {
		if len(b.finds) >= maxFound {
			return
		}
		f = &find{entry: Entry{Instance: instance, Type: b.kind, Interface: l.Name}}
		f.tell, f.retry = now.Add(patience), now.Add(sharedDelay+sharedSpan)
		b.finds[at] = f
	}
	life := time.Duration(p.Hdr.Ttl) * time.Second
	f.expires, f.refresh = now.Add(life), now.Add(life/10*8)
}

func (b *browse) hearService(l *link, rr dns.RR, now time.Time) {
	h := rr.Header()
	if h.Ttl == 0 || (h.Rrtype != dns.TypeSRV && h.Rrtype != dns.TypeTXT) {
		return
	}
	f := b.finds[place{l.Index, nameKey(h.Name)}]
	if f == nil {
		return
	}
	before := f.entry
	switch rr := rr.(type) {
	case *dns.SRV:
		f.srv = true
		if host := nameKey(rr.Target); host != f.host {
			b.lodge(l.Index, f, host)
		}
		label, rest := firstLabel(rr.Target)
		f.entry.Host, f.entry.Port = label+"."+strings.TrimSuffix(rest, "."), int(rr.Port)
	case *dns.TXT:
		f.txt, f.entry.TXT = true, decodeTXT(rr.Txt)
	}
	same := f.entry.Host == before.Host && f.entry.Port == before.Port && slices.Equal(f.entry.TXT, before.TXT)
	if !same || !f.told {
		b.news(l, f, now)
	}
}

// news plans a report: soon when the entry is complete or was told of before, none when it is going.
func (b *browse) news(l *link, f *find, now time.Time) {
	if !f.expires.After(now.Add(time.Second)) {
		return
	}
	if f.told || (f.srv && f.txt && b.reachable(l, f)) {
		f.tell = soonest(f.tell, now.Add(burst))
	}
}

// hearAddresses takes in the addresses of hosts on which instances live. A record with the cache-flush
// bit replaces those of its family that were not heard for a second (RFC 6762 10.2).
func (b *browse) hearAddresses(l *link, rrs []dns.RR, now time.Time) {
	changed := map[*lodging]bool{}
	flushed := map[*lodging]map[Family]bool{}
	for _, rr := range rrs {
		addr, ok := addressOf(rr)
		host := b.hosts[place{l.Index, nameKey(rr.Header().Name)}]
		if !ok || host == nil {
			continue
		}
		_, had := host.addrs[addr]
		switch {
		case rr.Header().Ttl == 0:
			delete(host.addrs, addr)
		case had || len(host.addrs) < maxAddresses:
			host.addrs[addr] = now
		}
		if _, has := host.addrs[addr]; has != had {
			changed[host] = true
		}
		if rr.Header().Class&topBit != 0 {
			if flushed[host] == nil {
				flushed[host] = map[Family]bool{}
			}
			flushed[host][familyOf(addr)] = true
		}
	}
	for host, families := range flushed {
		for addr, heard := range host.addrs {
			if families[familyOf(addr)] && now.Sub(heard) > flushGrace {
				delete(host.addrs, addr)
				changed[host] = true
			}
		}
	}
	for host := range changed {
		for f := range host.guests {
			b.news(l, f, now)
		}
	}
}

func addressOf(rr dns.RR) (netip.Addr, bool) {
	var ip []byte
	switch rr := rr.(type) {
	case *dns.A:
		ip = rr.A
	case *dns.AAAA:
		ip = rr.AAAA
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}
