package im

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func subscribeMessage(keep bool, least, greatest uint16, paths ...AttributePath) []byte {
	return subscribeEvents(keep, least, greatest, nil, paths...)
}

func subscribeEvents(keep bool, least, greatest uint16, events []EventPath, paths ...AttributePath) []byte {
	return struc(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), keep)
		w.Uint(tlv.Context(1), uint64(least))
		w.Uint(tlv.Context(2), uint64(greatest))
		writeRead(w, 3, 4, 5, 7, 8, true, nil, events, 0, paths)
	})
}

// subscribe plays a controller until it is subscribed, and returns what it was shown.
func (h *house) subscribe(t *testing.T, s *session, payload []byte) *shown {
	t.Helper()
	x := h.begin(s, OpSubscribeRequest, payload)
	out := newShown()
	for {
		m := x.next(t)
		if m.opcode == OpSubscribeResponse {
			break
		}
		out.take(t, m)
		x.in <- statusMessage(model.Success)
	}
	if m := x.next(t); m.opcode != 0 {
		t.Fatalf("after the response comes %#x", m.opcode)
	}
	return out
}

// report waits for the next report of any subscription and confirms it.
func (s *session) report(t *testing.T, within time.Duration) *shown {
	t.Helper()
	out := newShown()
	select {
	case x := <-s.opened:
		for {
			more, suppress := out.take(t, x.next(t))
			if suppress {
				return out
			}
			x.in <- statusMessage(model.Success)
			if !more {
				return out
			}
		}
	case <-time.After(within):
		return nil
	}
}

func bubble(t *testing.T, f func(t *testing.T)) {
	synctest.Test(t, f)
}

func TestSubscriptionTiming(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, nil)
		s := newSession(1, 1)
		first := h.subscribe(t, s, subscribeMessage(false, 2, 60, path(1, testCluster, 0)))
		if len(first.values) != 1 || first.id == 0 {
			t.Fatalf("primed with %v", first.values)
		}
		start := time.Now()
		h.things[1].set(1)
		h.things[0].set(9) // not named
		got := s.report(t, time.Minute)
		if got == nil || got.values[model.Change{Endpoint: 1, Cluster: testCluster}] != "1" || len(got.values) != 1 || got.id != first.id {
			t.Fatalf("reported %+v", got)
		}
		if d := time.Since(start); d != 2*time.Second {
			t.Errorf("after %s, the least interval is 2 s", d)
		}
		h.things[1].set(2)
		h.things[1].set(3)
		if got = s.report(t, time.Minute); got == nil || got.values[model.Change{Endpoint: 1, Cluster: testCluster}] != "3" {
			t.Fatalf("reported %+v", got)
		}
		time.Sleep(10 * time.Second)
		h.things[1].set(4)
		changed := time.Now()
		if got = s.report(t, time.Minute); got == nil || time.Since(changed) != 0 {
			t.Fatalf("a change after the least interval is told after %s", time.Since(changed))
		}
		at := time.Now()
		if got = s.report(t, time.Minute); got == nil || len(got.values) != 0 {
			t.Fatalf("keep-alive: %+v", got)
		}
		if d := time.Since(at); d >= 60*time.Second || d < 40*time.Second {
			t.Errorf("keep-alive after %s of 60 s", d)
		}
	})
}

func TestSubscriptionToEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, nil)
		s := newSession(1, 1)
		h.things[1].Emit(0, 0, nil)
		calm, urgent := EventPath{Endpoint: ptr[uint16](0)}, EventPath{Endpoint: ptr[uint16](1), Urgent: true}
		if first := h.subscribe(t, s, subscribeEvents(false, 1, 60, []EventPath{calm, urgent})); len(first.events) != 1 {
			t.Fatalf("primed with %v", first.events)
		}
		start := time.Now()
		h.things[0].Emit(0, 0, nil)
		h.things[1].Emit(1, 2, nil) // another fabric's
		if got := s.report(t, 30*time.Second); got != nil {
			t.Fatalf("an event that is not urgent is told after %s", time.Since(start))
		}
		start = time.Now()
		h.things[1].Emit(0, 0, nil)
		got := s.report(t, 30*time.Second)
		if got == nil || time.Since(start) > 0 || len(got.events) != 2 {
			t.Fatalf("an urgent event: %+v after %s", got, time.Since(start))
		}
		if got := s.report(t, time.Minute); got == nil || len(got.events) != 0 {
			t.Errorf("told again: %+v", got)
		}
	})
}

func TestSubscriptionEnds(t *testing.T) {
	one := path(1, testCluster, 0)
	count := func(h *house) int { return int(h.engine.Load(1).Subscriptions) }
	tests := map[string]func(t *testing.T, h *house, s *session){
		"the controller refuses a report": func(t *testing.T, h *house, s *session) {
			h.things[1].set(1)
			x := <-s.opened
			x.next(t)
			x.in <- statusMessage(model.InvalidSubscription)
		},
		"the controller does not answer": func(t *testing.T, h *house, s *session) {
			h.things[1].set(1)
			x := <-s.opened
			x.next(t)
			time.Sleep(2 * time.Minute)
		},
		"the session ends":  func(t *testing.T, h *house, s *session) { s.end() },
		"the fabric leaves": func(t *testing.T, h *house, s *session) { h.engine.FabricGone(1) },
	}
	for name, f := range tests {
		bubble(t, func(t *testing.T) {
			h := newHouse(t, 2, nil)
			s := newSession(1, 1)
			h.subscribe(t, s, subscribeMessage(false, 0, 60, one))
			if count(h) != 1 {
				t.Fatal("no subscription")
			}
			f(t, h, s)
			synctest.Wait()
			if count(h) != 0 {
				t.Errorf("%s: it is still there", name)
			}
		})
	}
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, nil)
		s, other := newSession(1, 1), newSession(1, 2)
		h.subscribe(t, s, subscribeMessage(false, 0, 60, one))
		h.subscribe(t, s, subscribeMessage(true, 0, 60, one))
		h.subscribe(t, other, subscribeMessage(true, 0, 60, one))
		if count(h) != 3 {
			t.Fatalf("%d subscriptions, all kept", count(h))
		}
		h.subscribe(t, s, subscribeMessage(false, 0, 60, one))
		if count(h) != 2 {
			t.Errorf("%d subscriptions, the own ones replaced", count(h))
		}
	})
}

