package homekit

import (
	"net"
	"syscall"
	"testing"
	"time"
)

// HAP forbids keepalive from the accessory, as it wakes phones; Go turns it on unless told not to.
func TestSocketOptions(t *testing.T) {
	h := open(t, 0, nil)
	h.admin()
	checked := 0
	for deadline := time.Now().Add(5 * time.Second); checked == 0 && time.Now().Before(deadline); {
		for _, c := range h.admission.all() {
			raw, err := c.nc.(*net.TCPConn).SyscallConn()
			if err != nil {
				t.Fatal(err)
			}
			err = raw.Control(func(fd uintptr) {
				for name, want := range map[string][3]int{
					"keepalive": {syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 0}, "no delay": {syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1},
				} {
					if got, err := syscall.GetsockoptInt(int(fd), want[0], want[1]); err != nil || got != want[2] {
						t.Errorf("%s is %d (%v), want %d", name, got, err, want[2])
					}
					checked++
				}
			})
			if err != nil {
				continue // closed meanwhile
			}
		}
	}
	if checked == 0 {
		t.Error("no connection was looked at")
	}
}
