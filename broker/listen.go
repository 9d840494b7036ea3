package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the connections from the network.
const (
	perAddress  = 16               // from one address
	maxOpen     = maxClients + 64  // of all, with those that have not said who they are
	helloTime   = 10 * time.Second // to say who they are
	helloBytes  = 4 << 10          // that it may take
	staleAfter  = 5 * time.Second  // what a peer has not confirmed by then is thrown away with its connection
	acceptPause = 50 * time.Millisecond
)

// Dialer returns a Dial for the broker at a URL: mqtt://host:1883, or mqtts://host:8883 with TLS.
func Dialer(at *url.URL) func(ctx context.Context) (net.Conn, error) {
	port := at.Port()
	if port == "" {
		port = map[string]string{"mqtt": "1883", "mqtts": "8883"}[at.Scheme]
	}
	address := net.JoinHostPort(at.Hostname(), port)
	plain := &net.Dialer{Control: giveUp, KeepAliveConfig: watchful()}
	if at.Scheme != "mqtts" {
		return func(ctx context.Context) (net.Conn, error) { return plain.DialContext(ctx, "tcp", address) }
	}
	secret := tls.Dialer{NetDialer: plain, Config: &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12}}
	return func(ctx context.Context) (net.Conn, error) { return secret.DialContext(ctx, "tcp", address) }
}

// listen opens a port for devices.
func listen(ctx context.Context, address string) (*port, error) {
	lc := net.ListenConfig{Control: giveUp}
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &port{Listener: l, from: map[netip.Addr]int{}}, nil
}

// port accepts connections within bounds.
type port struct {
	net.Listener

	mu   sync.Mutex
	from map[netip.Addr]int
	open int
}

// Accept returns the next connection that is within the bounds; others are closed.
func (p *port) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		if err != nil { // no file descriptors, or a peer that was gone already
			time.Sleep(acceptPause)
			continue
		}
		if g := p.admit(c); g != nil {
			return g, nil
		}
		_ = c.Close() // it may try later
	}
}

func (p *port) admit(c net.Conn) *guest {
	from := address(c.RemoteAddr())
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open >= maxOpen || p.from[from] >= perAddress && !from.IsLoopback() {
		return nil
	}
	if err := c.SetDeadline(time.Now().Add(helloTime)); err != nil {
		return nil
	}
	p.open++
	p.from[from]++
	return &guest{Conn: c, leave: func() { p.left(from) }, ended: make(chan struct{})}
}

func (p *port) left(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	if p.from[from]--; p.from[from] == 0 {
		delete(p.from, from)
	}
}

func address(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}

// guest is a connection from the network. Until it has said who it is it may say little, and then only
// packets of the size that is expected of it.
type guest struct {
	net.Conn
	known atomic.Bool
	limit atomic.Int64
	said  int
	frame frame
	once  sync.Once
	leave func()
	ended chan struct{} // closed when nothing is left of it in the broker
}

func (g *guest) Read(b []byte) (int, error) {
	limit := helloBytes
	if g.known.Load() {
		limit = int(g.limit.Load())
	} else if g.said >= helloBytes {
		return 0, errTooLarge
	}
	n, err := g.Conn.Read(b)
	g.said = min(g.said+n, helloBytes)
	if g.frame.over(b[:n], limit) {
		return 0, errTooLarge
	}
	return n, err
}

func (g *guest) Close() error {
	g.once.Do(g.leave)
	return g.Conn.Close()
}