func TestSubscriptionLimits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, func(c *Config) { c.MaxSubscriptions = 3 })
		s := newSession(1, 1)
		for range 3 {
			h.subscribe(t, s, subscribeMessage(true, 0, 60, path(1, testCluster, 0)))
		}
		x := h.begin(s, OpSubscribeRequest, subscribeMessage(true, 0, 60, path(1, testCluster, 0)))
		if got := statusOf(t, x.next(t)); got != model.ResourceExhausted {
			t.Errorf("the fourth: %v", got)
		}
		h.subscribe(t, newSession(2, 1), subscribeMessage(true, 0, 60, path(1, testCluster, 0)))
		for name, p := range map[string]AttributePath{"what is not there": path(1, 6, 0), "what may not be seen": path(1, testCluster, 4)} {
			x := h.begin(newSession(2, 1), OpSubscribeRequest, subscribeMessage(true, 0, 60, p))
			if got := statusOf(t, x.next(t)); got != model.InvalidAction {
				t.Errorf("%s: %v", name, got)
			}
		}
	})
}

func TestSubscriptionShowsOnlyWhatIsStillAllowed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, nil)
		s := newSession(1, 1)
		h.subscribe(t, s, subscribeMessage(false, 0, 60, AttributePath{Cluster: ptr[uint32](testCluster)}))
		h.access.set(acl.Entry{Fabric: 1, Auth: model.CASE, Privilege: model.View, Targets: []acl.Target{{Endpoint: ptr[uint16](0)}}})
		h.things[1].set(1)
		if got := s.report(t, time.Minute); got == nil || len(got.values) != 0 {
			t.Errorf("shown %+v", got)
		}
		h.things[0].set(1)
		if got := s.report(t, time.Minute); got == nil || len(got.values) != 1 {
			t.Errorf("shown %+v", got)
		}
	})
}

func TestSubscriptionFollowsEndpoints(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 1, nil)
		s := newSession(1, 1)
		h.subscribe(t, s, subscribeMessage(false, 0, 60, AttributePath{}))
		e, err := model.NewEndpoint(model.EndpointConfig{ID: 5, DeviceTypes: []model.DeviceType{{ID: 10, Revision: 4}}, Clusters: []model.Cluster{newThing()}})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.node.Add(e); err != nil {
			t.Fatal(err)
		}
		if got := s.report(t, time.Minute); got == nil || got.values[model.Change{Cluster: 0x1D, Attribute: 3}] != "[5 ]" {
			t.Errorf("reported %+v", got)
		}
		if err := h.node.Remove(5); err != nil {
			t.Fatal(err)
		}
		if got := s.report(t, time.Minute); got == nil || got.values[model.Change{Cluster: 0x1D, Attribute: 3}] != "[]" {
			t.Errorf("reported %+v", got)
		}
	})
}

// TestSubscriptionsAreResumed restarts the node: the controller is dialled, primed and told again under the same id.
func TestSubscriptionsAreResumed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		again := newSession(1, 1)
		dials := 0
		dial := func(_ context.Context, fabric uint8, node uint64, address string) (Session, error) {
			if dials++; dials < 3 {
				return nil, errors.New("not there")
			}
			if fabric != 1 || node != 1 || address != "phone" {
				t.Errorf("dialled %d %d at %q", fabric, node, address)
			}
			return again, nil
		}
		h := newHouse(t, 2, func(c *Config) { c.Dial = dial })
		first := h.subscribe(t, newSession(1, 1), subscribeMessage(false, 0, 60, path(1, testCluster, 0)))
		h.engine.Close()
		second := New(Config{Node: h.node, Access: h.access, Events: h.log, Storage: h.store, Dial: dial})
		defer second.Close()
		if err := second.Resume(func(uint8) bool { return true }); err != nil {
			t.Fatal(err)
		}
		got := again.report(t, time.Hour)
		if got == nil || got.id != first.id || len(got.values) != 1 {
			t.Fatalf("primed again with %+v", got)
		}
		synctest.Wait()
		h.things[1].set(8)
		if got = again.report(t, time.Minute); got == nil || got.values[model.Change{Endpoint: 1, Cluster: testCluster}] != "8" {
			t.Fatalf("reported %+v", got)
		}
		h.things[1].set(9)
		x := <-again.opened
		x.next(t)
		x.in <- statusMessage(model.InvalidSubscription)
		synctest.Wait()
		if left, _ := h.store.List(prefix); len(left) != 0 {
			t.Errorf("%d subscriptions are kept after the controller ended them", len(left))
		}
	})
}
