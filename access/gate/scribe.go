package gate

import (
	"context"
	"sync/atomic"
	"time"
)

// scribe brings the count of wrong tries to the disk in the order in which it is given, so that nobody
// waits for a disk who does not have to.
type scribe struct {
	jobs chan job
	left *atomic.Bool // a count was not taken: the next one stands for it
}

type job struct {
	count []byte
	done  chan error // nil: nobody waits
}

func newScribe(save func([]byte) error) scribe {
	s := scribe{jobs: make(chan job, 4), left: &atomic.Bool{}}
	go func() {
		for j := range s.jobs {
			err := save(j.count)
			if err != nil {
				s.left.Store(true)
			}
			if j.done != nil {
				j.done <- err
			}
		}
	}()
	return s
}

// later does not wait. Where the disk is so slow that counts pile up, this one is left to the next.
func (s scribe) later(count []byte) {
	select {
	case s.jobs <- job{count: count}:
	default:
		s.left.Store(true)
	}
}

// now returns when the count is on the disk, or why it is not: context.DeadlineExceeded after the limit.
func (s scribe) now(ctx context.Context, count []byte, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	select {
	case s.jobs <- job{count: count, done: done}:
	case <-ctx.Done():
		s.left.Store(true)
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// dropped reports whether a count was left since the last call.
func (s scribe) dropped() bool { return s.left.Swap(false) }

// stop lets the goroutine end with what it has.
func (s scribe) stop() { close(s.jobs) }
