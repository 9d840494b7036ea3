package mdns

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	browseFirst  = time.Second // then doubled (RFC 6762 5.2)
	browseLast   = time.Hour
	patience     = 2 * time.Second       // an entry that stays incomplete is reported after it
	burst        = 20 * time.Millisecond // the parts of an entry come together
	retries      = 3
	maxFound     = 1024
	maxAddresses = 32
	flushGrace   = time.Second // RFC 6762 10.2
)

// browse is a search under way. Its state belongs to the owner; its outbox has a reader.
type browse struct {
	kind     string
	question string // presentation form
	key      string
	parent   string // the name under which instances live
	out      *outbox
	ask      time.Time
	interval time.Duration
	finds    map[place]*find
	hosts    map[place]*lodging
}

func newBrowse(sub, kind string, now time.Time) *browse {
	b := &browse{
		kind:     kind,
		question: kind + "." + domain,
		parent:   nameKey(kind + "." + domain),
		out:      newOutbox(),
		ask:      now.Add(sharedDelay + rand.N(sharedSpan)),
		interval: browseFirst,
		finds:    map[place]*find{},
		hosts:    map[place]*lodging{},
	}
	if sub != "" {
		b.question = escapeLabel(sub) + "._sub." + b.question
	}
	b.key = nameKey(b.question)
	return b
}

func (b *browse) next() time.Time {
	next := b.ask
	for _, f := range b.finds {
		for _, t := range [...]time.Time{f.tell, f.retry, f.expires, f.refresh} {
			next = soonest(next, t)
		}
	}
	return next
}

// due says whether a time was set and has come.
func due(t, now time.Time) bool { return !t.IsZero() && !t.After(now) }

// work asks, reports and forgets what is due.
func (b *browse) work(o *owner, now time.Time) {
	for at, f := range b.finds {
		l := o.link(at.link)
		if l == nil || due(f.expires, now) {
			b.lose(at, f)
			continue
		}
		if due(f.tell, now) {
			f.tell, f.told = time.Time{}, true
			b.out.put(at, b.report(o, at, f))
		}
		if due(f.retry, now) {
			b.complete(o, l, f, now)
		}
		if due(f.refresh, now) {
			f.refresh, b.ask = time.Time{}, now
		}
	}
	if !due(b.ask, now) {
		return
	}
	for _, l := range o.links {
		o.multicast(l, b.query(l, now))
	}
	b.ask = now.Add(b.interval)
	b.interval = min(2*b.interval, browseLast)
}

// query asks for instances and names those that we know (RFC 6762 7.1).
func (b *browse) query(l *link, now time.Time) *dns.Msg {
	m := new(dns.Msg)
	m.Compress = true
	m.Question = []dns.Question{{Name: b.question, Qtype: dns.TypePTR, Qclass: dns.ClassINET}}
	for at, f := range b.finds {
		left := uint32(f.expires.Sub(now) / time.Second)
		if at.link != l.Index || left < otherTTL/2 {
			continue
		}
		rr := ptr(b.question, f.name(b))
		rr.Header().Ttl = left
		m.Answer = append(m.Answer, rr)
		if m.Len() > maxPayload {
			m.Answer = m.Answer[:len(m.Answer)-1]
			break
		}
	}
	return m
}

func (f *find) name(b *browse) string { return escapeLabel(f.entry.Instance) + "." + b.parent }

// complete asks for the parts of an entry that did not come by themselves.
func (b *browse) complete(o *owner, l *link, f *find, now time.Time) {
	f.retry = time.Time{}
	m := new(dns.Msg)
	question := func(missing bool, name string, types ...uint16) {
		for _, t := range types {
			if missing {
				m.Question = append(m.Question, dns.Question{Name: name, Qtype: t, Qclass: dns.ClassINET})
			}
		}
	}
	question(!f.srv, f.name(b), dns.TypeSRV)
	question(!f.txt, f.name(b), dns.TypeTXT)
	question(f.srv && !b.reachable(l, f), f.host, dns.TypeA, dns.TypeAAAA)
	if len(m.Question) == 0 || f.asks == retries {
		return
	}
	f.asks++
	f.retry = now.Add(time.Second)
	o.multicast(l, m)
}

func (b *browse) reachable(l *link, f *find) bool {
	host := b.hosts[place{l.Index, f.host}]
	return host != nil && len(host.addrs) > 0
}

func (b *browse) lose(at place, f *find) {
	delete(b.finds, at)
	b.lodge(at.link, f, "")
	if f.told {
		e := f.entry
		e.Gone = true
		b.out.put(at, e)
	}
}

// lodge moves a find to another host, and forgets a host that nobody lives on.
func (b *browse) lodge(link int, f *find, host string) {
	old := place{link, f.host}
	if h := b.hosts[old]; h != nil {
		if delete(h.guests, f); len(h.guests) == 0 {
			delete(b.hosts, old)
		}
	}
	f.host = host
	if host == "" {
		return
	}
	at := place{link, host}
	if b.hosts[at] == nil {
		b.hosts[at] = &lodging{addrs: map[netip.Addr]time.Time{}, guests: map[*find]bool{}}
	}
	b.hosts[at].guests[f] = true
}

func (b *browse) report(o *owner, at place, f *find) Entry {
	e := f.entry
	e.Addrs = nil
	if host := b.hosts[place{at.link, f.host}]; host != nil {
		for a := range host.addrs {
			e.Addrs = append(e.Addrs, a)
		}
	}
	slices.SortFunc(e.Addrs, netip.Addr.Compare)
	e.Own = f.host == o.host.key && slices.ContainsFunc(o.claims, func(c *claim) bool { return c.key == at.name })
	f.entry = e
	e.TXT, e.Addrs = slices.Clone(e.TXT), slices.Clone(e.Addrs)
	return e
}
