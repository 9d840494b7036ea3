package api

import (
	"net"
	"testing"
)

// queue is a listener with connections from made-up addresses.
type queue struct{ conns chan net.Conn }

func (q queue) Accept() (net.Conn, error) { return <-q.conns, nil }
func (q queue) Close() error              { return nil }
func (q queue) Addr() net.Addr            { return nil }

type from struct {
	net.Conn
	addr   net.Addr
	closed *int
}

func (f from) RemoteAddr() net.Addr { return f.addr }
func (f from) Close() error         { *f.closed++; return nil }

// TestOneStrangerGetsAPart: an address that opens more than its part loses those, others still get
// in, and this machine may take all.
func TestOneStrangerGetsAPart(t *testing.T) {
	q := queue{make(chan net.Conn, 100)}
	l := limit(q, 6, 3)
	closed := 0
	come := func(ip string, n int) {
		for range n {
			q.conns <- from{addr: &net.TCPAddr{IP: net.ParseIP(ip)}, closed: &closed}
		}
	}
	accept := func(want string) net.Conn {
		t.Helper()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := c.RemoteAddr().(*net.TCPAddr).IP.String(); got != want {
			t.Fatalf("accepted %s, want %s", got, want)
		}
		return c
	}
	come("192.0.2.1", 5)
	come("192.0.2.2", 1)
	first := accept("192.0.2.1")
	accept("192.0.2.1")
	accept("192.0.2.1")
	accept("192.0.2.2")
	if closed != 2 {
		t.Errorf("%d connections were closed, want 2", closed)
	}
	first.Close()
	first.Close() // gives its place back once
	come("192.0.2.1", 2)
	come("::1", 3)
	accept("192.0.2.1")
	accept("::1")
	last := accept("::1")
	if closed != 5 { // the first one twice, and the stranger's fourth
		t.Errorf("%d connections were closed, want 5", closed)
	}
	last.Close()
	accept("::1")
}
