package alerts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/health"
)

// fickle is a receiver that does as it is told.
type fickle struct {
	mu    sync.Mutex
	err   error
	tries []time.Time
	took  []string
}

func (f *fickle) send(_ context.Context, a Alert) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tries = append(f.tries, time.Now())
	if f.err == nil {
		f.took = append(f.took, a.ID)
	}
	return f.err
}

func (f *fickle) will(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func TestCourier(t *testing.T) {
	begin := func(t *testing.T, f *fickle) (*courier, *health.Board) {
		board := health.NewBoard()
		c := newCourier("test", f, board, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.run(ctx) }()
		t.Cleanup(func() { cancel(); <-done })
		return c, board
	}
	t.Run("in order, until they are taken, and the owner knows meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fickle{err: errors.New("no route")}
			c, board := begin(t, f)
			c.take(Alert{ID: "a"})
			c.take(Alert{ID: "b"})
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := len(board.Active()); n != 1 || board.Active()[0].Code != health.AlertUndelivered {
				t.Errorf("problems: %v", board.Active())
			}
			if n := len(f.tries); n < 5 || n > 15 {
				t.Errorf("%d attempts in an hour", n)
			}
			f.will(nil)
			time.Sleep(longPause)
			synctest.Wait()
			if !slices.Equal(f.took, []string{"a", "b"}) || len(board.Active()) != 0 {
				t.Errorf("took %v, problems %v", f.took, board.Active())
			}
		})
	})
	t.Run("what is refused is not tried again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fickle{err: fmt.Errorf("%w: 400", errRefused)}
			c, board := begin(t, f)
			c.take(Alert{ID: "a"})
			time.Sleep(giveUpAfter)
			synctest.Wait()
			if len(f.tries) != 1 || len(board.Active()) != 1 {
				t.Errorf("%d attempts, problems %v", len(f.tries), board.Active())
			}
		})
	})
	t.Run("after a day nobody wants it any more", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &fickle{err: errors.New("no route")}
			c, _ := begin(t, f)
			c.take(Alert{ID: "a"})
			time.Sleep(giveUpAfter + longPause)
			f.will(nil)
			c.take(Alert{ID: "b"})
			time.Sleep(longPause)
			synctest.Wait()
			if !slices.Equal(f.took, []string{"b"}) {
				t.Errorf("took %v", f.took)
			}
		})
	})
	t.Run("a full row drops what can wait", func(t *testing.T) {
		c := newCourier("test", &fickle{}, health.NewBoard(), zerolog.Nop())
		c.take(Alert{ID: "urgent", Urgent: true})
		for i := range maxWaiting + 5 {
			c.take(Alert{ID: fmt.Sprint(i)})
		}
		if len(c.waiting) != maxWaiting || c.waiting[0].alert.ID != "urgent" || c.waiting[1].alert.ID != "6" {
			t.Errorf("%d wait, first %s, %s", len(c.waiting), c.waiting[0].alert.ID, c.waiting[1].alert.ID)
		}
	})
}
