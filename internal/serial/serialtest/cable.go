//go:build linux

// Package serialtest plugs simulated devices into serial ports. A Cable is a PTY whose far end is a
// network connection, so that a simulated device can be a server, and what goes wrong on networks goes
// wrong on the port too: when the connection ends, the port hangs up and its name is gone, as when a USB
// plug is pulled.
package serialtest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Open makes a PTY and returns its far end and the near end, which is kept open so that the far end
// survives that a driver closes the port.
func Open() (far, near *os.File, err error) {
	far, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	raw, err := far.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	var number int
	control := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if control != nil || err != nil {
		return nil, nil, fmt.Errorf("pty: %w, %w", control, err)
	}
	near, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	return far, near, err
}

// Cable connects a port to what listens at addr, again and again until the test ends, and returns the
// port's path. There is nothing at the path while nobody listens.
func Cable(t *testing.T, network, addr string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "port")
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		again := time.NewTicker(2 * time.Millisecond)
		defer again.Stop()
		for ctx.Err() == nil {
			plug(ctx, network, addr, path)
			select {
			case <-again.C:
			case <-ctx.Done():
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return path
}

// plug is one connection from beginning to end.
func plug(ctx context.Context, network, addr, path string) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return
	}
	defer conn.Close()
	far, near, err := Open()
	if err != nil {
		return
	}
	defer near.Close()
	defer far.Close()
	unplug := context.AfterFunc(ctx, func() { conn.Close() })
	defer unplug()
	if !raw(near) || os.Symlink(near.Name(), path) != nil {
		return
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(conn, far)
		conn.Close()
	})
	_, _ = io.Copy(far, conn)
	_ = os.Remove(path)
	far.Close()
	wg.Wait()
}

// raw keeps the line discipline from echoing before a driver has set the port.
func raw(f *os.File) bool {
	c, err := f.SyscallConn()
	if err != nil {
		return false
	}
	ok := false
	_ = c.Control(func(fd uintptr) {
		t, err := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if err != nil {
			return
		}
		t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
		ok = unix.IoctlSetTermios(int(fd), unix.TCSETS, t) == nil
	})
	return ok
}
