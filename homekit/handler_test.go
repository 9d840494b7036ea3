package homekit

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// bubble runs a house of two doors in simulated time.
func bubble(t *testing.T, f func(t *testing.T, h *house)) {
	t.Helper()
	bubbleWith(t, nil, f)
}

func bubbleWith(t *testing.T, change func(*Config), f func(t *testing.T, h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil, definitions(2), change)
		f(t, h)
		h.stop()
	})
}

func TestHandlerPanics(t *testing.T) {
	h := open(t, 2, nil)
	c := h.admin()
	h.handler(func(_ context.Context, w Write) (any, Status) {
		if w.AID == 2 {
			panic("a fault in a driver")
		}
		return nil, StatusOK
	})
	r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}, haptest.Put{AID: 3, IID: iidTarget, Value: 0})
	if got := statuses(2, r); err != nil || got[0] != -70402 || got[1] != 0 {
		t.Errorf("%v %v", err, got)
	}
	if _, err := c.Accessories(); err != nil {
		t.Errorf("the session after a panic: %v", err)
	}
}

// Handlers of several accessories run side by side; a slow one costs its item -70408 and not the others.
func TestHandlerDeadline(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		h.handler(func(ctx context.Context, w Write) (any, Status) {
			if w.AID == 2 {
				<-ctx.Done()
				if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
					t.Errorf("ended by %v", ctx.Err())
				}
				return nil, StatusNoCommunication
			}
			time.Sleep(time.Second)
			return nil, StatusOK
		})
		start := time.Now()
		r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}, haptest.Put{AID: 3, IID: iidTarget, Value: 0})
		if got := statuses(2, r); err != nil || got[0] != -70408 && got[0] != -70402 || got[1] != 0 {
			t.Errorf("%v %v", err, got)
		}
		if took := time.Since(start); took >= 9*time.Second {
			t.Errorf("answered after %v", took)
		}
	})
}

// A handler that ignores its deadline keeps the door to itself: the request is answered, and nobody else's write starts
// beside it.
func TestHandlerOverstays(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		one, two := h.pipeSession("192.0.2.1", true), h.pipeSession("192.0.2.2", true)
		defer one.Close()
		defer two.Close()
		var running, tooMany atomic.Int32
		h.handler(func(context.Context, Write) (any, Status) {
			if running.Add(1) > 1 {
				tooMany.Add(1)
			}
			time.Sleep(time.Minute)
			running.Add(-1)
			return nil, StatusOK
		})
		put := haptest.Put{AID: 2, IID: iidTarget, Value: 0}
		if r, err := one.Put(put); err != nil || statuses(1, r)[0] != int(StatusTimedOut) {
			t.Errorf("%v %+v", err, r)
		}
		if r, err := two.Put(put); err != nil || statuses(1, r)[0] != int(StatusBusy) {
			t.Errorf("%v %+v", err, r)
		}
		time.Sleep(2 * time.Minute)
		if n := len(h.written()); n != 1 || tooMany.Load() > 0 {
			t.Errorf("%d handlers ran, %d beside another", n, tooMany.Load())
		}
		h.handler(nil)
		if r, err := two.Put(put); err != nil || r != nil {
			t.Errorf("afterwards: %v %+v", err, r)
		}
	})
}

// A connection does not wait for a handler that overstays: another goroutine answers and goes on with it, as often as
// that happens, and the connection ends once.
func TestConnectionGoesOnBesideItsHandlers(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		let := make(chan struct{})
		h.handler(func(context.Context, Write) (any, Status) {
			<-let
			return nil, StatusOK
		})
		for aid := uint64(2); aid <= 3; aid++ {
			put := haptest.Put{AID: aid, IID: iidTarget, Value: 0}
			if r, err := c.Put(put); err != nil || statuses(1, r)[0] != int(StatusTimedOut) {
				t.Errorf("%d: %v %+v", aid, err, r)
			}
			if r, err := c.Put(put); err != nil || statuses(1, r)[0] != int(StatusBusy) {
				t.Errorf("%d, again: %v %+v", aid, err, r)
			}
			if _, err := c.Accessories(); err != nil {
				t.Errorf("%d: the connection afterwards: %v", aid, err)
			}
		}
		synctest.Wait() // the last answer is counted once it is on its way
		who := h.Pairings()[0].ID
		if seen := h.Seen(who); seen.Sessions != 1 || seen.Answers.Count < 6 || seen.Answers.Max < 8*time.Second {
			t.Errorf("%+v", seen)
		}
		close(let)
		synctest.Wait()
		if n := len(h.written()); n != 2 {
			t.Errorf("%d handlers ran", n)
		}
		h.handler(nil)
		if r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 1}); err != nil || r != nil {
			t.Errorf("when they have returned: %v %+v", err, r)
		}
		c.Close()
		synctest.Wait()
		if seen := h.Seen(who); seen.Sessions != 0 {
			t.Errorf("closed: %+v", seen)
		}
	})
}

