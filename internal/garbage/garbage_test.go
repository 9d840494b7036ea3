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

// TestOnceTheStartIsOver something is done, once, when nobody asks.
func TestOnceTheStartIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var quiet atomic.Bool
		var times atomic.Int32
		began := time.Now()
		done := make(chan struct{})
		go func() {
			defer close(done)
			Started(t.Context(), func(time.Duration) bool { return quiet.Load() }, func() { times.Add(1) })
		}()
		time.Sleep(10 * startOver)
		if n := times.Load(); n > 0 {
			t.Errorf("%d times while somebody asked", n)
		}
		quiet.Store(true)
		<-done
		if n := times.Load(); n != 1 || time.Since(began) > 10*startOver+2*lookEvery {
			t.Errorf("%d times after %v", n, time.Since(began))
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		Started(ctx, func(time.Duration) bool { return true }, func() { t.Error("it was done at the end") })

		began = time.Now()
		Started(t.Context(), func(time.Duration) bool { return true }, func() { times.Add(1) })
		if took := time.Since(began); took != startOver || times.Load() != 2 {
			t.Errorf("after %v, %d times", took, times.Load())
		}
	})
}
