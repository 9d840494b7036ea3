package securechannel

import (
	"context"
	"net"
	"slices"
	"sync"
	"time"
)

// HalfOpen holds the handshakes that have begun. Whoever begins one and falls silent must not keep others out: when all places
// are taken, a newcomer gets the oldest.
type HalfOpen struct {
	// Limit is how many places there are, PerPeer how many of them one address gets; 0: all. One more of the same address
	// takes the place of its own oldest.
	Limit, PerPeer int
	// Patience is how long a handshake is safe from giving up its place to another address.
	Patience time.Duration

	mu  sync.Mutex
	all []*begun // oldest first
}

type begun struct {
	peer string
	at   time.Time
	end  context.CancelFunc
}

// Enter takes a place, if need be that of another. The context ends when the place is lost; leave gives it back.
func (h *HalfOpen) Enter(ctx context.Context, peer net.Addr) (inside context.Context, leave func(), ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	who := host(peer)
	if !h.room(who) {
		return nil, nil, false
	}
	inside, end := context.WithCancel(ctx)
	mine := &begun{who, time.Now(), end}
	h.all = append(h.all, mine)
	return inside, func() {
		end()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all = slices.DeleteFunc(h.all, func(o *begun) bool { return o == mine })
	}, true
}

// room makes a place free, if that may be.
func (h *HalfOpen) room(who string) bool {
	same, first := 0, -1
	for i, b := range h.all {
		if b.peer == who {
			if same++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case h.PerPeer > 0 && same >= h.PerPeer:
		h.drop(first)
	case len(h.all) < h.Limit:
	case time.Since(h.all[0].at) < h.Patience:
		return false
	default:
		h.drop(0)
	}
	return true
}

func (h *HalfOpen) drop(i int) {
	h.all[i].end()
	h.all = slices.Delete(h.all, i, i+1)
}

// host is an address without its port.
func host(a net.Addr) string {
	switch u := a.(type) {
	case nil:
		return ""
	case *net.UDPAddr:
		return u.IP.String() + "%" + u.Zone
	}
	return a.String()
}
