package homekit

import (
	"net"
	"strconv"
	"sync"
)

// Advertisement is what has to be announced as _hap._tcp so that controllers find the server (HAP R2 6.4).
type Advertisement struct {
	Instance string   // the name of the bridge
	Port     int      // where it listens
	TXT      []string // "key=value"
}

// Advertisement returns what has to be announced now. The port is 0 before Start.
func (s *Server) Advertisement() Advertisement {
	flag := "0"
	if s.vault.unpaired() {
		flag = "1"
	}
	ad := Advertisement{Instance: s.name, TXT: []string{
		"c#=" + strconv.Itoa(int(s.vault.configInfo().number)),
		"ff=0",
		"id=" + s.vault.deviceID,
		"md=" + s.model,
		"pv=1.1",
		"s#=1",
		"sf=" + flag,
		"ci=" + strconv.Itoa(int(s.category)),
		"sh=" + setupHash(s.vault.setupInfo().id, s.vault.deviceID),
	}}
	if addr, ok := s.Addr().(*net.TCPAddr); ok {
		ad.Port = addr.Port
	}
	return ad
}

// notices calls the owner back, one call at a time and never on a goroutine that a controller waits for.
type notices struct {
	wake chan struct{}

	mu       sync.Mutex
	announce bool
	changed  bool
	calls    []func()
}

func newNotices() notices { return notices{wake: make(chan struct{}, 1)} }

func (n *notices) note(set func()) {
	n.mu.Lock()
	set()
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// push queues a call; more than a few at a time are dropped.
func (n *notices) push(f func()) {
	n.note(func() {
		if len(n.calls) < 4 {
			n.calls = append(n.calls, f)
		}
	})
}

func (s *Server) announce() { s.notices.note(func() { s.notices.announce = true }) }

func (s *Server) changed() { s.notices.note(func() { s.notices.changed = true }) }

// tell runs the callbacks until the server ends. Several changes make one call, with the latest facts.
func (s *Server) tell() {
	n := &s.notices
	for {
		select {
		case <-n.wake:
		case <-s.done:
			return
		}
		n.mu.Lock()
		announce, changed, calls := n.announce, n.changed, n.calls
		n.announce, n.changed, n.calls = false, false, nil
		n.mu.Unlock()
		if announce && s.advertise != nil {
			s.advertise(s.Advertisement())
		}
		if changed && s.onPairings != nil {
			s.onPairings()
		}
		for _, f := range calls {
			f()
		}
	}
}
