package homekit

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	maxConns          = 64
	maxUnverified     = 8
	maxUnverifiedByIP = 4
	idleAtCapacity    = time.Minute // what a verified session may not be evicted before (as the ADK does)
)

// admission decides who may stay. Strangers compete with strangers: the oldest of them makes room for the newest, so
// that a flood of idle connections never keeps a controller out for long. Verified sessions are only closed when
// everything is full and they have been quiet for a minute.
type admission struct {
	mu    sync.Mutex
	order []*conn // oldest first
	next  uint64
}

// enter admits a connection and returns those that must go for it, or false if there is no room.
func (ad *admission) enter(c *conn, pairing func(*conn) bool) (evicted []*conn, ok bool) {
	ad.mu.Lock()
	defer ad.mu.Unlock()
	var strangers, sameIP int
	for _, o := range ad.order {
		if !o.verified.Load() {
			strangers++
			if o.ip == c.ip {
				sameIP++
			}
		}
	}
	evict := func(match func(*conn) bool) bool {
		for i, o := range ad.order {
			if match(o) {
				ad.order = append(ad.order[:i:i], ad.order[i+1:]...)
				evicted = append(evicted, o)
				return true
			}
		}
		return false
	}
	stranger := func(o *conn) bool { return !o.verified.Load() && !pairing(o) }
	switch {
	case sameIP >= maxUnverifiedByIP:
		ok = evict(func(o *conn) bool { return stranger(o) && o.ip == c.ip })
	case strangers >= maxUnverified:
		ok = evict(stranger)
	default:
		ok = true
	}
	if ok && len(ad.order) >= maxConns {
		ok = evict(stranger) || evict(quietest(ad.order, c.s.age()))
	}
	if !ok {
		return evicted, false
	}
	ad.next++
	c.number = ad.next
	ad.order = append(ad.order, c)
	return evicted, true
}

// quietest matches the verified connection that has been idle longest, if that is long enough.
func quietest(conns []*conn, now time.Duration) func(*conn) bool {
	var found *conn
	for _, c := range conns {
		if c.verified.Load() && (found == nil || c.spoke.Load() < found.spoke.Load()) {
			found = c
		}
	}
	if found == nil || now-time.Duration(found.spoke.Load()) <= idleAtCapacity {
		return func(*conn) bool { return false }
	}
	return func(c *conn) bool { return c == found }
}

func (ad *admission) leave(c *conn) {
	ad.mu.Lock()
	defer ad.mu.Unlock()
	for i, o := range ad.order {
		if o == c {
			ad.order = append(ad.order[:i:i], ad.order[i+1:]...)
			return
		}
	}
}

func (ad *admission) all() []*conn {
	ad.mu.Lock()
	defer ad.mu.Unlock()
	return append([]*conn(nil), ad.order...)
}

// accept serves a connection that has just been made.
func (s *Server) accept(nc net.Conn) {
	c := &conn{s: s, nc: nc, stream: newStream(nc)}
	if addr, err := netip.ParseAddrPort(nc.RemoteAddr().String()); err == nil {
		c.ip = addr.Addr().Unmap()
	}
	c.active.Store(time.Now().UnixNano())
	c.spoke.Store(int64(s.age()))
	evicted, ok := s.admission.enter(c, s.setup.holds)
	for _, o := range evicted {
		o.close()
	}
	if !ok {
		s.running.Go(func() {
			defer nc.Close()
			nc.SetWriteDeadline(time.Now().Add(time.Second))
			_, _ = nc.Write(empty(503).bytes()) // it is closed whether or not it hears why
		})
		return
	}
	s.running.Go(c.serve)
}
