package serial

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Open opens and sets the port at path. Nothing is written to it. What came before is thrown away.
func Open(path string, m Mode) (*Port, error) {
	speed, ok := speeds()[m.Baud]
	if !ok {
		return nil, modeError(m)
	}
	// Without O_NONBLOCK, open waits for a carrier that a relay board never gives.
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	p := &Port{f: f}
	if err := p.control(func(fd int) error { return set(fd, speed, m.Parity) }); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is no serial port: %w", path, err), f.Close())
	}
	return p, nil
}

// Close gives the port back.
func (p *Port) Close() error {
	_ = p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TIOCNXCL, 0) })
	return p.f.Close()
}

// Drain waits until what was written has left the machine.
func (p *Port) Drain() error {
	return p.control(func(fd int) error { return unix.IoctlSetInt(fd, unix.TCSBRK, 1) })
}

func (p *Port) control(do func(fd int) error) error {
	raw, err := p.f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = do(int(fd)) }); err != nil {
		return err
	}
	return inner
}

// set makes the port raw, as cfmakeraw(3) does, at a speed, and ours alone.
func set(fd int, speed uint32, parity Parity) error {
	if err := unix.IoctlSetInt(fd, unix.TIOCEXCL, 0); err != nil {
		return err
	}
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return err
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | speed
	switch parity {
	case Even:
		t.Cflag |= unix.PARENB
	case Odd:
		t.Cflag |= unix.PARENB | unix.PARODD
	case None:
	}
	t.Ispeed, t.Ospeed = speed, speed
	t.Cc[unix.VMIN], t.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return err
	}
	// Some boards take DTR or RTS for a reset. A port that has neither (a PTY) refuses, which is as good.
	_ = unix.IoctlSetPointerInt(fd, unix.TIOCMBIC, unix.TIOCM_DTR|unix.TIOCM_RTS)
	return unix.IoctlSetInt(fd, unix.TCFLSH, unix.TCIOFLUSH)
}

func speeds() map[int]uint32 {
	return map[int]uint32{
		1200: unix.B1200, 2400: unix.B2400, 4800: unix.B4800, 9600: unix.B9600, 19200: unix.B19200,
		38400: unix.B38400, 57600: unix.B57600, 115200: unix.B115200, 230400: unix.B230400,
	}
}

// Break holds the line low for so long at least, once what was written has left the machine.
func (p *Port) Break(d time.Duration) error {
	return p.control(func(fd int) error {
		if err := unix.IoctlSetInt(fd, unix.TCSBRK, 1); err != nil {
			return err
		}
		if err := unix.IoctlSetInt(fd, unix.TIOCSBRK, 0); err != nil {
			return err
		}
		time.Sleep(d)
		return unix.IoctlSetInt(fd, unix.TIOCCBRK, 0)
	})
}
