package homekit

import (
	"net"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// pipeConn is a net.Pipe with an address, so that a test bubble can have controllers in several places.
type pipeConn struct {
	net.Conn
	addr net.Addr
}

func (p pipeConn) RemoteAddr() net.Addr { return p.addr }

// pipe connects without sockets, for tests in which time is simulated.
func (h *house) pipe(ip string, who *haptest.Controller) *haptest.Client {
	ours, theirs := net.Pipe()
	h.accept(pipeConn{ours, &net.TCPAddr{IP: net.ParseIP(ip), Port: 40000}})
	c := haptest.New(theirs, who)
	c.Timeout = 5 * time.Minute
	return c
}

// pipeSession opens a verified session over a pipe for a controller that is stored as paired.
func (h *house) pipeSession(ip string, admin bool) *haptest.Client {
	h.t.Helper()
	who := haptest.NewController()
	h.enrol(who, admin)
	c := h.pipe(ip, who)
	if err := c.PairVerify(h.accessory()); err != nil {
		h.t.Fatal(err)
	}
	return c
}

// enrol stores a pairing without the protocol.
func (h *house) enrol(who *haptest.Controller, admin bool) {
	h.t.Helper()
	p := Pairing{ID: who.ID, Admin: admin}
	copy(p.key[:], who.Public())
	if _, err := h.vault.add(p, false); err != nil {
		h.t.Fatal(err)
	}
}
