//go:build unix && !linux

package mdns

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// share lets other responders of the machine hold the port too.
func share(_, _ string, c syscall.RawConn) error {
	var inner error
	err := c.Control(func(fd uintptr) {
		inner = errors.Join(
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
			unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		)
	})
	return errors.Join(err, inner)
}

func onlyJoined(*net.UDPConn, Family) error { return nil }
