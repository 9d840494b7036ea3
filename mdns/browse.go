package mdns

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// Entry is a service that was heard on one interface.
type Entry struct {
	Instance  string // "Villa Rose"
	Type      string // "_hap._tcp"
	Host      string // "villa.local", "" while unknown
	Port      int    // 0 while unknown
	TXT       []string
	Addrs     []netip.Addr // sorted
	Interface string
	Own       bool // published by this responder
	Gone      bool // said goodbye, expired, or its interface went
}

// Browse looks for services of a type, "_hap._tcp", or of a subtype, "_CM._sub._matterc._udp". It
// calls found, on the caller's goroutine, for each one that is found, changes or goes, until ctx
// ends. It asks at once and then ever more rarely, and listens in between, also to what other hosts
// announce by themselves. A slow found misses intermediate states of an entry, never the last one.
// Browse returns nil when ctx ends and ErrClosed when the responder does.
func (r *Responder) Browse(ctx context.Context, kind string, found func(Entry)) error {
	sub, parent, ok := strings.Cut(kind, "._sub.")
	if !ok {
		sub, parent = "", kind
	}
	if err := validType(parent); err != nil {
		return fmt.Errorf("mdns: browse: type %w", err)
	}
	b := newBrowse(sub, parent, time.Now())
	if !r.mail.post(func(o *owner) { o.browses = append(o.browses, b) }) {
		return ErrClosed
	}
	defer r.mail.post(func(o *owner) {
		o.browses = slices.DeleteFunc(o.browses, func(other *browse) bool { return other == b })
	})
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.done:
			return ErrClosed
		case <-b.out.wake:
			for _, e := range b.out.take() {
				if ctx.Err() != nil {
					return nil
				}
				found(e)
			}
		}
	}
}

// outbox hands entries to a reader of any speed: it keeps the newest of each, in the order of change.
type outbox struct {
	mu    sync.Mutex
	order []place
	held  map[place]Entry
	wake  chan struct{}
}

func newOutbox() *outbox { return &outbox{held: map[place]Entry{}, wake: make(chan struct{}, 1)} }

// put drops the oldest entry when a reader has stopped reading altogether.
func (b *outbox) put(at place, e Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, waiting := b.held[at]; !waiting {
		b.order = append(b.order, at)
	}
	b.held[at] = e
	if len(b.order) > 2*maxFound {
		delete(b.held, b.order[0])
		b.order = slices.Delete(b.order, 0, 1)
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *outbox) take() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	entries := make([]Entry, 0, len(b.order))
	for _, at := range b.order {
		entries = append(entries, b.held[at])
	}
	b.order = nil
	clear(b.held)
	return entries
}

// place is a name on an interface.
type place struct {
	link int
	name string
}

// find is one instance on one interface.
type find struct {
	entry    Entry
	host     string // lookup form
	srv, txt bool
	told     bool
	asks     int
	expires  time.Time
	refresh  time.Time // when to ask whether it is still there
	retry    time.Time // when to ask for what is missing
	tell     time.Time // when to report; zero when nothing is new
}

// lodging is a host on which instances live; nobody else's addresses are kept.
type lodging struct {
	addrs  map[netip.Addr]time.Time // when last heard
	guests map[*find]bool
}
