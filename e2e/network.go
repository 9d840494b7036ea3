package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Host is a network namespace with one Ethernet interface.
type Host struct {
	Name   string // of the namespace
	Device string // the interface
	Addr   netip.Addr
}

// Pair makes two hosts joined by a cable: the addresses come from the block that is reserved for
// documentation, so that nothing can be meant by them outside. Both can send multicast.
func (l *Lab) Pair(t testing.TB) (home, phone *Host) {
	t.Helper()
	l.NeedNetworks(t)
	l.cabling.Lock()
	defer l.cabling.Unlock()
	home = &Host{Name: l.name("home"), Device: l.name("h"), Addr: netip.MustParseAddr("192.0.2.1")}
	phone = &Host{Name: l.name("phone"), Device: l.name("p"), Addr: netip.MustParseAddr("192.0.2.2")}
	for _, h := range []*Host{home, phone} {
		ip(t, "netns", "add", h.Name)
		t.Cleanup(func() { _ = exec.Command(ipPath(), "netns", "del", h.Name).Run() })
		// Without this a link-local address cannot send for 2 s after the cable came up.
		h.Do(t, func() error {
			return writeSysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0")
		})
		ip(t, "-n", h.Name, "link", "set", "lo", "up")
	}
	ip(t, "link", "add", home.Device, "netns", home.Name, "type", "veth", "peer", "name", phone.Device, "netns", phone.Name)
	for _, h := range []*Host{home, phone} {
		ip(t, "-n", h.Name, "address", "add", h.Addr.String()+"/24", "dev", h.Device)
		h.Up(t)
	}
	return home, phone
}

// Up connects the host's interface, with the route that multicast senders without a chosen interface need.
func (h *Host) Up(t testing.TB) {
	t.Helper()
	ip(t, "-n", h.Name, "link", "set", h.Device, "up")
	ip(t, "-n", h.Name, "route", "replace", "224.0.0.0/4", "dev", h.Device)
}

// Down disconnects the host's interface.
func (h *Host) Down(t testing.TB) {
	t.Helper()
	ip(t, "-n", h.Name, "link", "set", h.Device, "down")
}

// Received is how many packets have come in over the cable.
func (h *Host) Received(t testing.TB) int {
	t.Helper()
	packets := 0
	h.Do(t, func() error {
		table, err := os.ReadFile("/proc/thread-self/net/dev")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(table)) {
			if name, counters, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == h.Device {
				_, err = fmt.Sscan(strings.Fields(counters)[1], &packets)
			}
		}
		return err
	})
	return packets
}

// Do runs f on the host: sockets that it opens belong to the host for as long as they live.
func (h *Host) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := h.do(f); err != nil {
		t.Fatalf("on %s: %v", h.Name, err)
	}
}

// Try is Do for what may fail: it may be called from any goroutine.
func (h *Host) Try(f func() error) error { return h.do(f) }

func (h *Host) do(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- h.visit(f) }()
	return <-done
}

// visit takes this thread to the host and back. A thread that did not come back would have to end with
// its goroutine, and the programs that it had started before would be killed with it (Pdeathsig).
func (h *Host) visit(f func() error) error {
	runtime.LockOSThread()
	here, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(here)
	there, err := unix.Open("/run/netns/"+h.Name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(there)
	if err := unix.Setns(there, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	failed := f()
	if err := unix.Setns(here, unix.CLONE_NEWNET); err != nil {
		return errors.Join(failed, fmt.Errorf("the way back: %w", err))
	}
	runtime.UnlockOSThread()
	return failed
}

func writeSysctl(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(value))
	return err
}

func ip(t testing.TB, args ...string) {
	t.Helper()
	if out, err := exec.Command(ipPath(), args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
}

func ipPath() string {
	path, err := look("ip")
	if err != nil {
		return "ip"
	}
	return path
}
