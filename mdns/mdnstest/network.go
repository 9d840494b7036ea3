// Package mdnstest has a network in memory for tests of responders: hosts with interfaces on shared
// segments, addresses that change, cables that are pulled, packets that are lost. It works inside
// testing/synctest bubbles.
package mdnstest

import (
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/loquet/loquet/mdns"
)

// inboxSize is how many packets a host may leave unread before further ones are lost.
const inboxSize = 4096

var errNotUp = errors.New("interface is not up")

// Sent is a datagram as it crosses a segment.
type Sent struct {
	Segment string
	Host    string
	Family  mdns.Family
	From    netip.AddrPort
	To      netip.AddrPort // zero for the group
	Data    []byte
}

// Network connects hosts.
type Network struct {
	mu    sync.Mutex
	hosts []*Host
	taps  []func(Sent)
	lose  func(Sent) bool
}

// NewNetwork returns a network without hosts.
func NewNetwork() *Network { return &Network{} }

// Tap calls f for each datagram that is sent, on the sender's goroutine, before it arrives anywhere.
func (n *Network) Tap(f func(Sent)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taps = append(n.taps, f)
}

// Lose drops the datagrams for which f says so; nil drops none.
func (n *Network) Lose(f func(Sent) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lose = f
}

// Host is a machine on the network and the transport of the responder on it. Several responders on
// one machine are several hosts with the same addresses.
type Host struct {
	network *Network
	name    string
	inbox   chan mdns.Packet
	changes chan struct{}
	closed  chan struct{}
	once    sync.Once

	mu     sync.Mutex
	ifaces []*plug
}

var _ mdns.Transport = (*Host)(nil)

// plug is an interface and the segment that it is plugged into.
type plug struct {
	mdns.Interface
	segment string
	joined  [2]bool
}

// Host adds a machine.
func (n *Network) Host(name string) *Host {
	h := &Host{
		network: n,
		name:    name,
		inbox:   make(chan mdns.Packet, inboxSize),
		changes: make(chan struct{}, 1),
		closed:  make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts = append(n.hosts, h)
	return h
}

// Plug gives the host an interface on a segment that is up and carries multicast, with addresses as
// "10.0.0.1/24", and returns its index.
func (h *Host) Plug(name, segment string, addrs ...string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	index := len(h.ifaces) + 1
	i := mdns.Interface{Index: index, Name: name, Up: true, Multicast: true, Addrs: prefixes(addrs)}
	h.ifaces = append(h.ifaces, &plug{Interface: i, segment: segment})
	h.changed()
	return index
}

// Change alters an interface and tells the responder.
func (h *Host) Change(name string, f func(*mdns.Interface)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.ifaces {
		if p.Name == name {
			f(&p.Interface)
		}
	}
	h.changed()
}

// SetUp brings an interface up or down.
func (h *Host) SetUp(name string, up bool) {
	h.Change(name, func(i *mdns.Interface) { i.Up = up })
}

// SetAddrs replaces the addresses of an interface.
func (h *Host) SetAddrs(name string, addrs ...string) {
	h.Change(name, func(i *mdns.Interface) { i.Addrs = prefixes(addrs) })
}

func prefixes(addrs []string) []netip.Prefix {
	var out []netip.Prefix
	for _, a := range addrs {
		out = append(out, netip.MustParsePrefix(a))
	}
	return out
}

func (h *Host) changed() {
	select {
	case h.changes <- struct{}{}:
	default:
	}
}

// Interfaces implements mdns.Transport.
func (h *Host) Interfaces() ([]mdns.Interface, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []mdns.Interface
	for _, p := range h.ifaces {
		i := p.Interface
		i.Addrs = slices.Clone(i.Addrs)
		out = append(out, i)
	}
	return out, nil
}

// Changes implements mdns.Transport.
func (h *Host) Changes() <-chan struct{} { return h.changes }

// Join implements mdns.Transport.
func (h *Host) Join(index int, f mdns.Family) error { return h.member(index, f, true) }

// Leave implements mdns.Transport.
func (h *Host) Leave(index int, f mdns.Family) error { return h.member(index, f, false) }

func (h *Host) member(index int, f mdns.Family, joined bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	p := h.plug(index)
	if p == nil {
		return errNotUp
	}
	p.joined[f] = joined
	return nil
}

func (h *Host) plug(index int) *plug {
	for _, p := range h.ifaces {
		if p.Index == index {
			return p
		}
	}
	return nil
}

// Serve implements mdns.Transport.
func (h *Host) Serve(deliver func(mdns.Packet)) error {
	for {
		select {
		case <-h.closed:
			return nil
		case p := <-h.inbox:
			deliver(p)
		}
	}
}

// Close implements mdns.Transport.
func (h *Host) Close() error {
	h.once.Do(func() { close(h.closed) })
	return nil
}

// Send implements mdns.Transport. The sender's port is 5353.
func (h *Host) Send(index int, f mdns.Family, to netip.AddrPort, data []byte) error {
	h.mu.Lock()
	p := h.plug(index)
	var from netip.Addr
	if p != nil && p.Up {
		from = p.address(f)
	}
	h.mu.Unlock()
	if !from.IsValid() {
		return errNotUp
	}
	h.network.carry(Sent{p.segment, h.name, f, netip.AddrPortFrom(from, 5353), to, slices.Clone(data)})
	return nil
}

// Inject puts a datagram on a segment that no host of the network sent.
func (n *Network) Inject(s Sent) { n.carry(s) }

// address is the first of a family.
func (p *plug) address(f mdns.Family) netip.Addr {
	for _, a := range p.Addrs {
		if a.Addr().Is4() == (f == mdns.IPv4) {
			return a.Addr()
		}
	}
	return netip.Addr{}
}

// carry delivers to all members of the segment, the sender included, as multicast loopback does.
func (n *Network) carry(s Sent) {
	n.mu.Lock()
	hosts, taps, lose := slices.Clone(n.hosts), slices.Clone(n.taps), n.lose
	n.mu.Unlock()
	for _, tap := range taps {
		tap(s)
	}
	if lose != nil && lose(s) {
		return
	}
	for _, h := range hosts {
		h.take(s)
	}
}

func (h *Host) take(s Sent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.ifaces {
		if p.segment != s.Segment || !p.Up {
			continue
		}
		group := s.To == netip.AddrPort{}
		mine := slices.ContainsFunc(p.Addrs, func(a netip.Prefix) bool { return a.Addr() == s.To.Addr() })
		if (group && !p.joined[s.Family]) || (!group && (!mine || s.To.Port() != 5353)) {
			continue
		}
		select {
		case h.inbox <- mdns.Packet{Data: s.Data, Interface: p.Index, Family: s.Family, From: s.From, Multicast: group}:
		default: // lost
		}
	}
}
