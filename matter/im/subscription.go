package im

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/matter/events"
	"github.com/loquet/loquet/matter/model"
)

// maxDirty is how many changed attributes a subscription remembers one by one; beyond, it reports all that it names.
const maxDirty = 2048

// subscription is one controller's wish to be told.
//
//	primed -> waiting --change, urgent event--> (least interval) --> reporting -> waiting
//	             |  `--keep-alive before the greatest interval--------^              |
//	             `--session gone, no answer--> lost -> dialled again -> primed       `-- refused, dropped -> gone
type subscription struct {
	e        *Engine
	id       uint32
	fabric   uint8
	node     uint64
	caller   model.Caller // as of the last session
	address  string       // where the controller was last heard
	req      readRequest
	least    time.Duration
	greatest time.Duration

	ctx       context.Context
	cancel    context.CancelFunc
	unwatch   []func()
	wake      chan struct{}
	nextEvent uint64 // touched by the goroutine that serves the subscription only

	mu     sync.Mutex
	dirty  map[model.Change]struct{}
	all    bool // more changed than dirty can hold
	urgent bool
	shown  bool // the controller has confirmed all that was taken from dirty
}

func newSubscription(e *Engine, id uint32, c *model.Caller, req *subscribeRequest) *subscription {
	s := &subscription{e: e, id: id, fabric: c.Fabric, node: c.Node, caller: *c, req: req.readRequest,
		least: time.Duration(req.Min) * time.Second, greatest: time.Duration(max(req.Max, 1)) * time.Second,
		wake: make(chan struct{}, 1), dirty: map[model.Change]struct{}{}}
	s.req.Versions = nil // they are about the priming report only
	s.ctx, s.cancel = context.WithCancel(e.ctx)
	s.unwatch = append(s.unwatch, e.c.Node.Watch(s.changed))
	if e.c.Events != nil && len(s.req.Events) > 0 {
		s.unwatch = append(s.unwatch, e.c.Events.Watch(s.happened))
	}
	return s
}

func (s *subscription) stop() {
	s.cancel()
	s.mu.Lock()
	unwatch := s.unwatch
	s.unwatch = nil
	s.mu.Unlock()
	for _, f := range unwatch {
		f()
	}
}

func (s *subscription) changed(changes []model.Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range changes {
		if !slices.ContainsFunc(s.req.Attributes, func(p AttributePath) bool { return p.matches(c) }) {
			continue
		}
		if len(s.dirty) >= maxDirty {
			s.all = true
		} else {
			s.dirty[c] = struct{}{}
		}
		s.poke()
	}
}

func (s *subscription) happened(r events.Record) {
	if r.Fabric != 0 && r.Fabric != s.fabric {
		return
	}
	if slices.ContainsFunc(s.req.Events, func(p EventPath) bool { return p.Urgent && p.matches(r.Event) }) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.urgent = true
		s.poke()
	}
}

func (s *subscription) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *subscription) owed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all || s.urgent || len(s.dirty) > 0
}

// take returns what changed since the last call, in order.
func (s *subscription) take() (changes []model.Change, all bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	changes, all = make([]model.Change, 0, len(s.dirty)), s.all
	for c := range s.dirty {
		changes = append(changes, c)
	}
	if len(changes) > 0 || all {
		s.shown = false
	}
	clear(s.dirty)
	s.all, s.urgent = false, false
	slices.SortFunc(changes, func(a, b model.Change) int {
		return cmp.Or(cmp.Compare(a.Endpoint, b.Endpoint), cmp.Compare(a.Cluster, b.Cluster), cmp.Compare(a.Attribute, b.Attribute))
	})
	return changes, all
}

// keepAlive is when an empty report goes out: early enough to arrive, with retransmissions, within the greatest interval.
func (s *subscription) keepAlive() time.Duration {
	return s.greatest - min(s.greatest/8, 10*time.Second)
}

// live serves the subscription until it ends, over one session after another.
func (s *subscription) live(session Session) {
	for {
		err := s.serve(session)
		if s.ctx.Err() != nil { // ended: by the controller, with its fabric, or with the node, after which it can be resumed
			s.stop()
			return
		}
		s.e.c.Failed(err)
		var refused errRefused
		if errors.As(err, &refused) || s.caller.Auth != model.CASE {
			s.e.remove(s)
			return
		}
		if session = s.again(s.e.c.ResumeAfter); session == nil {
			s.e.remove(s)
			return
		}
	}
}

// serve reports over one session until that ends.
func (s *subscription) serve(session Session) error {
	last := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		due := last.Add(s.keepAlive())
		if s.owed() {
			due = last.Add(s.least)
		}
		if wait := time.Until(due); wait > 0 {
			timer.Reset(wait)
			select {
			case <-s.ctx.Done():
				return s.ctx.Err()
			case <-session.Done():
				return errors.New("matter/im: the session of a subscription ended")
			case <-s.wake:
			case <-timer.C:
			}
			continue
		}
		last = time.Now()
		if err := s.report(session); err != nil {
			return err
		}
	}
}

// report sends what changed since the last report, or an empty report that shows that the node is alive.
func (s *subscription) report(session Session) error {
	ctx, cancel := context.WithTimeout(s.ctx, 2*s.e.c.ResponseTimeout)
	defer cancel()
	changes, all := s.take()
	c := session.Caller()
	c.Filtered = s.req.Filtered
	ex, err := session.Open(ctx)
	if err != nil {
		return err
	}
	defer ex.Close()
	r := s.e.newReport(ctx, ex, &s.id)
	req := s.req
	req.EventMin, req.EventEnd = s.nextEvent, s.e.nextEvent()
	if all {
		err = s.e.fill(r, &c, &req)
	} else {
		err = s.e.fillChanges(r, &c, &req, changes)
	}
	if err != nil {
		return err
	}
	r.suppress = r.total == 0
	if err := r.flush(false); err != nil {
		return err
	}
	s.nextEvent = req.EventEnd
	if len(changes) > 0 || all {
		s.confirmed()
	}
	return nil
}

// fillChanges reports attributes that changed, as far as the caller may still see them, and the events since the last time.
func (e *Engine) fillChanges(r *report, c *model.Caller, req *readRequest, changes []model.Change) error {
	for _, change := range changes {
		endpoint, ok := e.c.Node.Endpoint(change.Endpoint)
		if !ok {
			continue
		}
		cluster, ok := endpoint.Cluster(change.Cluster)
		if !ok {
			continue
		}
		a, ok := cluster.Class().Attribute(change.Attribute)
		if !ok || e.level(c, endpoint, change.Cluster) < a.Read {
			continue
		}
		p := AttributePath{}
		if err := e.fillAttribute(r, c, &p, change.Endpoint, cluster, a.ID); err != nil {
			return err
		}
	}
	return e.newEvents(r, c, req)
}
