package im

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// prefix is where subscriptions are kept, each under its id.
const prefix = "subscriptions/"

// maxPause is the longest wait between two attempts to reach a controller.
const maxPause = 10 * time.Minute

func (s *subscription) key() string { return fmt.Sprintf("%s%08x", prefix, s.id) }

// keep stores a subscription so that it outlives the process. One that cannot be stored still lives until then.
func (e *Engine) keep(s *subscription) {
	if e.c.Storage == nil || e.c.Dial == nil || s.caller.Auth != model.CASE {
		return
	}
	b, err := s.encode()
	if err == nil {
		err = e.c.Storage.Apply(map[string][]byte{s.key(): b})
	}
	if err != nil {
		e.c.Failed(fmt.Errorf("matter/im: keep a subscription: %w", err))
	}
}

func (e *Engine) forget(s *subscription) {
	if e.c.Storage == nil || e.c.Dial == nil || s.caller.Auth != model.CASE {
		return
	}
	if err := e.c.Storage.Apply(map[string][]byte{s.key(): nil}); err != nil {
		e.c.Failed(fmt.Errorf("matter/im: forget a subscription: %w", err))
	}
}

// encode writes what is needed to go on: {0 fabric, 1 node, 2 least s, 3 greatest s, 4 filtered, 5 attribute paths, 6 event paths,
// 7 address}.
func (s *subscription) encode() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(0), uint64(s.fabric))
	w.Uint(tlv.Context(1), s.node)
	w.Uint(tlv.Context(2), uint64(s.least/time.Second))
	w.Uint(tlv.Context(3), uint64(s.greatest/time.Second))
	w.Bool(tlv.Context(4), s.req.Filtered)
	w.Array(tlv.Context(5))
	for i := range s.req.Attributes {
		s.req.Attributes[i].write(w, tlv.Anonymous())
	}
	w.End()
	w.Array(tlv.Context(6))
	for i := range s.req.Events {
		s.req.Events[i].write(w, tlv.Anonymous())
	}
	w.End()
	w.Text(tlv.Context(7), s.address)
	w.End()
	return w.Finish()
}

func decodeSubscription(b []byte) (c model.Caller, req *subscribeRequest, address string, err error) {
	e, err := tlv.Decode(b)
	if err != nil {
		return model.Caller{}, nil, "", err
	}
	f := tlv.OpenStruct(e)
	c = model.Caller{Auth: model.CASE, Fabric: f.Uint8(0), Node: f.Uint64(1)}
	req = &subscribeRequest{Min: f.Uint16(2), Max: f.Uint16(3)}
	req.Filtered = f.Bool(4)
	if req.Attributes, err = each(f, 5, maxPaths, parseAttributePath); err == nil {
		req.Events, err = each(f, 6, maxPaths, parseEventPath)
	}
	address = f.Text(7, 128)
	if err == nil {
		err = f.Err()
	}
	return c, req, address, err
}

// Resume brings back the subscriptions of before a restart (Matter 1.4 section 8.5.2.3). It returns at once; controllers are dialled
// in the background, and one that has subscribed again by itself meanwhile replaces its old subscription. member says whether a
// fabric is there: of one that is not, because the power went while it was commissioned or removed, subscriptions are forgotten.
func (e *Engine) Resume(member func(fabric uint8) bool) error {
	if e.c.Storage == nil || e.c.Dial == nil {
		return nil
	}
	kept, err := e.c.Storage.List(prefix)
	if err != nil {
		return fmt.Errorf("matter/im: read the subscriptions: %w", err)
	}
	for key, b := range kept {
		var id uint32
		n, err := fmt.Sscanf(key, prefix+"%08x", &id)
		c, req, address, err2 := decodeSubscription(b)
		if n != 1 || err != nil || err2 != nil {
			e.c.Failed(fmt.Errorf("matter/im: a kept subscription is damaged: %w", e.c.Storage.Apply(map[string][]byte{key: nil})))
			continue
		}
		if !member(c.Fabric) {
			if err := e.c.Storage.Apply(map[string][]byte{key: nil}); err != nil {
				e.c.Failed(fmt.Errorf("matter/im: forget a subscription: %w", err))
			}
			continue
		}
		s := e.restore(id, &c, req)
		if s == nil {
			continue
		}
		s.address = address
		e.spawn(func() {
			session := s.again(0)
			if session == nil {
				if s.ctx.Err() == nil {
					e.remove(s)
				}
				return
			}
			s.live(session)
		})
	}
	return nil
}

func (e *Engine) restore(id uint32, c *model.Caller, req *subscribeRequest) *subscription {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || e.subscriptions[id] != nil || len(e.subscriptions) >= e.c.MaxSubscriptionsInAll {
		return nil
	}
	s := newSubscription(e, id, c, req)
	e.subscriptions[id] = s
	return s
}

// again dials the controller until it takes a priming report, with growing pauses. It returns nil when the subscription has
// ended or the controller does not want it any more.
func (s *subscription) again(pause time.Duration) Session {
	if s.e.c.Dial == nil {
		return nil
	}
	giveUp := time.Now().Add(s.e.c.ResumeFor)
	for time.Now().Before(giveUp) {
		timer := time.NewTimer(pause)
		select {
		case <-s.ctx.Done():
			timer.Stop()
			return nil
		case <-s.e.hurried():
			timer.Stop()
			pause = 0
		case <-timer.C:
		}
		session, err := s.primeAgain()
		if err == nil {
			return session
		}
		s.e.c.Failed(fmt.Errorf("matter/im: resume a subscription: %w", err))
		if refused := (errRefused{}); errors.As(err, &refused) {
			return nil
		}
		pause = min(max(2*pause, s.e.c.ResumeAfter), maxPause)
	}
	return nil
}

// Hurry has the controllers dialled now that could not be reached before: the network is another one.
func (e *Engine) Hurry() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.hurry)
	e.hurry = make(chan struct{})
}

func (e *Engine) hurried() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.hurry
}

func (s *subscription) primeAgain() (Session, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 4*s.e.c.ResponseTimeout)
	defer cancel()
	session, err := s.e.c.Dial(ctx, s.fabric, s.node, s.address)
	if err != nil {
		return nil, err
	}
	ex, err := session.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer ex.Close()
	s.take()
	c := session.Caller()
	c.Filtered = s.req.Filtered
	s.caller = c
	req := s.req
	req.EventMin = s.nextEvent
	return session, s.e.prime(ctx, ex, s, &c, &req)
}
