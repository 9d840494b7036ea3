package mdns

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/rs/zerolog"
)

const (
	announceCount    = 2 // RFC 6762 8.3
	announceInterval = time.Second
	recordInterval   = time.Second            // RFC 6762 6: a record is multicast once a second at most
	defendInterval   = 250 * time.Millisecond // the exception, in answer to a probe
	settle           = 50 * time.Millisecond  // interface changes come in bursts
	rejoin           = 5 * time.Second        // after a membership that was refused
)

// link is an interface that we serve, and what is under way on it.
type link struct {
	Interface
	channel [len(families)]channel
	sets    map[*claim][]*rrset // records of each claim here, live or not
	zone    zone                // records that we answer with
	news    map[string]*news    // announcements by set
	since   time.Time

	announced time.Time
	asked     time.Time
	answered  time.Time
}

// channel is one family of a link.
type channel struct {
	joined  bool
	pending map[string]time.Time // multicast answers that wait, by set
	sent    map[string]time.Time // last multicast, by set
}

// news is an announcement under way.
type news struct {
	left int
	next time.Time
	last time.Time
}

// zone finds records by name and by set.
type zone struct {
	names   map[string][]*rrset
	ids     map[string]*rrset
	denials map[string]*rrset // NSEC of unique names, by name
}

func newLink(i Interface, now time.Time) *link {
	l := &link{Interface: i, since: now, news: map[string]*news{}, sets: map[*claim][]*rrset{}}
	for f := range l.channel {
		l.channel[f].pending, l.channel[f].sent = map[string]time.Time{}, map[string]time.Time{}
	}
	return l
}

// has says whether an address lies in one of the link's networks. Only such hosts get unicast
// answers (RFC 6762 11): everybody else's address may be forged to flood a third party.
func (l *link) has(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLinkLocalUnicast() || slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return p.Contains(a) })
}

// serves says whether the link has an address of the family.
func (l *link) serves(f Family) bool {
	return slices.ContainsFunc(l.Addrs, func(p netip.Prefix) bool { return familyOf(p.Addr()) == f })
}

// announce plans n unsolicited responses for a set, one at once and the others a second apart. A
// burst of changes is announced once a second.
func (l *link) announce(id string, now time.Time, n int) {
	w := l.news[id]
	if w == nil {
		w = &news{}
		l.news[id] = w
	}
	w.left = max(w.left, n)
	w.next = latest(now, w.last.Add(announceInterval))
}

// rebuild derives the zone from the claims that are live here.
func (l *link) rebuild(o *owner, now time.Time) {
	host := o.host.name
	old := l.sets
	l.sets = map[*claim][]*rrset{}
	l.zone = zone{names: map[string][]*rrset{}, ids: map[string]*rrset{}, denials: map[string]*rrset{}}
	for _, c := range o.all() {
		sets := c.sets(l, host)
		l.sets[c] = sets
		c.remember(old[c], sets, now)
		if st := c.on[l.Index]; st == nil || !st.live {
			continue
		}
		var unique []*rrset
		for _, s := range sets {
			if s.unique {
				unique = append(unique, s)
			}
			if l.zone.ids[s.id] == nil {
				l.zone.ids[s.id] = s
				l.zone.names[s.name] = append(l.zone.names[s.name], s)
			}
		}
		if len(unique) > 0 {
			l.zone.denials[c.key] = denial(unique)
			l.zone.ids[l.zone.denials[c.key].id] = l.zone.denials[c.key]
		}
		l.changed(old[c], sets, now)
	}
	gone := func(id string) bool { return l.zone.ids[id] == nil }
	maps.DeleteFunc(l.news, func(id string, _ *news) bool { return gone(id) })
	for f := range l.channel {
		maps.DeleteFunc(l.channel[f].pending, func(id string, _ time.Time) bool { return gone(id) })
		maps.DeleteFunc(l.channel[f].sent, func(id string, _ time.Time) bool { return gone(id) })
	}
}

// changed announces the sets of a live claim whose records are new (RFC 6762 8.4).
func (l *link) changed(old, current []*rrset, now time.Time) {
	before := map[string]*rrset{}
	for _, s := range old {
		before[s.id] = s
	}
	for _, s := range current {
		if was := before[s.id]; was != nil && was.same(s) {
			continue
		}
		for f := range l.channel {
			delete(l.channel[f].sent, s.id)
		}
		l.announce(s.id, now, announceCount)
	}
}

