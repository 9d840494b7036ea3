package homekit

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/homekit"
)

// face is one HAP server: a bridge, or a device of its own.
type face struct {
	bridge   string
	name     string // as it is announced
	model    string
	category byte

	server  atomic.Pointer[homekit.Server]
	group   *group                           // what it shows; under House.mu
	things  atomic.Pointer[map[uint64]thing] // by aid
	showing sync.Mutex                       // held for memory only: actors take it
	closing chan struct{}                    // closed when the house closes it
	once    sync.Once
}

// thing returns the thing behind an accessory; nil for the bridge itself.
func (f *face) thing(aid uint64) thing {
	if m := f.things.Load(); m != nil {
		return (*m)[aid]
	}
	return nil
}

// connect gives a face a new server, which shows the group, if there is one yet, and has not started.
func (h *House) connect(f *face, g *group) error {
	s, err := homekit.New(homekit.Config{
		Name: f.name, Model: f.model, Category: f.category, Addr: h.addrFor(f.bridge),
		Storage: h.opts.Space(f.bridge), Log: h.opts.Log.With().Str("bridge", f.bridge).Logger(),
		OnWrite:    func(ctx context.Context, w homekit.Write) (any, homekit.Status) { return h.write(ctx, f, w) },
		OnPairings: h.opts.Changed,
		Settled:    h.opts.Settled,
		Advertise: func(a homekit.Advertisement) {
			select {
			case <-f.closing:
			default:
				h.opts.Advertise(f.bridge, a)
			}
		},
	})
	if err != nil {
		return err
	}
	f.server.Store(s)
	if g == nil {
		return nil
	}
	return f.fill(g)
}

// fill makes the server show exactly the group. Definitions take the present values first: their own
// zero would say open to the first controller that reads.
func (f *face) fill(g *group) error {
	s := f.server.Load()
	things := map[uint64]thing{}
	for _, t := range g.things {
		things[t.accessory().Id] = t
		values, _ := t.now()
		initial(t, values)
	}
	if err := s.SetAccessories(g.accessories()); err != nil {
		return err
	}
	f.group = g
	f.things.Store(&things)
	for _, t := range g.things {
		_, answers := t.now()
		s.SetReachable(t.accessory().Id, answers)
	}
	return nil
}

func initial(t thing, values []homekit.Value) {
	byIID := make(map[uint64]any, len(values))
	for _, v := range values {
		byIID[v.IID] = v.Value
	}
	for _, s := range t.accessory().Ss {
		for _, c := range s.Cs {
			if v, ok := byIID[c.Id]; ok {
				c.Val = v
			}
		}
	}
}

// addrFor is where a server listens: the main bridge where the owner wants it, the others at any free
// port of the same address, which stays theirs.
func (h *House) addrFor(bridge string) string {
	if bridge == mainBridge {
		return h.opts.Addr
	}
	host, _, err := net.SplitHostPort(h.opts.Addr)
	if err != nil {
		host = ""
	}
	return net.JoinHostPort(host, "0")
}

// close says goodbye and closes a server. Its identity stays in the store.
func (h *House) close(ctx context.Context, f *face) error {
	f.once.Do(func() { close(f.closing) })
	h.opts.Advertise(f.bridge, homekit.Advertisement{})
	err := f.server.Load().Stop(ctx)
	h.opts.Advertise(f.bridge, homekit.Advertisement{}) // if a call was under way
	return err
}

// Waits before a server that ended by itself is opened again: the first one, and the longest.
const (
	firstWait   = time.Second
	longestWait = time.Minute
	endTime     = 2 * time.Second // for what an ended server still does
)

// watch opens a server again that ended by itself: its port stays, controllers come back.
func (h *House) watch(f *face, s *homekit.Server) {
	select {
	case <-f.closing:
		return
	case <-s.Done():
	}
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		err := s.Err()
		select {
		case <-f.closing:
			return
		default:
		}
		h.opts.Trouble(f.bridge, err)
		h.opts.Log.Error().Err(err).Str("bridge", f.bridge).Dur("wait", wait).Msg("HomeKit server ended, opening it again")
		timer := time.NewTimer(wait)
		select {
		case <-f.closing:
			timer.Stop()
			return
		case <-timer.C:
		}
		if h.reopen(f) {
			return
		}
	}
}

// reopen replaces the server of a face. It reports whether somebody else looks after it now.
func (h *House) reopen(f *face) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.stopped || h.faces[f.bridge] != f {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := f.server.Load().Stop(ctx); err != nil {
		h.opts.Log.Warn().Err(err).Str("bridge", f.bridge).Msg("the ended server still runs something")
	}
	err := h.connect(f, f.group)
	if err == nil {
		err = h.startFace(ctx, f)
	}
	if err != nil {
		h.opts.Log.Error().Err(err).Str("bridge", f.bridge).Msg("HomeKit server does not open")
		return false
	}
	for _, t := range f.group.shown() {
		h.show(shown{f, t})
	}
	h.opts.Trouble(f.bridge, nil)
	return true
}
