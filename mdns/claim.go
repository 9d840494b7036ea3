package mdns

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// Times of RFC 6762 8 and 9.
const (
	probeInterval = 250 * time.Millisecond
	probeCount    = 3
	yieldTime     = time.Second      // after a lost tie-break
	maxYields     = 3                // whoever only ever probes is not waited for
	conflictSpan  = 10 * time.Second // conflicts within it slow the next attempt down
	conflictLimit = 5
	conflictPause = 5 * time.Second
	pastSpan      = time.Minute // how long an echo of what we said earlier is known as ours
	maxPast       = 64
)

// claim is a name that we hold or want to hold: the host name, or a service's instance name.
//
//	             lost a tie-break: wait 1 s           somebody else answers with other data
//	              +-------+                               +---> next name --+
//	              v       |                               |                 v
//	interface -> probing (3 x 250 ms) -----------------> live <---------- probing
//	 comes up     |                 nobody objected       |
//	              +--> next name                          +-> goodbye when withdrawn
//
// Each interface goes through it by itself; the name is one for all.
type claim struct {
	reg  *Registration // nil for the host name
	base string
	n    int
	name string // presentation form
	key  string // lookup form
	// plain overrides a Service.Rename that does not come up with new names.
	plain bool

	on        map[int]*standing // by interface index
	past      map[string]time.Time
	lost      []time.Time
	contested time.Time
}

// standing is how far a claim is on one interface.
type standing struct {
	live   bool
	count  int // probes sent
	yields int
	next   time.Time
}

func newClaim(reg *Registration, base string, n int) *claim {
	c := &claim{reg: reg, base: base, n: n, on: map[int]*standing{}, past: map[string]time.Time{}}
	c.entitle()
	return c
}

// label is the current first label.
func (c *claim) label() string {
	switch {
	case c.reg == nil:
		return numberedHost(c.base, c.n)
	case c.n == 1:
		return c.base
	case c.reg.service.Rename != nil && !c.plain:
		if name := c.reg.service.Rename(c.base, c.n); validLabel(name) == nil {
			return name
		}
	}
	return numbered(c.base, c.n)
}

// entitle derives the full name from the label.
func (c *claim) entitle() {
	parent := domain
	if c.reg != nil {
		parent = c.reg.service.Type + "." + domain
	}
	c.name = escapeLabel(c.label()) + "." + parent
	c.key = nameKey(c.name)
}

// sets are the claim's records on an interface.
func (c *claim) sets(l *link, host string) []*rrset {
	if c.reg == nil {
		return addressSets(c.name, l.Addrs)
	}
	return c.reg.service.sets(c.name, host)
}

// start begins to probe on an interface, together with other names that wait for their first probe.
func (o *owner) start(c *claim, l *link, now time.Time) {
	next := now.Add(rand.N(probeInterval))
	for _, other := range o.all() {
		st := other.on[l.Index]
		if st != nil && !st.live && st.count == 0 && st.next.After(now) && st.next.Before(now.Add(probeInterval)) {
			next = st.next
			break
		}
	}
	c.on[l.Index] = &standing{next: next}
	o.dirty = true
}

// probe sends the probes that are due and lets names through that nobody objected to.
func (o *owner) probe(l *link, now time.Time) {
	var due []*claim
	for _, c := range o.all() {
		st := c.on[l.Index]
		if st == nil || st.live || st.next.After(now) {
			continue
		}
		if st.count < probeCount {
			st.count++
			st.next = now.Add(probeInterval)
			due = append(due, c)
			continue
		}
		if host := o.host.on[l.Index]; c != o.host && (host == nil || !host.live) {
			st.next = now.Add(probeInterval / 5) // no SRV record before its host
			continue
		}
		st.live, st.yields = true, 0
		if o.dirty = true; c.reg != nil {
			c.reg.establish()
		}
		o.refresh(now)
		for _, s := range l.sets[c] {
			l.announce(s.id, now, announceCount)
		}
	}
	for len(due) > 0 {
		m := new(dns.Msg)
		size := 0
		for len(due) > 0 && (size == 0 || size < maxPayload/2) {
			size += o.addProbe(m, due[0], l)
			due = due[1:]
		}
		o.multicast(l, m)
	}
}

