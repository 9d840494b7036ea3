package mdns

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/miekg/dns"
)

// Lifetimes of RFC 6762 10: two minutes for what names a host or its address, 75 minutes else.
const (
	hostTTL  = 120
	otherTTL = 4500
	// legacyTTL bounds what ordinary resolvers may keep (RFC 6762 6.7).
	legacyTTL = 10
)

// topBit is the cache-flush bit in a record's class and the unicast-response bit in a question's
// (RFC 6762 10.2 and 5.4).
const topBit = 1 << 15

// rrset is the unit of everything: what is asked, suppressed, limited and sent together. A unique
// set holds all records of one name and type; each shared record is a set of its own.
type rrset struct {
	id     string // unique: name and type; shared: the record's identity
	name   string // lookup form
	rtype  uint16
	unique bool
	rrs    []dns.RR
	keys   []string // identities of rrs
}

func newSet(unique bool, rrs ...dns.RR) *rrset {
	h := rrs[0].Header()
	s := &rrset{name: nameKey(h.Name), rtype: h.Rrtype, unique: unique, rrs: rrs}
	for _, rr := range rrs {
		s.keys = append(s.keys, identity(rr))
	}
	s.id = s.keys[0]
	if unique {
		s.id = setID(s.name, s.rtype)
	}
	return s
}

func setID(name string, rtype uint16) string { return name + "|" + strconv.Itoa(int(rtype)) }

func (s *rrset) ttl() uint32 { return s.rrs[0].Header().Ttl }

// same says whether the set holds the same records.
func (s *rrset) same(o *rrset) bool { return slices.Equal(s.keys, o.keys) }

// identity is a record's name, type and data in one comparable string; "" for one whose data cannot
// be written. The class is left out: only the Internet class comes this far.
func identity(rr dns.RR) string {
	h := rr.Header()
	var data string
	switch rr := rr.(type) {
	case *dns.PTR:
		data = nameKey(rr.Ptr)
	case *dns.SRV:
		data = fmt.Sprintf("%d %d %d %s", rr.Priority, rr.Weight, rr.Port, nameKey(rr.Target))
	default:
		b, err := rdata(rr)
		if err != nil {
			return ""
		}
		data = string(b)
	}
	return setID(nameKey(h.Name), h.Rrtype) + "|" + data
}

// rdata is a record's data as on the wire, names uncompressed, which is how RFC 6762 8.2 compares.
func rdata(rr dns.RR) ([]byte, error) {
	bare := dns.Copy(rr)
	bare.Header().Name = "."
	buf := make([]byte, dns.Len(bare)+64)
	n, err := dns.PackRR(bare, buf, 0, nil, false)
	if err != nil {
		return nil, err
	}
	const header = 11 // the root's byte, type, class, TTL, length
	return buf[header:n], nil
}

func header(name string, rtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rtype, Class: dns.ClassINET, Ttl: ttl}
}

func ptr(name, target string) dns.RR {
	return &dns.PTR{Hdr: header(name, dns.TypePTR, otherTTL), Ptr: target}
}

// addressSets are the A and the AAAA set of a host on one interface.
func addressSets(host string, addrs []netip.Prefix) []*rrset {
	var a, aaaa []dns.RR
	for _, p := range addrs {
		addr := p.Addr().Unmap().WithZone("")
		if addr.Is4() {
			a = append(a, &dns.A{Hdr: header(host, dns.TypeA, hostTTL), A: addr.AsSlice()})
			continue
		}
		aaaa = append(aaaa, &dns.AAAA{Hdr: header(host, dns.TypeAAAA, hostTTL), AAAA: addr.AsSlice()})
	}
	var sets []*rrset
	for _, rrs := range [][]dns.RR{a, aaaa} {
		if len(rrs) > 0 {
			sets = append(sets, newSet(true, rrs...))
		}
	}
	return sets
}

// denial is the NSEC record that says which types a name of ours has, and so that it has no others
// (RFC 6762 6.1).
func denial(sets []*rrset) *rrset {
	h := header(sets[0].rrs[0].Header().Name, dns.TypeNSEC, hostTTL)
	nsec := &dns.NSEC{Hdr: h, NextDomain: h.Name}
	for _, s := range sets {
		nsec.TypeBitMap = append(nsec.TypeBitMap, s.rtype)
	}
	slices.Sort(nsec.TypeBitMap)
	return newSet(true, nsec)
}
