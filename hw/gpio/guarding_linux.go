package gpio

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os/signal"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	restAgain = 20 * time.Millisecond // between two tries to bring a line to rest
	restTries = 25                    // at the end, when the daemon is gone
)

// charge is a line that the guard looks after.
type charge struct {
	fd    int
	rest  bool
	until time.Time // when it has to be at rest; zero: nothing is owed
}

// guarding is the guard process. It has one goroutine: whatever the daemon said by now is heard before a
// line is touched.
type guarding struct {
	socket  int
	charges map[uint32]*charge
}

// Guard is the life of the guard process, started by the daemon with its socket as descriptor 3. It ends
// when the daemon does, after it has brought every line to rest.
func Guard() error {
	if kind, err := unix.GetsockoptInt(guardFD, unix.SOL_SOCKET, unix.SO_TYPE); err != nil || kind != unix.SOCK_SEQPACKET {
		return errors.New("the guard is started by the bridge, not by hand")
	}
	unix.CloseOnExec(guardFD)
	// It outlives whoever ends the daemon, by a moment.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGPIPE, syscall.SIGTSTP)
	g := &guarding{socket: guardFD, charges: make(map[uint32]*charge)}
	return g.serve()
}

func (g *guarding) serve() error {
	for {
		fds := []unix.PollFd{{Fd: int32(g.socket), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, g.wait()); err != nil && !errors.Is(err, unix.EINTR) {
			return errors.Join(fmt.Errorf("wait for the daemon: %w", err), g.end())
		}
		for {
			more, err := g.hear()
			if err != nil {
				return g.end()
			}
			if !more {
				break
			}
		}
		g.expire(time.Now())
	}
}

// wait is how long nothing needs to be done, in ms; rounded up, so that a deadline is over after it.
func (g *guarding) wait() int {
	var first time.Time
	for _, c := range g.charges {
		if !c.until.IsZero() && (first.IsZero() || c.until.Before(first)) {
			first = c.until
		}
	}
	if first.IsZero() {
		return -1
	}
	left := time.Until(first)
	return int(min(max((left+time.Millisecond-1)/time.Millisecond, 0), math.MaxInt32))
}

// hear takes one message; false if there is none, an error when the daemon is gone.
func (g *guarding) hear() (bool, error) {
	buf, rights := make([]byte, wardSize+1), make([]byte, unix.CmsgSpace(4))
	n, extra, _, _, err := unix.Recvmsg(g.socket, buf, rights, unix.MSG_DONTWAIT|unix.MSG_CMSG_CLOEXEC)
	switch {
	case errors.Is(err, unix.EINTR):
		return true, nil
	case errors.Is(err, unix.EAGAIN):
		return false, nil
	case err != nil:
		return false, err
	case n == 0:
		return false, errors.New("the daemon is gone")
	}
	line := received(rights[:extra])
	m, ok := parseWard(buf[:n])
	if !ok || m.op != wardAdd {
		line.close()
	}
	if ok {
		g.take(m, line)
	}
	return true, nil
}

// descriptor is a received one; negative for none.
type descriptor int

func (d descriptor) close() {
	if d >= 0 {
		_ = unix.Close(int(d))
	}
}

func received(rights []byte) descriptor {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return -1
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1
	}
	return descriptor(fds[0])
}

func (g *guarding) take(m wardMessage, line descriptor) {
	c := g.charges[m.id]
	switch {
	case m.op == wardAdd:
		if c != nil || line < 0 || len(g.charges) >= maxWards {
			line.close()
			return
		}
		g.charges[m.id] = &charge{fd: int(line), rest: m.rest}
	case m.op == wardPing:
		g.answer(m)
	case m.op == wardDrop:
		if c != nil {
			_ = unix.Close(c.fd)
			delete(g.charges, m.id)
		}
		g.answer(m)
	case c == nil:
	case m.op == wardArm:
		c.until = time.Now().Add(m.after)
	case m.op == wardCalm:
		c.until = time.Time{}
	}
}

func (g *guarding) answer(m wardMessage) {
	_ = unix.Sendmsg(g.socket, m.bytes(), nil, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

// expire brings to rest what should be by now.
func (g *guarding) expire(now time.Time) {
	for _, c := range g.charges {
		if c.until.IsZero() || now.Before(c.until) {
			continue
		}
		c.until = time.Time{}
		if err := c.relax(); err != nil && !gone(err) {
			c.until = now.Add(restAgain)
		}
	}
}

// end brings all to rest, because nobody else can.
func (g *guarding) end() error {
	var left error
	for range restTries {
		left = nil
		for _, id := range slices.Sorted(maps.Keys(g.charges)) { // as they were requested: what moves before what says which way
			if err := g.charges[id].relax(); err != nil && !gone(err) {
				left = err
			}
		}
		if left == nil {
			return nil
		}
		time.Sleep(restAgain)
	}
	return fmt.Errorf("an output may still be energised: %w", left)
}

func (c *charge) relax() error {
	v := lineValues{Bits: bit(c.rest), Mask: 1}
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(c.fd), setValues, uintptr(unsafe.Pointer(&v)))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}
