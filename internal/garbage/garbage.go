// Package garbage has memory collected while nobody waits for an answer.
//
// A collection of a few megabytes takes a processor for a few milliseconds. Left to itself it begins where
// memory is asked for, and that is where somebody has just asked for something.
package garbage

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	lookEvery = time.Second
	quietFor  = 30 * time.Millisecond // since the last request: its events are out
	lookAgain = 20 * time.Millisecond // when it was not quiet
	tries     = 25
	share     = 10 // of what lives: a collection for less is not worth it

	// startOver is when the start leaves nothing behind any more: the network has been told, phones and
	// ecosystems that lost their sessions are back, the store has been looked after for the first time.
	startOver = 5 * time.Second
)

// Collect collects whenever garbage is a tenth of what lives and quiet says that nobody has asked for
// anything for so long. It returns when ctx ends. The limit of the runtime (GOGC) holds beside it.
func Collect(ctx context.Context, quiet func(time.Duration) bool) {
	samples := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/memory/classes/heap/objects:bytes"}}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		metrics.Read(samples)
		if due(samples[0].Value.Uint64(), samples[1].Value.Uint64()) && await(ctx, quiet) {
			runtime.GC()
		}
	}
}

// Started calls do once, in the first quiet moment after all that comes with a start is over, for what is
// not needed any more. It returns then, or when ctx ends.
func Started(ctx context.Context, quiet func(time.Duration) bool, do func()) {
	wait := time.NewTimer(startOver)
	defer wait.Stop()
	for {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return
		}
		if await(ctx, quiet) {
			do()
			return
		}
		wait.Reset(lookEvery)
	}
}

// due reports whether there is enough garbage. After the last collection there was live memory in use, all
// that has come since may be garbage.
func due(live, objects uint64) bool { return objects > live+live/share }

// await waits a little for a quiet moment.
func await(ctx context.Context, quiet func(time.Duration) bool) bool {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for range tries {
		select {
		case <-wait.C:
		case <-ctx.Done():
			return false
		}
		if quiet(quietFor) {
			return true
		}
		wait.Reset(lookAgain)
	}
	return false
}
