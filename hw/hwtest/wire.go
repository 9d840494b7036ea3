package hwtest

import (
	"errors"
	"net"
	"sync"
)

// Wire is a listener for the device's side of a connection, on which a test can make go wrong what goes
// wrong on networks. The driver connects to it as to the device.
type Wire struct {
	net.Listener

	mu    sync.Mutex
	conns map[*wireConn]struct{}
	cut   bool
	lose  bool
	stall chan struct{} // closed when answers may go again; nil while they go
}

// NewWire puts a Wire in front of a listener.
func NewWire(ln net.Listener) *Wire {
	return &Wire{Listener: ln, conns: make(map[*wireConn]struct{})}
}

// Cut ends all connections and lets none come about until Heal.
func (w *Wire) Cut() {
	w.mu.Lock()
	w.cut = true
	conns := w.conns
	w.conns = make(map[*wireConn]struct{})
	w.mu.Unlock()
	for c := range conns {
		c.Conn.Close()
	}
}

// Lose ends the connection instead of the next answer: the device does what it is told, and nobody hears.
func (w *Wire) Lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose = true
}

// Stall holds all answers back until Heal. The device hears and does what it is told.
func (w *Wire) Stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stall == nil {
		w.stall = make(chan struct{})
	}
}

// Heal makes the wire good again. Answers that were held back go out, late.
func (w *Wire) Heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut, w.lose = false, false
	if w.stall != nil {
		close(w.stall)
		w.stall = nil
	}
}

// Accept implements net.Listener.
func (w *Wire) Accept() (net.Conn, error) {
	for {
		conn, err := w.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &wireConn{Conn: conn, wire: w}
		w.mu.Lock()
		cut := w.cut
		if !cut {
			w.conns[c] = struct{}{}
		}
		w.mu.Unlock()
		if !cut {
			return c, nil
		}
		conn.Close()
	}
}

// Close implements net.Listener.
func (w *Wire) Close() error {
	w.Heal()
	return w.Listener.Close()
}

// wireConn is the device's end.
type wireConn struct {
	net.Conn
	wire *Wire
}

var errCut = errors.New("the wire is cut")

func (c *wireConn) Write(b []byte) (int, error) {
	c.wire.mu.Lock()
	stall := c.wire.stall
	c.wire.mu.Unlock()
	if stall != nil {
		<-stall
	}
	c.wire.mu.Lock()
	lose := c.wire.lose
	c.wire.lose = false
	c.wire.mu.Unlock()
	if lose {
		_ = c.Close()
		return 0, errCut
	}
	return c.Conn.Write(b)
}

func (c *wireConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}
