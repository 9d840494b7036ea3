package api

import (
	"context"
	"fmt"
	"net"
	"sync"
)

// limited closes connections beyond a number at once: blocking in accept instead would let whoever
// holds the others keep the owner out without a word.
type limited struct {
	net.Listener
	slots chan struct{}
}

func limit(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, slots: make(chan struct{}, n)}
}

func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.slots <- struct{}{}:
			return &limitedConn{Conn: c, release: func() { <-l.slots }}, nil
		default:
			_ = c.Close()
		}
	}
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
