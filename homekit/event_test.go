package homekit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

func eventOf(t *testing.T, c *haptest.Client, within time.Duration) string {
	t.Helper()
	e, err := c.NextEvent(within)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(e.Body), `{"characteristics":[`), `]}`)
}

// The first event comes at once; those of the second that follows come together at its end, with the newest values.
func TestEventsCoalesce(t *testing.T) {
	bubbleWith(t, func(c *Config) { c.Coalesce = 0 }, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}, haptest.ID{AID: 2, IID: iidCurrent}, haptest.ID{AID: 3, IID: iidCurrent}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		publish := func(vs ...Value) {
			if err := h.Publish(vs...); err != nil {
				t.Fatal(err)
			}
		}
		publish(Value{2, iidTarget, 0}, Value{2, iidCurrent, 2})
		if got := eventOf(t, c, time.Minute); got != `{"aid":2,"iid":11,"value":0},{"aid":2,"iid":10,"value":2}` || time.Since(start) != 0 {
			t.Errorf("first event after %v: %s", time.Since(start), got)
		}
		time.Sleep(100 * time.Millisecond)
		publish(Value{2, iidCurrent, 4})
		time.Sleep(100 * time.Millisecond)
		publish(Value{3, iidCurrent, 0})
		time.Sleep(100 * time.Millisecond)
		publish(Value{2, iidCurrent, 0})
		if got := eventOf(t, c, time.Minute); got != `{"aid":2,"iid":10,"value":0},{"aid":3,"iid":10,"value":0}` || time.Since(start) != time.Second {
			t.Errorf("second event after %v: %s", time.Since(start), got)
		}
		time.Sleep(time.Minute)
		publish(Value{2, iidCurrent, 1}) // a quiet second has passed: at once again
		before := time.Now()
		if got := eventOf(t, c, time.Minute); got != `{"aid":2,"iid":10,"value":1}` || time.Since(before) != 0 {
			t.Errorf("third event after %v: %s", time.Since(before), got)
		}
		publish(Value{2, iidCurrent, 1}) // no change, no event
		if err := c.NoEvent(10 * time.Second); err != nil {
			t.Error(err)
		}
	})
}

// A button press goes out at once, each of them, and reads null.
func TestButtonEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil, everyFormat(), func(c *Config) { c.Coalesce = time.Second })
		defer h.stop()
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidButton}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for _, press := range []int{0, 0, 1, 2} {
			if err := h.Publish(Value{2, iidButton, press}); err != nil {
				t.Fatal(err)
			}
			if got := eventOf(t, c, time.Second); got != fmt.Sprintf(`{"aid":2,"iid":35,"value":%d}`, press) {
				t.Errorf("press %d: %s", press, got)
			}
		}
		if time.Since(start) != 0 {
			t.Errorf("took %v", time.Since(start))
		}
		if got := value(t, c, 2, iidButton); got != "null" {
			t.Errorf("reads %s", got)
		}
	})
}

