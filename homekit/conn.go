package homekit

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Times of a connection (reference: HAP leaves them to the accessory).
const (
	verifyLimit = 10 * time.Second // from accept to the end of pair-verify
	headLimit   = 5 * time.Second  // from the first byte of a request to the end of its head
	bodyLimit   = 10 * time.Second // and to the end of its body
)

// conn is one TCP connection. One goroutine at a time parses its requests and answers them; before pair-verify it writes
// too.
type conn struct {
	s      *Server
	nc     net.Conn
	stream *stream
	number uint64
	ip     netip.Addr

	until   time.Time // when an unverified connection is closed
	begun   time.Time // first byte of the request that is being read
	arrived time.Time // when the request that is being answered was read
	limited bool      // a read deadline is set

	setupSince time.Time // first M1 of pair-setup

	verify  *verifyExchange
	session *session // nil before pair-verify

	verified atomic.Bool            // the signature of M3 was right
	who      atomic.Pointer[string] // the controller that made it
	active   atomic.Int64           // unix nanoseconds of the last request, for people
	spoke    atomic.Int64           // the age of the server then; tells idle sessions apart at capacity
	closing  sync.Once
}

// close ends the connection from any goroutine.
func (c *conn) close() {
	c.closing.Do(func() { c.nc.Close() })
}

// serve runs until the connection ends, or another goroutine goes on with it.
func (c *conn) serve() {
	c.until = time.Now().Add(verifyLimit)
	c.run(nil)
}

// run answers what is owed, which may be nil, and then one request after another.
func (c *conn) run(owed func() *message) {
	mine := true
	defer func() {
		if p := recover(); p != nil { // a fault of ours must cost one connection, not the house
			c.s.log.Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("a connection failed")
		}
		if !mine {
			return
		}
		c.s.setup.drop(c)
		if c.session != nil {
			c.session.close()
			c.s.visits.left(c.session.controller, c.active.Load())
		}
		c.close()
		c.s.admission.leave(c)
	}()
	if owed != nil {
		goesOn := c.reply(owed())
		c.s.visits.waited(c.session.controller, time.Since(c.arrived))
		if !goesOn {
			return
		}
	}
	for {
		req, err := c.read()
		if err != nil {
			c.reject(err)
			return
		}
		c.arrived = time.Now()
		c.active.Store(c.arrived.UnixNano())
		c.spoke.Store(int64(c.s.age()))
		c.s.asked.Store(c.spoke.Load())
		session := c.session
		var goesOn bool
		if goesOn, mine = c.answer(req); !mine {
			return
		}
		if session != nil {
			c.s.visits.waited(session.controller, time.Since(c.arrived))
		}
		if !goesOn {
			return
		}
	}
}

// read waits for one request. A verified session may be quiet for hours; a request that has begun may not.
func (c *conn) read() (request, error) {
	limit, body := headMax, c.bodyLimit
	if c.session != nil {
		limit = headMaxVerified
	}
	c.begun = time.Time{}
	return c.stream.next(limit, body, c.deadline)
}

func (c *conn) bodyLimit(path []byte) int {
	switch string(path) {
	case "/pair-setup", "/pair-verify", "/pairings":
		return bodyMaxPairing
	}
	if c.session == nil {
		return bodyMaxPairing
	}
	return bodyMaxJSON
}

// deadline sets the read deadline before a read.
func (c *conn) deadline(head bool) error {
	var at time.Time
	if c.session == nil {
		at = c.until
		if lease, ok := c.s.setup.lease(c); ok {
			at = lease
		}
	}
	if c.stream.partial() {
		if c.begun.IsZero() {
			c.begun = time.Now()
		}
		limit := headLimit
		if head {
			limit = bodyLimit
		}
		if end := c.begun.Add(limit); at.IsZero() || end.Before(at) {
			at = end
		}
	}
	if at.IsZero() && !c.limited || c.s.seeds.has(seedNoLease) {
		return nil
	}
	c.limited = !at.IsZero()
	return c.nc.SetReadDeadline(at)
}

// reject ends the connection after a request that could not be read. Malformed HTTP and ciphertext get no answer.
func (c *conn) reject(err error) {
	m := (*message)(nil)
	switch {
	case errors.Is(err, errHeadSize):
		m = empty(431)
	case errors.Is(err, errBodySize):
		m = empty(413)
	default:
		if errors.Is(err, errHTTP) || errors.Is(err, errSeal) {
			c.s.log.Debug().Err(err).Stringer("remote", c.ip).Msg("closed a connection")
		}
		return
	}
	m.last = true
	if c.session != nil {
		c.session.begin()
	}
	c.reply(m)
}

// reply sends an answer and reports whether the connection goes on.
func (c *conn) reply(m *message) bool {
	if c.session != nil {
		if !c.session.send(m) {
			return false
		}
		if m.last {
			<-c.session.done // the writer hangs up
			return false
		}
		return true
	}
	c.nc.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err := c.nc.Write(m.bytes())
	m.finish()
	c.s.recycle(m.b)
	if m.last && err == nil {
		linger(c.nc)
	}
	return err == nil && !m.last
}

// answer serves one request and reports whether the connection goes on, and whether it is still this goroutine's.
func (c *conn) answer(req request) (goesOn, mine bool) {
	if c.session != nil {
		c.session.begin()
		if !c.settled() {
			return false, true
		}
		if _, ok := c.s.vault.find(c.session.controller); !ok {
			return false, true // removed: what is still in the socket does not count
		}
	}
	handle, status := route(req)
	if handle == nil {
		return c.reply(empty(status)), true
	}
	m := handle(c, req)
	if m == nil {
		return false, false
	}
	return c.reply(m), true
}

// settled waits until there are values to tell. Controllers know this server from before and connect as soon as it
// listens; a value that nobody has observed yet would make phones ring.
func (c *conn) settled() bool {
	select {
	case <-c.s.settled:
		return true
	case <-c.session.ctx.Done():
		return false
	}
}

// verifiedBy turns the connection into a session after M4 was written.
func (c *conn) verifiedBy(controller string, shared []byte) error {
	out, in, err := sessionCiphers(shared)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(c.s.ctx)
	ss := &session{
		number: c.number, controller: controller, nc: c.nc, table: c.s.table, quiet: c.s.quiet, cipher: out,
		ctx: ctx, cancel: cancel, out: make(chan *message), wake: make(chan struct{}, 1), done: make(chan struct{}),
		gone: c.s.table.forget, free: c.s.recycle, subs: map[ID]*subscription{},
	}
	c.stream.secure(in)
	c.session = ss
	c.s.table.attach(ss)
	// The pairing may have been removed since its signature was checked; whoever removes it closes what is attached.
	if _, ok := c.s.vault.find(controller); !ok {
		return errRevoked
	}
	c.s.running.Go(ss.write)
	return nil
}