// The connection of a controller that is removed ends, even if the handler of its write does not come back.
func TestRemovedBesideItsHandler(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		let := make(chan struct{})
		h.handler(func(context.Context, Write) (any, Status) {
			<-let
			return nil, StatusOK
		})
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			_, _ = c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}) // it may still hear that it was too late
		}()
		synctest.Wait()
		who := h.Pairings()[0].ID
		if err := h.RemovePairing(who); err != nil {
			t.Fatal(err)
		}
		<-answered
		synctest.Wait()
		if _, err := c.Accessories(); err == nil {
			t.Error("the connection goes on")
		}
		if seen := h.Seen(who); seen.Sessions != 0 {
			t.Errorf("%+v", seen)
		}
		close(let)
	})
}

// Nothing starts after the deadline: the second write to a door whose first took all the time is not carried out.
func TestNoLateWrites(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		h.handler(func(ctx context.Context, w Write) (any, Status) {
			<-ctx.Done()
			return nil, StatusOK
		})
		r, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}, haptest.Put{AID: 2, IID: iidIdentify, Value: true})
		if got := statuses(2, r); err != nil || got[1] != -70408 {
			t.Errorf("%v %v", err, got)
		}
		synctest.Wait()
		if n := len(h.written()); n != 1 {
			t.Errorf("%d handlers ran", n)
		}
	})
}

// Two controllers write one target at the same time: the handlers run one after the other, and everybody ends up with
// the value of the last.
func TestWritesOfTwoControllers(t *testing.T) {
	h := open(t, 1, nil)
	admin := h.admin()
	guest, watcher := h.user(admin, h.accessory()), h.user(admin, h.accessory())
	id := haptest.ID{AID: 2, IID: iidTarget}
	if err := watcher.Subscribe(true, id); err != nil {
		t.Fatal(err)
	}
	running := make(chan bool, 1)
	h.handler(func(_ context.Context, w Write) (any, Status) {
		select {
		case running <- true:
		default:
			t.Error("two handlers of one door at a time")
		}
		defer func() { <-running }()
		if err := h.Publish(Value{2, iidTarget, w.Value}); err != nil {
			t.Error(err)
		}
		return nil, StatusOK
	})
	done := make(chan error, 2)
	for i, c := range []*haptest.Client{admin, guest} {
		go func() {
			for n := range 200 {
				if _, err := c.Put(haptest.Put{AID: 2, IID: iidTarget, Value: (n + i) % 2}); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	if err := errors.Join(<-done, <-done); err != nil {
		t.Fatal(err)
	}
	last := ""
	for {
		e, err := watcher.NextEvent(200 * time.Millisecond)
		if err != nil {
			break
		}
		last = string(e.Body)
	}
	if got := value(t, admin, 2, iidTarget); !strings.HasSuffix(last, fmt.Sprintf(`"value":%s}]}`, got)) {
		t.Errorf("the last event is %s, the value %s", last, got)
	}
}

// A controller that hangs up does not take back what it asked for.
func TestHangUpDuringWrite(t *testing.T) {
	h := open(t, 1, nil)
	c := h.admin()
	began, ended, finish := make(chan bool), make(chan error, 1), make(chan bool)
	h.handler(func(ctx context.Context, _ Write) (any, Status) {
		close(began)
		<-finish
		ended <- ctx.Err()
		return nil, StatusOK
	})
	if err := c.Send(haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":0}]}`))); err != nil {
		t.Fatal(err)
	}
	<-began
	c.Close()
	close(finish)
	if err := <-ended; err != nil {
		t.Errorf("the handler was told %v", err)
	}
}
