package homekit

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

func TestFigures(t *testing.T) {
	var w waits
	if got := w.figures(); got != (Answers{}) {
		t.Errorf("of nothing: %+v", got)
	}
	w.add(3 * time.Millisecond)
	if got, want := w.figures(), (Answers{1, 3 * time.Millisecond, 3 * time.Millisecond, 3 * time.Millisecond}); got != want {
		t.Errorf("of one: %+v", got)
	}
	w = waits{}
	for n := range 100 {
		w.add(time.Duration(100-n) * time.Millisecond)
	}
	if got, want := w.figures(), (Answers{100, 50 * time.Millisecond, 99 * time.Millisecond, 100 * time.Millisecond}); got != want {
		t.Errorf("of a hundred: %+v", got)
	}
	// Old ones are forgotten, and a clock that went back does no harm.
	for range 256 {
		w.add(-time.Second)
	}
	if got := w.figures(); got.Count != 256 || got.Max != 0 {
		t.Errorf("of the last 256: %+v", got)
	}
}

// What is measured is how long the house took, over all sessions of a controller; pairing does not count.
func TestAnswersAreTimed(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		h.handler(func(context.Context, Write) (any, Status) {
			time.Sleep(300 * time.Millisecond)
			return nil, 0
		})
		h.enrol(haptest.NewController(), true)
		c := h.pipeSession("192.0.2.1", false)
		if got := h.Seen(c.Controller.ID).Answers; got.Count != 0 {
			t.Errorf("before the first request: %+v", got)
		}
		value(t, c, 2, iidCurrent)
		if _, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil {
			t.Fatal(err)
		}
		value(t, c, 2, iidCurrent)
		c.Close()
		time.Sleep(time.Second)
		want := Answers{Count: 3, P50: 0, P99: 300 * time.Millisecond, Max: 300 * time.Millisecond}
		if got := h.Seen(c.Controller.ID).Answers; got != want {
			t.Errorf("%+v", got)
		}
	})
}
