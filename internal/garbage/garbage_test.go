package garbage

import (
	"context"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

var sink []byte

// TestNothingIsCollectedWhileSomebodyAsks, and as soon as nobody does it is.
func TestNothingIsCollectedWhileSomebodyAsks(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // the runtime's own collections would be counted
	alive := make([]byte, 32<<20)                    // beside which what the test itself leaves behind is nothing
	defer runtime.KeepAlive(alive)
	synctest.Test(t, func(t *testing.T) {
		runtime.GC()
		count := func() uint32 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			return m.NumGC
		}
		before := count()
		var quiet atomic.Bool
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			Collect(ctx, func(time.Duration) bool { return quiet.Load() })
		}()
		quiet.Store(true)
		time.Sleep(10 * time.Second)
		if n := count() - before; n > 0 {
			t.Errorf("%d collections of nothing", n)
		}
		quiet.Store(false)
		sink = make([]byte, 64<<20)
		sink = nil
		time.Sleep(10 * time.Second)
		if n := count() - before; n > 0 {
			t.Errorf("%d collections while somebody asked", n)
		}
		quiet.Store(true)
		time.Sleep(10 * time.Second)
		if n := count() - before; n != 1 {
			t.Errorf("%d collections when nobody asked, want 1", n)
		}
		cancel()
		<-done
	})
}
