package mdns

import (
	"context"
	"hash/maphash"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	echoes = 256
	// parting is the time between the two goodbyes of a closing responder.
	parting = 120 * time.Millisecond
)

// owner holds the whole state of a responder. Only the goroutine of run touches it; everybody else
// posts to the mailbox or the inbox. What is to be done later is a time in the state, never a timer
// of its own: work does what is due, next says when to look again.
type owner struct {
	log      zerolog.Logger
	tr       Transport
	wanted   []string
	changed  func()
	hostName atomic.Pointer[string]

	inbox chan *inbound
	gate  *gate

	host     *claim
	claims   []*claim // services, in the order of publishing
	links    []*link
	skipped  []Skipped
	local    map[netip.Addr]bool // all addresses of this machine
	dirty    bool                // zones are older than the claims
	rescanAt time.Time

	gathered map[asker]*gathering
	replies  *replies
	browses  []*browse
	echo     [echoes]uint64 // what we sent last
	echoNext int
	seed     maphash.Seed

	unsent    uint64
	neighbour time.Time // when another responder on this machine was heard
}

func newOwner(cfg Config, tr Transport, label string) *owner {
	seed := maphash.MakeSeed()
	o := &owner{
		log:      cfg.Log,
		tr:       tr,
		wanted:   slices.Clone(cfg.Interfaces),
		changed:  cfg.Changed,
		inbox:    make(chan *inbound, maxQueued),
		gate:     &gate{limit: newLimiter()},
		gathered: map[asker]*gathering{},
		local:    map[netip.Addr]bool{},
		seed:     seed,
	}
	if o.changed == nil {
		o.changed = func() {}
	}
	o.replies = &replies{limit: o.gate.limit}
	o.host = newClaim(nil, label, 1)
	o.storeHostName()
	return o
}

func (o *owner) storeHostName() {
	name := o.host.label() + ".local"
	o.hostName.Store(&name)
}

// all lists the claims, the host first: services wait for it.
func (o *owner) all() []*claim {
	if len(o.claims) == 0 {
		return nil
	}
	return append([]*claim{o.host}, o.claims...)
}

func (o *owner) run(ctx context.Context, stop <-chan struct{}, mail *mailbox) error {
	failed := make(chan error, 1)
	go func() { failed <- o.tr.Serve(o.deliver) }()
	defer func() {
		_ = o.tr.Close()
		if err := <-failed; err != nil {
			o.log.Debug().Err(err).Msg("readers ended")
		}
	}()

	timer := time.NewTimer(0)
	defer timer.Stop()
	o.rescan(time.Now())
	for {
		now := time.Now()
		o.work(now)
		if next := o.next(); next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(next.Sub(now))
		}
		select {
		case <-ctx.Done():
			o.part(timer)
			return nil
		case <-stop:
			o.part(timer)
			return nil
		case err := <-failed:
			failed <- err
			return err
		case in := <-o.inbox:
			o.gate.queued.Add(-in.cost)
			o.receive(in, time.Now())
		case <-mail.wake:
			for _, f := range mail.take() {
				f(o)
			}
		case <-o.tr.Changes():
			if o.rescanAt.IsZero() || o.rescanAt.After(time.Now().Add(settle)) {
				o.rescanAt = time.Now().Add(settle)
			}
		case <-timer.C:
		}
	}
}

// work does everything that is due.
func (o *owner) work(now time.Time) {
	if !o.rescanAt.IsZero() && !o.rescanAt.After(now) {
		o.rescan(now)
	}
	o.refresh(now)
	o.ungather(now)
	for _, l := range o.links {
		o.probe(l, now)
		o.refresh(now)
		o.sendNews(l, now)
		for _, f := range families {
			o.flush(l, f, now)
		}
	}
	for _, b := range o.browses {
		b.work(o, now)
	}
}

// refresh rebuilds the zones if something changed.
func (o *owner) refresh(now time.Time) {
	if !o.dirty {
		return
	}
	o.dirty = false
	for _, l := range o.links {
		l.rebuild(o, now)
	}
}

// next is when work has something to do; the zero time means never.
func (o *owner) next() time.Time {
	next := soonest(time.Time{}, o.rescanAt)
	for _, l := range o.links {
		for _, c := range o.all() {
			if st := c.on[l.Index]; st != nil && !st.live {
				next = soonest(next, st.next)
			}
		}
		for _, w := range l.news {
			if w.left > 0 {
				next = soonest(next, w.next)
			}
		}
		for f := range l.channel {
			for _, due := range l.channel[f].pending {
				next = soonest(next, due)
			}
		}
	}
	for _, g := range o.gathered {
		next = soonest(next, g.due)
	}
	for _, b := range o.browses {
		next = soonest(next, b.next())
	}
	return next
}

// soonest ignores zero times.
func soonest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}

// publish takes a service in. The first one brings the host name with it.
func (o *owner) publish(g *Registration, now time.Time) {
	base, n := baseOf(g.service.Instance)
	if g.service.Rename != nil {
		base, n = g.service.Instance, 1
	}
	first := len(o.claims) == 0
	c := newClaim(g, base, n)
	o.claims = append(o.claims, c)
	if o.held(c) {
		o.rename(c, now, 0)
	}
	for _, l := range o.links {
		if first {
			o.start(o.host, l, now)
		}
		o.start(c, l, now)
	}
}

func (o *owner) update(g *Registration, txt []string) {
	if o.claimOf(g) == nil || slices.Equal(g.service.TXT, txt) {
		return
	}
	g.service.TXT = txt
	o.dirty = true
}

// withdraw says goodbye for a service; the last one takes the host name with it.
func (o *owner) withdraw(g *Registration, now time.Time) {
	c := o.claimOf(g)
	if c == nil {
		return
	}
	o.refresh(now)
	gone := []*claim{c}
	if len(o.claims) == 1 {
		gone = append(gone, o.host)
	}
	for _, l := range o.links {
		o.farewell(l, gone...)
	}
	o.claims = slices.DeleteFunc(o.claims, func(other *claim) bool { return other == c })
	for _, c := range gone {
		clear(c.on)
	}
	o.dirty = true
}

func (o *owner) claimOf(g *Registration) *claim {
	for _, c := range o.claims {
		if c.reg == g {
			return c
		}
	}
	return nil
}

// part says goodbye for everything, twice because multicast over the air is lossy.
func (o *owner) part(timer *time.Timer) {
	o.refresh(time.Now())
	live := false
	for range announceCount {
		if live {
			timer.Reset(parting)
			<-timer.C
		}
		for _, l := range o.links {
			live = o.farewell(l, o.all()...) || live
		}
	}
}
