package im

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWhoWasTold(t *testing.T) {
	bubble(t, func(t *testing.T) {
		h := newHouse(t, 2, nil)
		s := newSession(1, 1)
		if h.engine.Told(1, 1) {
			t.Error("told without a subscription")
		}
		h.subscribe(t, s, subscribeMessage(false, 2, 60, path(1, testCluster, 0)))
		if !h.engine.Told(1, 1) || h.engine.Told(1, 0) || h.engine.Told(2, 1) {
			t.Errorf("primed: %v, another endpoint %v, another fabric %v", h.engine.Told(1, 1), h.engine.Told(1, 0), h.engine.Told(2, 1))
		}
		h.things[1].set(1)
		if h.engine.Told(1, 1) {
			t.Error("told of a change before it was reported")
		}
		if got := s.report(t, time.Minute); got == nil {
			t.Fatal("no report")
		}
		synctest.Wait()
		if !h.engine.Told(1, 1) {
			t.Error("not told after the report was confirmed")
		}
		h.things[1].set(2)
		x := <-s.opened // a report that is not confirmed
		x.next(t)
		synctest.Wait()
		if h.engine.Told(1, 1) {
			t.Error("told although the report was not confirmed")
		}
		h.engine.Close()
	})
}
