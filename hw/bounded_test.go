package hw

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

// wire is the bare line of a test: it can fail, hang, or act and lose the answer.
type wire struct {
	mu    sync.Mutex
	level bool
	rises int
	since time.Time
	worst time.Duration // the longest time away from rest
	rest  bool
	fail  func(active bool) error // asked before the line changes
	after func(active bool) error // asked after it
	freed int
}

func (w *wire) drive(_ context.Context, active bool, _ time.Duration) error {
	w.mu.Lock()
	fail, after := w.fail, w.after
	w.mu.Unlock()
	if fail != nil {
		if err := fail(active); err != nil {
			return err
		}
	}
	w.mu.Lock()
	if active != w.level {
		if active != w.rest {
			w.rises++
			w.since = time.Now()
		} else {
			w.worst = max(w.worst, time.Since(w.since))
		}
	}
	w.level = active
	w.mu.Unlock()
	if after != nil {
		return after(active)
	}
	return nil
}

func (w *wire) state() (level bool, rises int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.level, w.rises
}

func (w *wire) set(fail, after func(bool) error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fail, w.after = fail, after
}

func bounded(w *wire, o OutputOptions) *Bounded {
	w.rest, w.level = o.Rest, o.Rest
	return NewBounded(w.drive, func() error { w.freed++; return nil }, o)
}

func bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// pass lets the bubble's time go by.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func expect(t *testing.T, w *wire, level bool, rises int) {
	t.Helper()
	if l, r := w.state(); l != level || r != rises {
		t.Errorf("the line is %v after %d edges, want %v after %d", l, r, level, rises)
	}
}

func TestMomentaryOutputComesBackByItself(t *testing.T) {
	for _, tt := range []struct {
		name     string
		rest     bool
		cap, max time.Duration
		want     time.Duration
	}{
		{"as long as asked", false, time.Second, 400 * time.Millisecond, 400 * time.Millisecond},
		{"longer than the cap", false, time.Second, time.Hour, time.Second},
		{"without an end", false, time.Second, 0, time.Second},
		{"a negative time", false, time.Second, -5, time.Second},
		{"rest is energised", true, 10 * time.Second, 5 * time.Second, 5 * time.Second},
	} {
		bubble(t, tt.name, func(t *testing.T) {
			w := &wire{}
			b := bounded(w, OutputOptions{Rest: tt.rest, Cap: tt.cap})
			watch := b.Watch(t.Context())
			if first := <-watch; first.Active != tt.rest {
				t.Fatalf("the first level is %v, want rest", first.Active)
			}
			if err := b.Set(t.Context(), !tt.rest, tt.max); err != nil {
				t.Fatal(err)
			}
			expect(t, w, !tt.rest, 1)
			if level := <-watch; level.Active == tt.rest {
				t.Error("watchers are not told that it is away from rest")
			}
			pass(tt.want - time.Millisecond)
			expect(t, w, !tt.rest, 1)
			pass(time.Millisecond)
			expect(t, w, tt.rest, 1)
			if level := <-watch; level.Active != tt.rest {
				t.Error("watchers are not told that it is at rest again")
			}
			pass(time.Hour)
			expect(t, w, tt.rest, 1)
		})
	}
}

func TestSecondOrderOnAMomentaryOutput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: 10 * time.Second})
		if err := b.Set(t.Context(), true, 5*time.Second); err != nil {
			t.Fatal(err)
		}
		pass(4 * time.Second)
		if err := b.Set(t.Context(), true, 5*time.Second); !errors.Is(err, ErrStillOn) {
			t.Errorf("error %v, want ErrStillOn", err)
		}
		pass(time.Second)
		expect(t, w, false, 1) // neither an edge nor a longer hold
		if err := b.Set(t.Context(), true, time.Second); err != nil {
			t.Errorf("at rest again: %v", err)
		}
		expect(t, w, true, 2)
		if err := b.Set(t.Context(), false, 0); err != nil {
			t.Error(err)
		}
		expect(t, w, false, 2)
		pass(time.Minute)
		expect(t, w, false, 2)
	})
}

func TestMaintainedOutputStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{})
		set := func(active bool, max time.Duration) {
			t.Helper()
			if err := b.Set(t.Context(), active, max); err != nil {
				t.Fatal(err)
			}
		}
		set(true, 0)
		pass(24 * time.Hour)
		expect(t, w, true, 1)
		set(true, time.Second) // the last order decides
		pass(time.Second)
		expect(t, w, false, 1)
		set(true, time.Second)
		set(true, 0)
		pass(time.Hour)
		expect(t, w, true, 2)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		expect(t, w, false, 2)
	})
}

var errWire = errors.New("the wire is cut")

func TestOrderThatFails(t *testing.T) {
	bubble(t, "nothing was energised", func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		w.set(func(bool) error { return errWire }, nil)
		if err := b.Set(t.Context(), true, time.Second); !errors.Is(err, errWire) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("error %v, want the wire's", err)
		}
		if level, _ := b.Last(); level.Active {
			t.Error("it is told to be energised")
		}
		w.set(nil, nil)
		pass(time.Minute)
		expect(t, w, false, 0) // never tried again by itself
	})
	bubble(t, "the answer is lost", func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		w.set(nil, func(active bool) error {
			if active {
				return device.ErrUnsure
			}
			return nil
		})
		if err := b.Set(t.Context(), true, 400*time.Millisecond); !errors.Is(err, device.ErrUnsure) {
			t.Errorf("error %v, want ErrUnsure", err)
		}
		if level, _ := b.Last(); !level.Active {
			t.Error("what may be energised is not told to be at rest")
		}
		pass(400 * time.Millisecond)
		expect(t, w, false, 1) // it is released in time although nobody knew that it was on
	})
}

func TestReleaseIsTriedUntilItWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		if err := b.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
		w.set(func(bool) error { return errWire }, nil)
		pass(10 * time.Second)
		expect(t, w, true, 1)
		if level, _ := b.Last(); level.Fault == "" || !level.Active {
			t.Errorf("the level is %+v, want energised with a fault", level)
		}
		w.set(nil, nil)
		pass(lastRetry)
		expect(t, w, false, 1)
		if level, _ := b.Last(); level.Fault != "" || level.Active {
			t.Errorf("the level is %+v, want at rest without a fault", level)
		}
	})
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if err := b.Set(gone, true, time.Second); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want canceled", err)
		}
		expect(t, w, false, 0)

		hold := make(chan struct{})
		w.set(func(bool) error { <-hold; return nil }, nil)
		go func() { _ = b.Set(context.Background(), true, 100*time.Millisecond) }()
		synctest.Wait()
		late, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if err := b.Set(late, true, time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("behind an order that hangs: error %v, want deadline exceeded", err)
		}
		w.set(nil, nil)
		close(hold)
		pass(time.Minute)
		expect(t, w, false, 1)
	})
}

func TestBoardThatGoesAndComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		watch := b.Watch(t.Context())
		<-watch
		b.Lost()
		if _, ok := <-watch; ok {
			t.Error("the channel is not closed")
		}
		if err := b.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("error %v, want unavailable", err)
		}
		expect(t, w, false, 0)
		again := b.Watch(t.Context())
		synctest.Wait()
		select {
		case <-again:
			t.Error("something is told while nobody knows")
		default:
		}
		b.Back()
		if level, ok := <-again; !ok || level.Active {
			t.Errorf("back: %+v, %v, want at rest", level, ok)
		}
		if err := b.Set(t.Context(), true, time.Second); err != nil {
			t.Error(err)
		}
		expect(t, w, true, 1)
	})
}

func TestCloseOfAnOutput(t *testing.T) {
	bubble(t, "in the middle of a pulse", func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		watch := b.Watch(t.Context())
		if err := b.Set(t.Context(), true, time.Second); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		expect(t, w, false, 1)
		for range watch { // ends: it is closed
		}
		if err := b.Set(t.Context(), true, time.Second); !errors.Is(err, ErrClosed) {
			t.Errorf("error %v, want closed", err)
		}
		pass(time.Minute)
		expect(t, w, false, 1)
		if w.freed != 1 {
			t.Errorf("given back %d times", w.freed)
		}
	})
	bubble(t, "that cannot be released", func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		if err := b.Set(t.Context(), true, time.Second); err != nil {
			t.Fatal(err)
		}
		w.set(func(bool) error { return errWire }, nil)
		var op *OpError
		if err := b.Close(); !errors.As(err, &op) || op.Hint == "" {
			t.Errorf("error %v, want one with a remedy", err)
		}
	})
	bubble(t, "that never moved, on a board that is gone", func(t *testing.T) {
		w := &wire{}
		b := bounded(w, OutputOptions{Cap: time.Second})
		w.set(func(bool) error { return errWire }, nil)
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestFeed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f Feed[int]
		ctx, cancel := context.WithCancel(t.Context())
		slow := f.Subscribe(ctx)
		for i := range 10 {
			f.Publish(i)
		}
		if got := <-slow; got != 9 {
			t.Errorf("a slow reader got %d, want the newest", got)
		}
		late := f.Subscribe(t.Context())
		if got := <-late; got != 9 {
			t.Errorf("a late reader got %d first, want the newest", got)
		}
		cancel()
		synctest.Wait()
		if _, ok := <-slow; ok {
			t.Error("a reader that is gone is still served")
		}
		f.Break()
		if _, ok := <-late; ok {
			t.Error("Break leaves a channel open")
		}
		if _, ok := f.Last(); ok {
			t.Error("what is unavailable has a last value")
		}
		next := f.Subscribe(t.Context())
		f.Publish(11)
		if got := <-next; got != 11 {
			t.Errorf("after Break: %d, want 11", got)
		}
		f.Close()
		f.Publish(12)
		if v, ok := <-f.Subscribe(t.Context()); ok {
			t.Errorf("after Close: %d", v)
		}
	})
}
