package mdns

import (
	"net/netip"
)

// Family is the IP version of a packet or of a membership.
type Family uint8

// The two families. Each is a world of its own: a question heard on one is answered on that one.
const (
	IPv4 Family = iota
	IPv6
)

// families in the order in which packets are sent.
var families = [...]Family{IPv4, IPv6}

// String is "ipv4" or "ipv6".
func (f Family) String() string {
	if f == IPv6 {
		return "ipv6"
	}
	return "ipv4"
}

// familyOf says in which family an address lives.
func familyOf(a netip.Addr) Family {
	if a.Unmap().Is4() {
		return IPv4
	}
	return IPv6
}

// Interface is a network interface as a Transport sees it now.
type Interface struct {
	Index     int
	Name      string
	Up        bool           // up and with a carrier
	Multicast bool           // carries multicast
	Loopback  bool           // lo
	Master    string         // the bridge or bond whose port it is, "" for none
	Addrs     []netip.Prefix // usable addresses: not tentative, not failed in duplicate detection
}

// Packet is one datagram as it came in.
type Packet struct {
	Data      []byte // the receiver copies what it keeps
	Interface int    // index of the interface it came in on
	Family    Family
	From      netip.AddrPort
	Multicast bool // sent to the group, not to an address of ours
}

// Transport carries packets. The one over real sockets is built in; package mdnstest has one in
// memory. Its methods may be called from several goroutines.
type Transport interface {
	// Interfaces lists all interfaces of the machine as they are now.
	Interfaces() ([]Interface, error)
	// Changes delivers a value after interfaces or addresses may have changed.
	Changes() <-chan struct{}
	// Join and Leave change the membership of an interface in the family's group.
	Join(index int, f Family) error
	Leave(index int, f Family) error
	// Serve hands over packets until Close, possibly from several goroutines at once. deliver
	// does not block.
	Serve(deliver func(Packet)) error
	// Send writes one datagram out of an interface; the zero address stands for the group.
	Send(index int, f Family, to netip.AddrPort, data []byte) error
	// Close ends Serve.
	Close() error
}
