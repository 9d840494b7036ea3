package im

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// subscribe answers a subscribe request: priming reports with all that it names, then the response, then the subscription
// lives on its own (Matter 1.4 section 8.5).
func (e *Engine) subscribe(ctx context.Context, ex Exchange, payload []byte) error {
	req, err := parseSubscribeRequest(payload)
	if err != nil {
		return err
	}
	session := ex.Session()
	c := session.Caller()
	c.Filtered = req.Filtered
	if !e.showsAnything(&c, &req.readRequest) {
		return model.InvalidAction
	}
	if !req.Keep {
		e.drop(func(s *subscription) bool { return s.fabric == c.Fabric && s.node == c.Node && c.Auth == model.CASE })
	}
	s, err := e.admit(&c, &req)
	if err != nil {
		return err
	}
	if err := e.prime(ctx, ex, s, &c, &req.readRequest); err != nil {
		e.remove(s)
		return err
	}
	w := tlv.NewWriter(make([]byte, 0, 24))
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(0), uint64(s.id))
	w.Uint(tlv.Context(2), uint64(s.greatest/time.Second))
	b, err := finish(w)
	if err == nil {
		s.address = session.Address()
		e.keep(s) // before the controller relies on it
		err = e.send(ctx, ex, OpSubscribeResponse, b)
	}
	if err != nil {
		e.remove(s)
		return err
	}
	e.begin(s, session)
	return nil
}

// prime sends everything a subscription names and waits until the controller has it.
func (e *Engine) prime(ctx context.Context, ex Exchange, s *subscription, c *model.Caller, req *readRequest) error {
	r := e.newReport(ctx, ex, &s.id)
	bounded := *req
	bounded.EventEnd = e.nextEvent()
	if err := e.fill(r, c, &bounded); err != nil {
		return err
	}
	if err := r.flush(false); err != nil {
		return err
	}
	s.nextEvent = max(bounded.EventEnd, req.EventMin)
	s.confirmed()
	return nil
}

func (e *Engine) nextEvent() uint64 {
	if e.c.Events == nil {
		return 0
	}
	return e.c.Events.Next()
}

// showsAnything says whether a request names anything that is there and that the caller may see. A subscription to nothing
// is refused (Matter 1.4 section 8.5.3.2).
func (e *Engine) showsAnything(c *model.Caller, req *readRequest) bool {
	for i := range req.Attributes {
		p := &req.Attributes[i]
		for _, endpoint := range e.c.Node.Endpoints() {
			if p.Endpoint != nil && *p.Endpoint != endpoint.ID() {
				continue
			}
			for _, cluster := range endpoint.Clusters() {
				class := cluster.Class()
				if p.Cluster != nil && *p.Cluster != class.ID {
					continue
				}
				need := model.View
				if p.Attribute != nil {
					a, ok := class.Attribute(*p.Attribute)
					if !ok {
						continue
					}
					need = a.Read
				}
				if e.level(c, endpoint, class.ID) >= need {
					return true
				}
			}
		}
	}
	return e.showsEvents(c, req.Events)
}

func (e *Engine) showsEvents(c *model.Caller, paths []EventPath) bool {
	for i := range paths {
		p := &paths[i]
		for _, endpoint := range e.c.Node.Endpoints() {
			if p.Endpoint != nil && *p.Endpoint != endpoint.ID() {
				continue
			}
			for _, cluster := range endpoint.Clusters() {
				if p.Cluster != nil && *p.Cluster != cluster.Class().ID {
					continue
				}
				if e.level(c, endpoint, cluster.Class().ID) < model.View {
					continue
				}
				if _, ok := cluster.Class().Event(valueOr(p.Event, 0)); ok || p.Event == nil {
					return true
				}
			}
		}
	}
	return false
}

func valueOr(p *uint32, or uint32) uint32 {
	if p == nil {
		return or
	}
	return *p
}

// admit makes room for a subscription, or refuses it: one fabric cannot take the place of the others.
func (e *Engine) admit(c *model.Caller, req *subscribeRequest) (*subscription, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ofFabric := 0
	for _, s := range e.subscriptions {
		if s.fabric == c.Fabric {
			ofFabric++
		}
	}
	if e.closed || ofFabric >= e.c.MaxSubscriptions || len(e.subscriptions) >= e.c.MaxSubscriptionsInAll {
		return nil, model.ResourceExhausted
	}
	id := rand.Uint32()
	for e.subscriptions[id] != nil || id == 0 {
		id = rand.Uint32()
	}
	s := newSubscription(e, id, c, req)
	e.subscriptions[id] = s
	return s, nil
}

// begin starts the goroutine of a subscription that was primed.
func (e *Engine) begin(s *subscription, session Session) {
	e.established.Add(1)
	e.spawn(func() { s.live(session) })
}

// spawn does something beside. After Close it does nothing: a subscription that was established in the last
// moment is resumed by the next engine, as all others are.
func (e *Engine) spawn(do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.run.Go(do)
	}
}

// remove ends a subscription for good.
func (e *Engine) remove(s *subscription) {
	s.stop()
	e.mu.Lock()
	delete(e.subscriptions, s.id)
	e.mu.Unlock()
	e.forget(s)
}

func (e *Engine) drop(which func(*subscription) bool) {
	e.mu.Lock()
	var gone []*subscription
	for _, s := range e.subscriptions {
		if which(s) {
			gone = append(gone, s)
		}
	}
	e.mu.Unlock()
	for _, s := range gone {
		e.remove(s)
	}
}

// FabricGone ends the subscriptions of a fabric that left.
func (e *Engine) FabricGone(fabric uint8) {
	e.drop(func(s *subscription) bool { return s.fabric == fabric })
}
