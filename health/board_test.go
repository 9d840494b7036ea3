package health_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/health"
)

func spots(problems []health.Problem) []string {
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("%s %s %s", p.Code, p.Subject, p.Detail))
	}
	return out
}

func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard()
		if got := b.Active(); got == nil || len(got) != 0 {
			t.Errorf("at first %v", got)
		}
		start := time.Now()
		b.Raise(health.NotPaired, "", "")
		b.Raise(health.DeviceFault, "gate", "slow")
		b.Raise(health.RelayStuck, "garage", "")
		b.Raise(health.DiskFull, "", "")
		time.Sleep(time.Minute)
		b.Raise(health.DeviceFault, "gate", "slower")
		b.Raise(health.DeviceFault, "garage", "")

		want := []string{"disk-full  ", "relay-stuck garage ", "device-fault garage ", "device-fault gate slower", "not-paired  "}
		if diff := cmp.Diff(want, spots(b.Active())); diff != "" {
			t.Error(diff)
		}
		gate := b.Active()[3]
		if !gate.Since.Equal(start) || gate.Severity != health.Warning || gate.Title == "" || gate.Remedy == "" {
			t.Errorf("%+v", gate)
		}
		if since := b.Active()[2].Since; !since.Equal(start.Add(time.Minute)) {
			t.Errorf("garage since %v", since)
		}

		b.Clear(health.DeviceFault, "gate")
		b.Clear(health.DeviceFault, "gate")
		b.Clear(health.SecondResponder, "")
		time.Sleep(time.Minute)
		b.Raise(health.DeviceFault, "gate", "again")
		if since := b.Active()[3].Since; !since.Equal(start.Add(2 * time.Minute)) {
			t.Errorf("what came back is since %v", since)
		}
		b.Forget("garage")
		if diff := cmp.Diff([]string{"disk-full  ", "device-fault gate again", "not-paired  "}, spots(b.Active())); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnUndeclaredProblemIsNotHidden(t *testing.T) {
	b := health.NewBoard()
	b.Raise("dragon", "garden", "")
	p := b.Active()
	if len(p) != 1 || p[0].Title != "dragon" || p[0].Severity != health.Error || p[0].Remedy == "" {
		t.Errorf("%+v", p)
	}
}

func TestSubscribeDeliversTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := health.NewBoard()
		ctx, cancel := context.WithCancel(t.Context())
		c := b.Subscribe(ctx)
		if first := <-c; len(first) != 0 {
			t.Errorf("first %v", first)
		}
		b.Raise(health.DiskFull, "", "")
		b.Raise(health.DeviceFault, "a", "one")
		b.Raise(health.DeviceFault, "a", "two")
		if diff := cmp.Diff([]string{"disk-full  ", "device-fault a two"}, spots(<-c)); diff != "" {
			t.Error(diff)
		}
		b.Raise(health.DeviceFault, "a", "two") // nothing new
		b.Clear(health.DeviceFault, "b")
		b.Forget("b")
		synctest.Wait()
		select {
		case more := <-c:
			t.Errorf("told of nothing: %v", spots(more))
		default:
		}
		b.Forget("a")
		if diff := cmp.Diff([]string{"disk-full  "}, spots(<-c)); diff != "" {
			t.Error(diff)
		}
		cancel()
		synctest.Wait()
		if _, open := <-c; open {
			t.Error("still open after the context ended")
		}
		b.Clear(health.DiskFull, "")
	})
}

// Many callers and a reader that never reads: nobody blocks, and the last word is right.
func TestBoardFromManySides(t *testing.T) {
	b := health.NewBoard()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	idle := b.Subscribe(ctx)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			subject := fmt.Sprint(i)
			for range 200 {
				b.Raise(health.DeviceFault, subject, "")
				b.Clear(health.DeviceFault, subject)
			}
			b.Raise(health.DeviceUnavailable, subject, "")
		})
		all.Go(func() {
			ctx, cancel := context.WithCancel(ctx)
			<-b.Subscribe(ctx)
			cancel()
		})
	}
	all.Wait()
	if got := <-idle; len(got) != 8 || !cmp.Equal(spots(got), spots(b.Active())) {
		t.Errorf("%v", spots(got))
	}
}
