// Package mattertest holds what tests of a Matter node need beside it: a network in memory that loses, delays and
// doubles datagrams, the certificates of a fabric, and initiators of sessions.
package mattertest

import (
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"time"
)

// Weather is what happens to datagrams.
type Weather struct {
	Loss, Twice float64       // shares from 0 to 1
	Delay       time.Duration // each takes up to this long, so that they overtake each other
}

// Network is a network in memory.
type Network struct {
	mu      sync.Mutex
	weather Weather
	rand    *rand.Rand
	conns   map[string]*Conn
	sent    int
	drop    func(from, to string, datagram []byte) bool
}

// NewNetwork makes a network; the seed decides what the weather does.
func NewNetwork(w Weather, seed uint64) *Network {
	return &Network{weather: w, rand: rand.New(rand.NewPCG(seed, 1)), conns: map[string]*Conn{}}
}

// Sent is how many datagrams were written so far.
func (n *Network) Sent() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.sent
}

// Drop lets f decide which datagrams are lost, beside the weather; nil for none.
func (n *Network) Drop(f func(from, to string, datagram []byte) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop = f
}

// Addr is a name in the network.
type Addr string

// Network names the kind of address.
func (Addr) Network() string { return "memory" }

// String is the name.
func (a Addr) String() string { return string(a) }

type datagram struct {
	from Addr
	b    []byte
}

// Conn is a socket in the network. It is a net.PacketConn without deadlines.
type Conn struct {
	net    *Network
	addr   Addr
	in     chan datagram
	once   sync.Once
	closed chan struct{}
}

var _ net.PacketConn = (*Conn)(nil)

// Listen opens the socket with a name; an earlier one of that name no longer hears anything.
func (n *Network) Listen(name string) *Conn {
	c := &Conn{net: n, addr: Addr(name), in: make(chan datagram, 1024), closed: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conns[name] = c
	return c
}

// ReadFrom waits for a datagram.
func (c *Conn) ReadFrom(p []byte) (int, net.Addr, error) {
	select {
	case d := <-c.in:
		return copy(p, d.b), d.from, nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

// WriteTo sends a datagram; it arrives, or not, some time later.
func (c *Conn) WriteTo(p []byte, to net.Addr) (int, error) {
	select {
	case <-c.closed:
		return 0, net.ErrClosed
	default:
	}
	n := c.net
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sent++
	copies := 1
	if n.rand.Float64() < n.weather.Twice {
		copies = 2
	}
	d := datagram{c.addr, append([]byte(nil), p...)}
	lost := n.drop != nil && n.drop(c.addr.String(), to.String(), d.b)
	for range copies {
		if lost || n.rand.Float64() < n.weather.Loss {
			continue
		}
		var delay time.Duration
		if n.weather.Delay > 0 {
			delay = time.Duration(n.rand.Int64N(int64(n.weather.Delay)))
		}
		time.AfterFunc(delay, func() { n.arrive(to.String(), d) })
	}
	return len(p), nil
}

func (n *Network) arrive(to string, d datagram) {
	n.mu.Lock()
	c := n.conns[to]
	n.mu.Unlock()
	if c == nil {
		return
	}
	select {
	case c.in <- d:
	case <-c.closed:
	default: // a full socket loses
	}
}

// Close ends the socket.
func (c *Conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}

// LocalAddr is the socket's name.
func (c *Conn) LocalAddr() net.Addr { return c.addr }

// SetDeadline is not supported.
func (c *Conn) SetDeadline(time.Time) error { return os.ErrNoDeadline }

// SetReadDeadline is not supported.
func (c *Conn) SetReadDeadline(time.Time) error { return os.ErrNoDeadline }

// SetWriteDeadline is not supported.
func (c *Conn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }
