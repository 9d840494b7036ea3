package boardtest

import (
	"context"
	"testing"
	"time"

	"github.com/loquet/loquet/hw"
)

const (
	patience = 20 * time.Second // machines are busy: a test that passes never waits for it
	pause    = 5 * time.Millisecond
)

// Relay lends a relay for a second at most, of a board that may not be there.
func Relay(t *testing.T, b hw.Board, line string) hw.Output {
	t.Helper()
	out, err := b.Output(t.Context(), line, hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Here waits until a line is there, and reports whether it is: a board may still be connecting.
func Here(ctx context.Context, watch func(context.Context) <-chan hw.Level) bool {
	return seen(ctx, watch, func(hw.Level) bool { return true })
}

// Await waits until a line is there and its level is that, also where it goes away in between.
func Await(t *testing.T, watch func(context.Context) <-chan hw.Level, active bool) {
	t.Helper()
	if !seen(t.Context(), watch, func(l hw.Level) bool { return l.Active == active }) {
		t.Fatalf("the level never becomes %v", active)
	}
}

func seen(ctx context.Context, watch func(context.Context) <-chan hw.Level, so func(hw.Level) bool) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for ctx.Err() == nil {
		for level := range watch(ctx) {
			if so(level) {
				return true
			}
		}
		time.Sleep(pause)
	}
	return false
}

// Ended waits until a line became unavailable.
func Ended(t *testing.T, ch <-chan hw.Level) {
	t.Helper()
	late := time.After(patience)
	for {
		select {
		case _, ok := <-ch:
			if !ok {
				return
			}
		case <-late:
			t.Fatal("nobody notices that the board is gone")
		}
	}
}

// Until waits for something that must happen.
func Until(t *testing.T, what string, so func() bool) {
	t.Helper()
	late := time.Now().Add(patience)
	for !so() {
		if time.Now().After(late) {
			t.Fatalf("not so: %s", what)
		}
		time.Sleep(pause)
	}
}