// addProbe adds a name's question and proposed records (RFC 6762 8.1, 8.2). Only the first probe asks
// for a unicast answer: that may end in the socket of another responder on this machine.
func (o *owner) addProbe(m *dns.Msg, c *claim, l *link) (size int) {
	class := uint16(dns.ClassINET)
	if c.on[l.Index].count == 1 {
		class |= topBit
	}
	m.Question = append(m.Question, dns.Question{Name: c.name, Qtype: dns.TypeANY, Qclass: class})
	size = len(c.name)
	for _, rr := range c.proposed(l) {
		m.Ns = append(m.Ns, rr)
		size += dns.Len(rr)
	}
	return size
}

// proposed are the unique records of a claim on an interface.
func (c *claim) proposed(l *link) []dns.RR {
	var rrs []dns.RR
	for _, s := range l.sets[c] {
		if s.unique {
			rrs = append(rrs, s.rrs...)
		}
	}
	return rrs
}

// ours says whether a record is one that the claim has now on any interface, or had a moment ago: two
// interfaces on one network hear each other, and a repeater may bring back what we said before.
func (o *owner) ours(c *claim, id string, now time.Time) bool {
	for _, l := range o.links {
		for _, s := range l.sets[c] {
			if slices.Contains(s.keys, id) {
				return true
			}
		}
	}
	at, ok := c.past[id]
	return ok && now.Sub(at) < pastSpan
}

// remember keeps records that are no longer the claim's.
func (c *claim) remember(old, current []*rrset, now time.Time) {
	for _, s := range old {
		for _, id := range s.keys {
			if s.unique && !slices.ContainsFunc(current, func(n *rrset) bool { return slices.Contains(n.keys, id) }) {
				c.past[id] = now
			}
		}
	}
	for id, at := range c.past {
		if now.Sub(at) >= pastSpan || len(c.past) > maxPast {
			delete(c.past, id)
		}
	}
}

// conflict deals with somebody else's record under our name (RFC 6762 9). A name that we hold is
// probed again first: the other side may be gone, or yield.
func (o *owner) conflict(c *claim, l *link, now time.Time) {
	st := c.on[l.Index]
	if st.live {
		if now.Sub(c.contested) < conflictPause {
			return
		}
		c.contested = now
		o.log.Warn().Str("interface", l.Name).Str("name", c.label()).Msg("another host uses our name: probing again")
		o.start(c, l, now)
		return
	}
	c.lost = append(slices.DeleteFunc(c.lost, func(t time.Time) bool { return now.Sub(t) > conflictSpan }), now)
	var pause time.Duration
	if len(c.lost) > conflictLimit {
		c.lost, pause = c.lost[1:], conflictPause
	}
	if c.reg != nil && c.reg.service.Fixed {
		o.log.Warn().Str("interface", l.Name).Str("name", c.label()).Msg("name is taken by another host: trying again")
		*st = standing{next: now.Add(conflictPause)}
		return
	}
	o.rename(c, now, pause)
}

// rename takes the next free name and probes for it everywhere. It says no goodbye: the old name is
// the other host's now.
func (o *owner) rename(c *claim, now time.Time, pause time.Duration) {
	old := c.label()
	for range maxPast {
		c.n++
		c.entitle()
		if c.label() != old && !o.held(c) {
			break
		}
		c.plain = true
	}
	o.log.Warn().Str("old", old).Str("new", c.label()).Msg("name is taken by another host: renamed")
	if c.reg != nil {
		c.reg.rename(c.label())
	} else {
		o.storeHostName()
	}
	for _, l := range o.links {
		if c.on[l.Index] != nil {
			o.start(c, l, now)
			c.on[l.Index].next = c.on[l.Index].next.Add(pause)
		}
	}
}

// held says whether another claim of ours has the name.
func (o *owner) held(c *claim) bool {
	return slices.ContainsFunc(o.all(), func(other *claim) bool { return other != c && other.key == c.key })
}
