package broker

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp makes the kernel throw a connection away when what was sent is not confirmed in time: an order
// must not reach a device when its network comes back. Connections that are accepted inherit it.
func giveUp(_, _ string, c syscall.RawConn) error {
	var set error
	err := c.Control(func(fd uintptr) {
		set = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(staleAfter.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return set
}