// rescan compares the interfaces with those that are served, and joins, leaves and announces.
func (o *owner) rescan(now time.Time) {
	o.rescanAt = time.Time{}
	all, err := o.tr.Interfaces()
	if err != nil {
		o.log.Warn().Err(err).Msg("interfaces cannot be listed")
		o.rescanAt = now.Add(rejoin)
		return
	}
	served, skipped := choose(all, o.wanted)
	o.noteSkipped(skipped)
	for _, l := range slices.Clone(o.links) {
		if !slices.ContainsFunc(served, func(i Interface) bool { return i.Index == l.Index }) {
			o.drop(l)
		}
	}
	o.local = map[netip.Addr]bool{}
	for _, i := range all {
		for _, p := range i.Addrs {
			o.local[p.Addr().Unmap().WithZone("")] = true
		}
	}
	for _, i := range served {
		l := o.link(i.Index)
		if l == nil {
			o.add(i, now)
			continue
		}
		if l.Name != i.Name || !slices.Equal(l.Addrs, i.Addrs) {
			o.farewellAddresses(l, i.Addrs)
			l.Interface = i
			o.dirty = true
			o.changed()
			o.log.Info().Str("interface", l.Name).Int("addresses", len(l.Addrs)).Msg("interface has other addresses")
		}
		o.join(l, now)
	}
}

func (o *owner) add(i Interface, now time.Time) {
	l := newLink(i, now)
	o.links = append(o.links, l)
	o.join(l, now)
	if len(o.claims) > 0 {
		o.start(o.host, l, now)
		for _, c := range o.claims {
			o.start(c, l, now)
		}
	}
	o.dirty = true
	o.changed()
	o.log.Info().Str("interface", l.Name).Int("addresses", len(l.Addrs)).Msg("interface is served")
}

func (o *owner) drop(l *link) {
	for _, f := range families {
		if l.channel[f].joined {
			o.leave(l, f)
		}
	}
	for _, c := range o.all() {
		delete(c.on, l.Index)
	}
	o.links = slices.DeleteFunc(o.links, func(other *link) bool { return other == l })
	maps.DeleteFunc(o.gathered, func(k asker, _ *gathering) bool { return k.link == l.Index })
	o.dirty = true
	o.changed()
	o.log.Info().Str("interface", l.Name).Msg("interface is no longer served")
}

// join brings the memberships in line with the addresses.
func (o *owner) join(l *link, now time.Time) {
	for _, f := range families {
		ch := &l.channel[f]
		switch wanted := l.serves(f); {
		case wanted && !ch.joined:
			if err := o.tr.Join(l.Index, f); err != nil {
				o.log.Warn().Err(err).Str("interface", l.Name).Stringer("family", f).Msg("multicast group cannot be joined")
				o.rescanAt = now.Add(rejoin)
				continue
			}
			ch.joined = true
			o.introduce(l, f, now)
		case !wanted && ch.joined:
			o.leave(l, f)
		}
	}
}

// introduce announces everything again for a family that has just come.
func (o *owner) introduce(l *link, f Family, now time.Time) {
	clear(l.channel[f].sent)
	for id := range l.zone.ids {
		l.announce(id, now, announceCount)
	}
}

func (o *owner) leave(l *link, f Family) {
	ch := &l.channel[f]
	ch.joined = false
	clear(ch.pending)
	clear(ch.sent)
	if err := o.tr.Leave(l.Index, f); err != nil {
		o.log.Debug().Err(err).Str("interface", l.Name).Stringer("family", f).Msg("multicast group cannot be left")
	}
}

func (o *owner) link(index int) *link {
	for _, l := range o.links {
		if l.Index == index {
			return l
		}
	}
	return nil
}

// noteSkipped logs interfaces that are not announced on, once for each reason.
func (o *owner) noteSkipped(skipped []Skipped) {
	for _, s := range skipped {
		if slices.Contains(o.skipped, s) {
			continue
		}
		level := zerolog.DebugLevel
		if slices.Contains(o.wanted, s.Name) {
			level = zerolog.WarnLevel
		}
		o.log.WithLevel(level).Str("interface", s.Name).Str("why", s.Why).Msg("interface is not announced on")
	}
	o.skipped = skipped
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}
