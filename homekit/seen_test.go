package homekit

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// When a controller was last heard is known while it is connected and after it has left.
func TestSeen(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		h.enrol(haptest.NewController(), true)
		start := time.Now()
		c := h.pipeSession("192.0.2.1", false)
		if got := h.Seen(c.Controller.ID); got.Sessions != 1 || !got.Last.Equal(start) {
			t.Errorf("connected: %+v", got)
		}
		time.Sleep(time.Hour)
		value(t, c, 2, iidTarget)
		time.Sleep(time.Hour)
		c.Close()
		time.Sleep(time.Second)
		if got := h.Seen(c.Controller.ID); got.Sessions != 0 || !got.Last.Equal(start.Add(time.Hour)) {
			t.Errorf("gone: %+v", got)
		}
		if got := h.Seen("nobody"); got != (Seen{}) {
			t.Errorf("nobody: %+v", got)
		}
	})
}

// It may be asked for at any moment of a pair-verify.
func TestSeenDuringPairVerify(t *testing.T) {
	h := open(t, 0, nil)
	who, acc := h.pair()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan bool)
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			h.Seen(who.ID)
			runtime.Gosched()
		}
	}()
	for range 100 {
		h.session(who, acc).Close()
	}
	cancel()
	<-done
}
