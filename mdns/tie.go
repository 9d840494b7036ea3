package mdns

import (
	"bytes"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// tie compares our proposed records with those of somebody who probes for the same name at the same
// time (RFC 6762 8.2): the lexicographically later data wins, the loser waits a second.
func (o *owner) tie(l *link, m *dns.Msg, now time.Time) {
	for _, c := range o.all() {
		st := c.on[l.Index]
		if st == nil || st.live || st.yields >= maxYields || !asksFor(m, c.key) {
			continue
		}
		var theirs []dns.RR
		foreign := false
		for _, rr := range m.Ns {
			if nameKey(rr.Header().Name) == c.key {
				theirs = append(theirs, rr)
				foreign = foreign || !o.ours(c, identity(rr), now)
			}
		}
		if !foreign || compare(c.proposed(l), theirs) >= 0 {
			continue
		}
		st.count, st.next = 0, now.Add(yieldTime)
		st.yields++
		o.log.Debug().Str("interface", l.Name).Str("name", c.label()).Msg("another probe for the same name goes first")
	}
}

func asksFor(m *dns.Msg, key string) bool {
	return slices.ContainsFunc(m.Question, func(q dns.Question) bool { return nameKey(q.Name) == key })
}

// compare orders two record lists by class, type and uncompressed data (RFC 6762 8.2.1).
func compare(a, b []dns.RR) int { return slices.CompareFunc(ordered(a), ordered(b), bytes.Compare) }

func ordered(rrs []dns.RR) [][]byte {
	var out [][]byte
	for _, rr := range rrs {
		data, err := rdata(rr)
		if err != nil {
			continue
		}
		h := rr.Header()
		class := h.Class &^ topBit
		out = append(out, append([]byte{byte(class >> 8), byte(class), byte(h.Rrtype >> 8), byte(h.Rrtype)}, data...))
	}
	slices.SortFunc(out, bytes.Compare)
	return out
}
