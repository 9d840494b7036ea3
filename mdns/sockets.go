package mdns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

var errNoSocket = errors.New("no socket of this family")

// Addresses of RFC 6762 3.
const (
	group4 = "224.0.0.251"
	group6 = "ff02::fb"
	// hops is what every packet leaves with (RFC 6762 11).
	hops = 255
	// buffer holds a burst while the machine does something else, and answers that wait for the
	// hardware address of a host. The system may give less.
	buffer = 1 << 20
	// sendTime bounds a write when an interface takes nothing.
	sendTime = 5 * time.Millisecond
	// readErrors in a row end the sockets.
	readErrors = 100
)

// sockets is the Transport over UDP port 5353: one socket a family, which other responders of the
// machine may share.
type sockets struct {
	v4      *ipv4.PacketConn
	v6      *ipv6.PacketConn
	watcher *watcher
}

var _ Transport = (*sockets)(nil)

func openSockets(log zerolog.Logger) (*sockets, error) {
	v4, err4 := open4()
	v6, err6 := open6()
	if err4 != nil && err6 != nil {
		return nil, fmt.Errorf("port %d: %w", port, errors.Join(err4, err6))
	}
	for f, err := range []error{IPv4: err4, IPv6: err6} {
		if err != nil {
			log.Warn().Err(err).Stringer("family", Family(f)).Msg("family is not served")
		}
	}
	s := &sockets{v4: v4, v6: v6}
	w, err := watch(log)
	if err != nil {
		_ = s.closeConns()
		return nil, fmt.Errorf("watch interfaces: %w", err)
	}
	s.watcher = w
	return s, nil
}

func listen(network, address string) (*net.UDPConn, error) {
	lc := net.ListenConfig{Control: share}
	conn, err := lc.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	_ = udp.SetReadBuffer(buffer)
	_ = udp.SetWriteBuffer(buffer)
	return udp, nil
}

func open4() (*ipv4.PacketConn, error) {
	conn, err := listen("udp4", fmt.Sprintf("0.0.0.0:%d", port))
	if err != nil {
		return nil, err
	}
	p := ipv4.NewPacketConn(conn)
	err = errors.Join(
		p.SetControlMessage(ipv4.FlagInterface|ipv4.FlagDst, true),
		p.SetMulticastTTL(hops),
		p.SetTTL(hops),
		p.SetMulticastLoopback(true), // controllers on this machine hear us too
		onlyJoined(conn, IPv4),
	)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return p, nil
}

func open6() (*ipv6.PacketConn, error) {
	conn, err := listen("udp6", fmt.Sprintf("[::]:%d", port))
	if err != nil {
		return nil, err
	}
	p := ipv6.NewPacketConn(conn)
	err = errors.Join(
		p.SetControlMessage(ipv6.FlagInterface|ipv6.FlagDst, true),
		p.SetMulticastHopLimit(hops),
		p.SetHopLimit(hops),
		p.SetMulticastLoopback(true),
		onlyJoined(conn, IPv6),
	)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return p, nil
}

// Interfaces implements Transport.
func (s *sockets) Interfaces() ([]Interface, error) { return interfaces() }

// Changes implements Transport.
func (s *sockets) Changes() <-chan struct{} { return s.watcher.changes }

// Join implements Transport. It leaves first: a membership that outlived its interface is renewed,
// and switches that listen to memberships hear of it again.
func (s *sockets) Join(index int, f Family) error {
	_ = s.Leave(index, f)
	i, g := &net.Interface{Index: index}, group(f)
	switch {
	case f == IPv4 && s.v4 != nil:
		return s.v4.JoinGroup(i, g)
	case f == IPv6 && s.v6 != nil:
		return s.v6.JoinGroup(i, g)
	}
	return errNoSocket
}

// Leave implements Transport.
func (s *sockets) Leave(index int, f Family) error {
	i, g := &net.Interface{Index: index}, group(f)
	switch {
	case f == IPv4 && s.v4 != nil:
		return s.v4.LeaveGroup(i, g)
	case f == IPv6 && s.v6 != nil:
		return s.v6.LeaveGroup(i, g)
	}
	return errNoSocket
}

func group(f Family) *net.UDPAddr {
	if f == IPv6 {
		return &net.UDPAddr{IP: net.ParseIP(group6), Port: port}
	}
	return &net.UDPAddr{IP: net.ParseIP(group4), Port: port}
}

// Send implements Transport.
func (s *sockets) Send(index int, f Family, to netip.AddrPort, data []byte) error {
	dst := group(f)
	if to != everyone {
		dst = net.UDPAddrFromAddrPort(to)
	}
	deadline := time.Now().Add(sendTime)
	var err error
	switch {
	case f == IPv4 && s.v4 != nil:
		if err = s.v4.SetWriteDeadline(deadline); err == nil {
			_, err = s.v4.WriteTo(data, &ipv4.ControlMessage{IfIndex: index}, dst)
		}
	case f == IPv6 && s.v6 != nil:
		if err = s.v6.SetWriteDeadline(deadline); err == nil {
			_, err = s.v6.WriteTo(data, &ipv6.ControlMessage{IfIndex: index}, dst)
		}
	default:
		err = errNoSocket
	}
	return err
}

// Serve implements Transport.
func (s *sockets) Serve(deliver func(Packet)) error {
	var wg sync.WaitGroup
	var errs [len(families)]error
	if s.v4 != nil {
		wg.Go(func() { errs[IPv4] = s.serve(s.read4, deliver) })
	}
	if s.v6 != nil {
		wg.Go(func() { errs[IPv6] = s.serve(s.read6, deliver) })
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

// serve reads until the socket is closed. Single errors are an unreachable destination of an earlier
// packet or the like; one that stays closes both sockets, so that the owner hears of it.
func (s *sockets) serve(read func([]byte) (Packet, error), deliver func(Packet)) error {
	buf := make([]byte, maxPacket+1)
	for failed := 0; failed < readErrors; {
		p, err := read(buf)
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			if failed++; failed == readErrors {
				_ = s.closeConns()
				return err
			}
			continue
		}
		failed = 0
		if p.Interface != 0 {
			deliver(p)
		}
	}
	return nil
}

func (s *sockets) read4(buf []byte) (Packet, error) {
	n, cm, from, err := s.v4.ReadFrom(buf)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Data: buf[:n], Family: IPv4, From: source(from)}
	if cm != nil {
		p.Interface, p.Multicast = cm.IfIndex, cm.Dst.IsMulticast()
	}
	return p, nil
}

func (s *sockets) read6(buf []byte) (Packet, error) {
	n, cm, from, err := s.v6.ReadFrom(buf)
	if err != nil {
		return Packet{}, err
	}
	p := Packet{Data: buf[:n], Family: IPv6, From: source(from)}
	if cm != nil {
		p.Interface, p.Multicast = cm.IfIndex, cm.Dst.IsMulticast()
	}
	return p, nil
}

// source drops the zone: the interface is known from the control message.
func source(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	from := udp.AddrPort()
	return netip.AddrPortFrom(from.Addr().Unmap().WithZone(""), from.Port())
}

// Close implements Transport.
func (s *sockets) Close() error {
	s.watcher.close()
	return s.closeConns()
}

func (s *sockets) closeConns() error {
	var err error
	if s.v4 != nil {
		err = errors.Join(err, s.v4.Close())
	}
	if s.v6 != nil {
		err = errors.Join(err, s.v6.Close())
	}
	return err
}
