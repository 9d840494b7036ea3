package mdns

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// share lets other responders of the machine hold the port too.
func share(_, _ string, c syscall.RawConn) error {
	return control(c, func(fd int) error {
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		)
	})
}

// onlyJoined turns off what Linux does else: to deliver what any process of the machine has joined.
func onlyJoined(conn *net.UDPConn, f Family) error {
	c, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	return control(c, func(fd int) error {
		if f == IPv6 {
			// Kernels before 4.20 do not know it; strangers' packets are then dropped by interface.
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
			return nil
		}
		return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	})
}

func control(c syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
