package matter

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// How often a socket may fail to read before it is opened again, and the pauses between tries to open it.
const (
	mostFailures = 10
	failurePause = 10 * time.Millisecond
	firstReopen  = 100 * time.Millisecond
	lastReopen   = 30 * time.Second
)

// Lasting is a socket for Config.Conns that is opened again when it dies: sessions that go over it outlive that. Its methods may be
// used by several goroutines.
type Lasting struct {
	open    func(ctx context.Context) (net.PacketConn, error)
	changed func(err error)
	life    context.Context
	end     context.CancelFunc

	mu   sync.Mutex
	conn net.PacketConn
}

var _ net.PacketConn = (*Lasting)(nil)

// NewLasting makes one of an open socket. open opens the same address again. changed hears why the socket is down, once for each
// time and with each try that fails, and nil when it is up again; it must not wait. A nil changed is nobody.
func NewLasting(conn net.PacketConn, open func(ctx context.Context) (net.PacketConn, error), changed func(err error)) *Lasting {
	if changed == nil {
		changed = func(error) {}
	}
	l := &Lasting{open: open, changed: changed, conn: conn}
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

func (l *Lasting) current() net.PacketConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// ReadFrom implements net.PacketConn. While the socket is down it waits. It fails with net.ErrClosed after Close alone.
func (l *Lasting) ReadFrom(p []byte) (int, net.Addr, error) {
	failures := 0
	for {
		n, from, err := l.current().ReadFrom(p)
		switch {
		case l.life.Err() != nil:
			return 0, nil, net.ErrClosed
		case err == nil:
			return n, from, nil
		}
		// An error may concern one datagram alone; a socket that has died fails again and again.
		if failures++; failures < mostFailures && !errors.Is(err, net.ErrClosed) {
			l.pause(failurePause)
			continue
		}
		if !l.reopen(err) {
			return 0, nil, net.ErrClosed
		}
		failures = 0
	}
}

// reopen opens the socket until that succeeds; false when Close came first.
func (l *Lasting) reopen(why error) bool {
	l.changed(why)
	_ = l.current().Close() // it is dead already; its port is to be free
	for wait := firstReopen; ; wait = min(2*wait, lastReopen) {
		conn, err := l.open(l.life)
		if err == nil {
			ok := l.replace(conn)
			if ok {
				l.changed(nil)
			}
			return ok
		}
		l.changed(err)
		if !l.pause(wait) {
			return false
		}
	}
}

func (l *Lasting) replace(conn net.PacketConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life.Err() != nil {
		_ = conn.Close() // nobody has used it
		return false
	}
	l.conn = conn
	return true
}

// pause waits; false when Close came first.
func (l *Lasting) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.life.Done():
		return false
	}
}

// WriteTo implements net.PacketConn. What is sent while the socket is down is lost, as on the network.
func (l *Lasting) WriteTo(p []byte, to net.Addr) (int, error) { return l.current().WriteTo(p, to) }

// Close implements net.PacketConn.
func (l *Lasting) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end()
	return l.conn.Close()
}

// LocalAddr implements net.PacketConn.
func (l *Lasting) LocalAddr() net.Addr { return l.current().LocalAddr() }

// SetDeadline implements net.PacketConn, for the socket of now.
func (l *Lasting) SetDeadline(t time.Time) error { return l.current().SetDeadline(t) }

// SetReadDeadline implements net.PacketConn, for the socket of now.
func (l *Lasting) SetReadDeadline(t time.Time) error { return l.current().SetReadDeadline(t) }

// SetWriteDeadline implements net.PacketConn, for the socket of now.
func (l *Lasting) SetWriteDeadline(t time.Time) error { return l.current().SetWriteDeadline(t) }