// Who wrote a value is not told of it, but of everything else that changes because of it, and of what became of it.
func TestOriginatorIsExcluded(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		writer, watcher := h.pipeSession("192.0.2.1", true), h.pipeSession("192.0.2.2", true)
		defer writer.Close()
		defer watcher.Close()
		for _, c := range []*haptest.Client{writer, watcher} {
			if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}, haptest.ID{AID: 2, IID: iidCurrent}); err != nil {
				t.Fatal(err)
			}
		}
		h.handler(func(_ context.Context, w Write) (any, Status) {
			if err := h.Publish(Value{2, iidTarget, w.Value}, Value{2, iidCurrent, 2}); err != nil {
				t.Error(err)
			}
			return nil, StatusOK
		})
		if r, err := writer.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil || r != nil {
			t.Fatal(err, r)
		}
		if got := eventOf(t, writer, time.Second); got != `{"aid":2,"iid":10,"value":2}` {
			t.Errorf("the writer heard %s", got)
		}
		if got := eventOf(t, watcher, time.Second); got != `{"aid":2,"iid":11,"value":0},{"aid":2,"iid":10,"value":2}` {
			t.Errorf("the watcher heard %s", got)
		}
		// The move fails: the target goes back, and the writer must hear that.
		if err := h.Publish(Value{2, iidTarget, 1}, Value{2, iidCurrent, 1}); err != nil {
			t.Fatal(err)
		}
		if got := eventOf(t, writer, time.Second); got != `{"aid":2,"iid":11,"value":1},{"aid":2,"iid":10,"value":1}` {
			t.Errorf("the writer heard %s", got)
		}
		// The handler says yes but the target never moved: saying so again corrects the writer, and only it.
		eventOf(t, watcher, time.Second)
		h.handler(func(context.Context, Write) (any, Status) { return nil, StatusOK })
		if r, err := writer.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil || r != nil {
			t.Fatal(err, r)
		}
		if err := h.Publish(Value{2, iidTarget, 1}); err != nil {
			t.Fatal(err)
		}
		if got := eventOf(t, writer, time.Second); got != `{"aid":2,"iid":11,"value":1}` {
			t.Errorf("the writer heard %s", got)
		}
		if err := watcher.NoEvent(time.Second); err != nil {
			t.Error(err)
		}
		// A refused write excludes nobody.
		h.handler(func(context.Context, Write) (any, Status) { return nil, StatusNotAllowedInState })
		if r, err := writer.Put(haptest.Put{AID: 2, IID: iidTarget, Value: 0}); err != nil || statuses(1, r)[0] != -70412 {
			t.Fatal(err, r)
		}
		if err := h.Publish(Value{2, iidTarget, 0}); err != nil {
			t.Fatal(err)
		}
		if got := eventOf(t, writer, time.Second); got != `{"aid":2,"iid":11,"value":0}` {
			t.Errorf("the writer heard %s", got)
		}
	})
}

// An event waits for the response that is being made, and follows it.
func TestEventsWaitForTheResponse(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		c := h.pipeSession("192.0.2.1", true)
		defer c.Close()
		if err := c.Subscribe(true, haptest.ID{AID: 3, IID: iidCurrent}); err != nil {
			t.Fatal(err)
		}
		h.handler(func(context.Context, Write) (any, Status) {
			if err := h.Publish(Value{3, iidCurrent, 0}); err != nil {
				t.Error(err)
			}
			time.Sleep(3 * time.Second)
			return nil, StatusOK
		})
		if err := c.Send(haptest.Request("PUT", "/characteristics", typeJSON, []byte(`{"characteristics":[{"aid":2,"iid":11,"value":0}]}`))); err != nil {
			t.Fatal(err)
		}
		if err := c.NoEvent(2 * time.Second); err != nil {
			t.Error(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != 204 {
			t.Fatal(err, r)
		}
		if got := eventOf(t, c, time.Second); got != `{"aid":3,"iid":10,"value":0}` {
			t.Error(got)
		}
	})
}

// Subscriptions belong to a session: a new connection of the same controller hears nothing of the old one's.
func TestSubscriptionsDieWithTheSession(t *testing.T) {
	h := open(t, 1, nil)
	c := h.admin()
	if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
		t.Fatal(err)
	}
	c.Close()
	again := h.session(c.Controller, h.accessory())
	if err := h.Publish(Value{2, iidTarget, 0}); err != nil {
		t.Fatal(err)
	}
	if err := again.NoEvent(100 * time.Millisecond); err != nil {
		t.Error(err)
	}
	other := h.session(c.Controller, h.accessory())
	if err := other.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
		t.Fatal(err)
	}
	if err := other.Subscribe(false, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
		t.Fatal(err)
	}
	if err := h.Publish(Value{2, iidTarget, 1}); err != nil {
		t.Fatal(err)
	}
	if err := other.NoEvent(100 * time.Millisecond); err != nil {
		t.Error(err)
	}
}

