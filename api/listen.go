package api

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
)

// limited closes connections beyond a number at once: blocking in accept instead would let whoever
// holds the others keep the owner out without a word. One stranger's address gets a part only.
type limited struct {
	net.Listener
	total, each int

	mu   sync.Mutex
	open int
	from map[netip.Addr]int
}

func limit(l net.Listener, total, each int) net.Listener {
	return &limited{Listener: l, total: total, each: each, from: map[netip.Addr]int{}}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := stranger(c)
		if l.take(from) {
			return &limitedConn{Conn: c, release: func() { l.give(from) }}, nil
		}
		_ = c.Close()
	}
}

func (l *limited) take(from netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total || from.IsValid() && l.from[from] >= l.each {
		return false
	}
	l.open++
	l.from[from]++
	return true
}

func (l *limited) give(from netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.from[from]--; l.from[from] == 0 {
		delete(l.from, from)
	}
}

// stranger is the address of another machine; the zero value for this one.
func stranger(c net.Conn) netip.Addr {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok || tcp.IP.IsLoopback() {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

type limitedConn struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}

type peerKey struct{}

// withPeer notes who is at the other end of a unix socket. The kernel vouches for it.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if l, ok := c.(*limitedConn); ok {
		c = l.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	actor := "local"
	if uid, ok := peerUID(u); ok {
		actor = fmt.Sprintf("uid:%d", uid)
	}
	return context.WithValue(ctx, peerKey{}, actor)
}

// peer is the actor of a unix socket; false for all other connections.
func peer(ctx context.Context) (actor string, ok bool) {
	actor, ok = ctx.Value(peerKey{}).(string)
	return actor, ok
}
