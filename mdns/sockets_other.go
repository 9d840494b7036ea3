//go:build !unix

package mdns

import (
	"net"
	"syscall"
)

// share leaves the port as the system gives it.
func share(_, _ string, _ syscall.RawConn) error { return nil }

func onlyJoined(*net.UDPConn, Family) error { return nil }