// storm is how long the storm of events lasts: LOQUET_LONG=1 makes it a minute.
func storm() time.Duration {
	if os.Getenv("LOQUET_LONG") != "" {
		return time.Minute
	}
	if testing.Short() {
		return time.Second
	}
	return 3 * time.Second
}

// Large reads in a loop while events go out every millisecond, uncoalesced: no session may break, every event must be
// whole, and a pair of values published together must arrive together.
func TestEventStorm(t *testing.T) {
	h := open(t, 149, nil)
	admin := h.admin()
	clients := []*haptest.Client{admin}
	for range 3 {
		clients = append(clients, h.user(admin, h.accessory()))
	}
	for _, c := range clients {
		if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}, haptest.ID{AID: 2, IID: iidCurrent}); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), storm())
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-tick.C:
				if err := h.Publish(Value{2, iidTarget, n % 2}, Value{2, iidCurrent, n % 2}); err != nil {
					t.Error(err)
				}
			case <-ctx.Done():
				return
			}
		}
	})
	reads, events := make([]int, len(clients)), make([]int, len(clients))
	for i, c := range clients {
		wg.Go(func() {
			for ctx.Err() == nil {
				body, err := c.Accessories()
				if err != nil || strings.Count(string(body), `"aid"`) != 150 {
					t.Errorf("session %d broke after %d reads: %v", i, reads[i], err)
					return
				}
				reads[i]++
				for {
					e, err := c.NextEvent(time.Microsecond)
					if err != nil {
						if isStream(err) {
							t.Errorf("session %d broke after %d events: %v", i, events[i], err)
						}
						break
					}
					got := string(e.Body)
					if got != `{"characteristics":[{"aid":2,"iid":11,"value":0},{"aid":2,"iid":10,"value":0}]}` &&
						got != `{"characteristics":[{"aid":2,"iid":11,"value":1},{"aid":2,"iid":10,"value":1}]}` {
						t.Errorf("session %d got %s", i, got)
					}
					events[i]++
				}
			}
		})
	}
	wg.Wait()
	t.Logf("reads %v, events %v", reads, events)
	for i := range clients {
		if reads[i] == 0 || events[i] == 0 {
			t.Errorf("session %d had %d reads and %d events", i, reads[i], events[i])
		}
	}
}

func isStream(err error) bool {
	return errors.Is(err, haptest.ErrDecrypt) || errors.Is(err, haptest.ErrStream)
}

// A controller that stops reading slows nobody: publishing never waits, others hear in time, and it is dropped.
func TestControllerThatStopsReading(t *testing.T) {
	bubble(t, func(t *testing.T, h *house) {
		stuck, lively := h.pipeSession("192.0.2.1", true), h.pipeSession("192.0.2.2", true)
		defer stuck.Close()
		defer lively.Close()
		for _, c := range []*haptest.Client{stuck, lively} {
			if err := c.Subscribe(true, haptest.ID{AID: 2, IID: iidTarget}); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		for n := range 25_000 {
			if err := h.Publish(Value{2, iidTarget, n % 2}); err != nil {
				t.Fatal(err)
			}
			if got := eventOf(t, lively, time.Second); got != fmt.Sprintf(`{"aid":2,"iid":11,"value":%d}`, n%2) {
				t.Fatalf("event %d: %s", n, got)
			}
		}
		if took := time.Since(start); took > 0 {
			t.Errorf("publishing took %v", took)
		}
		if n := len(h.table.listeners()); n != 2 {
			t.Errorf("%d sessions before the deadline", n)
		}
		time.Sleep(writeLimit + time.Second)
		synctest.Wait()
		if n := len(h.table.listeners()); n != 1 {
			t.Errorf("%d sessions after the deadline", n)
		}
		if got := value(t, lively, 2, iidTarget); got != "1" {
			t.Errorf("the other session reads %s", got)
		}
	})
}
