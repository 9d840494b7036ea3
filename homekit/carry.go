package homekit

import (
	"context"
	"sync/atomic"
	"time"
)

// writing is a request whose handlers run.
type writing struct {
	items   []*putItem
	results chan writeResult // has room for all
	waiting int
	ended   atomic.Bool // somebody answers
}

// carryOn runs the writes of one accessory on the connection's own goroutine: to start another one takes long beside
// the way to a door. If the time ends before they do, another goroutine answers and serves the connection from then on,
// and nothing but the handler is left to this one: it reports false.
func (c *conn) carryOn(ctx context.Context, u *unit, jobs []job, w *writing) (mine bool) {
	c.s.running.Add(1) // of whoever goes on when the time is over
	stop := context.AfterFunc(ctx, func() {
		if w.ended.CompareAndSwap(false, true) {
			defer c.s.running.Done()
			c.run(func() *message {
				c.settle(ctx, w)
				return c.written(w.items)
			})
		}
	})
	c.s.carryOut(ctx, u, jobs, w.results)
	stop()
	if !w.ended.CompareAndSwap(false, true) {
		return false
	}
	c.s.running.Done()
	c.settle(ctx, w)
	return true
}

// settle takes in the results, and what failed back.
func (c *conn) settle(ctx context.Context, w *writing) {
	await(ctx, w.items, w.results, w.waiting)
	for _, it := range w.items {
		if it.attr != nil && it.status != StatusOK && it.encoded != nil {
			c.session.failed(it.ID)
		}
	}
}

// await collects results until all are there or the time is over. A result that is there in time counts.
func await(ctx context.Context, items []*putItem, results <-chan writeResult, waiting int) {
	for ; waiting > 0; waiting-- {
		select {
		case r := <-results:
			r.item.settle(r)
			continue
		default:
		}
		select {
		case r := <-results:
			r.item.settle(r)
		case <-ctx.Done():
			for _, it := range items {
				if it.pending {
					it.pending, it.status = false, StatusTimedOut
				}
			}
			return
		}
	}
}

func (it *putItem) settle(r writeResult) {
	it.pending, it.status = false, r.status
	if it.r && r.status == StatusOK {
		it.response = r.response
	}
}

// job is one write for carryOut. It may outlive the request, so it shares nothing with it but the item's name.
type job struct {
	item *putItem // only handed back
	attr *attribute
	w    Write
}

type writeResult struct {
	item     *putItem
	status   Status
	response []byte
}

// carryOut runs the writes of one accessory in its turn. A handler that overstays keeps the turn until it returns, and
// nothing starts after the deadline: a late write must not open a door.
func (s *Server) carryOut(ctx context.Context, u *unit, jobs []job, results chan<- writeResult) {
	if !u.takeTurn(ctx, s.handlerTime/2) {
		for _, j := range jobs {
			results <- writeResult{item: j.item, status: StatusBusy}
		}
		return
	}
	defer func() { <-u.turn }()
	for _, j := range jobs {
		if ctx.Err() != nil {
			results <- writeResult{item: j.item, status: StatusTimedOut}
			continue
		}
		response, status := s.handle(ctx, j)
		results <- writeResult{j.item, status, response}
	}
}

// takeTurn waits for the handlers before. Who has waited for half of the time is told to try again: what is left of it
// would be too short for a door.
func (u *unit) takeTurn(ctx context.Context, patience time.Duration) bool {
	select {
	case u.turn <- struct{}{}:
		return true
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case u.turn <- struct{}{}:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}
