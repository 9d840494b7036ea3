package mdns

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"syscall"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// watcher listens to the kernel (rtnetlink) for interfaces and addresses that come, change and go;
// an IPv6 address tells once more when duplicate detection has passed.
type watcher struct {
	changes chan struct{}
	socket  *os.File
	done    chan struct{}
}

func watch(log zerolog.Logger) (*watcher, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	groups := uint32(unix.RTMGRP_LINK | unix.RTMGRP_IPV4_IFADDR | unix.RTMGRP_IPV6_IFADDR)
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groups}); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("netlink bind: %w", err)
	}
	w := &watcher{
		changes: make(chan struct{}, 1),
		socket:  os.NewFile(uintptr(fd), "netlink"),
		done:    make(chan struct{}),
	}
	go w.run(log)
	return w, nil
}

// run signals for every message, and also when the kernel had to drop some.
func (w *watcher) run(log zerolog.Logger) {
	defer close(w.done)
	buf := make([]byte, 1<<16)
	for {
		_, err := w.socket.Read(buf)
		if err != nil && !errors.Is(err, unix.ENOBUFS) && !errors.Is(err, unix.EINTR) {
			if !errors.Is(err, os.ErrClosed) {
				log.Error().Err(err).Msg("interface changes are no longer heard")
			}
			return
		}
		select {
		case w.changes <- struct{}{}:
		default:
		}
	}
}

func (w *watcher) close() {
	w.socket.Close()
	<-w.done
}

// interfaces asks the kernel for interfaces and addresses. The standard library's list lacks the
// bridge that an interface is a port of and the state of an address.
func interfaces() ([]Interface, error) {
	links, err := dump(unix.RTM_GETLINK)
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	addrs, err := dump(unix.RTM_GETADDR)
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	var all []Interface
	names, masters := map[int]string{}, map[int]int{}
	for _, m := range links {
		if i, master, ok := parseLink(&m); ok {
			all = append(all, i)
			names[i.Index], masters[i.Index] = i.Name, master
		}
	}
	byIndex := map[int][]netip.Prefix{}
	for _, m := range addrs {
		if index, p, ok := parseAddr(&m); ok && len(byIndex[index]) < maxAddresses {
			byIndex[index] = append(byIndex[index], p)
		}
	}
	for n := range all {
		all[n].Master = names[masters[all[n].Index]]
		all[n].Addrs = byIndex[all[n].Index]
	}
	return all, nil
}

func dump(what int) ([]syscall.NetlinkMessage, error) {
	data, err := syscall.NetlinkRIB(what, unix.AF_UNSPEC)
	if err != nil {
		return nil, os.NewSyscallError("netlink", err)
	}
	return syscall.ParseNetlinkMessage(data)
}

func parseLink(m *syscall.NetlinkMessage) (i Interface, master int, ok bool) {
	if m.Header.Type != unix.RTM_NEWLINK || len(m.Data) < unix.SizeofIfInfomsg {
		return i, 0, false
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return i, 0, false
	}
	flags := binary.NativeEndian.Uint32(m.Data[8:])
	i = Interface{
		Index:     int(int32(binary.NativeEndian.Uint32(m.Data[4:]))),
		Up:        flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0,
		Multicast: flags&unix.IFF_MULTICAST != 0,
		Loopback:  flags&unix.IFF_LOOPBACK != 0,
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			i.Name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_MASTER:
			if len(a.Value) >= 4 {
				master = int(binary.NativeEndian.Uint32(a.Value))
			}
		}
	}
	return i, master, i.Name != ""
}

// parseAddr leaves out addresses that cannot be used (yet) and those that are not for others to
// use: temporary privacy addresses and deprecated ones.
func parseAddr(m *syscall.NetlinkMessage) (index int, p netip.Prefix, ok bool) {
	if m.Header.Type != unix.RTM_NEWADDR || len(m.Data) < unix.SizeofIfAddrmsg {
		return 0, p, false
	}
	attrs, err := syscall.ParseNetlinkRouteAttr(m)
	if err != nil {
		return 0, p, false
	}
	family, bits, flags := m.Data[0], int(m.Data[1]), uint32(m.Data[2])
	index = int(binary.NativeEndian.Uint32(m.Data[4:]))
	var addr netip.Addr
	for _, a := range attrs {
		switch {
		case a.Attr.Type == unix.IFA_FLAGS && len(a.Value) >= 4:
			flags = binary.NativeEndian.Uint32(a.Value)
		case a.Attr.Type == unix.IFA_LOCAL,
			a.Attr.Type == unix.IFA_ADDRESS && !addr.IsValid(): // the peer's where there is a local one
			if parsed, ok := netip.AddrFromSlice(a.Value); ok {
				addr = parsed
			}
		}
	}
	if !addr.IsValid() || addr.IsUnspecified() || addr.IsMulticast() {
		return 0, p, false
	}
	if flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED|unix.IFA_F_DEPRECATED) != 0 {
		return 0, p, false
	}
	if family == unix.AF_INET6 && flags&unix.IFA_F_TEMPORARY != 0 {
		return 0, p, false
	}
	return index, netip.PrefixFrom(addr, bits), true
}
