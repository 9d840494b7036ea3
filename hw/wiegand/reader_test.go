package wiegand

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/sim"
	"github.com/rs/zerolog"
)

// pad borrows the wires of the demo's keypad.
func pad(t *testing.T, d0, d1 hw.Ref) (*sim.World, hw.Edges) {
	t.Helper()
	w, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	if err := env.Add("sim", w.Board()); err != nil {
		t.Fatal(err)
	}
	edges, err := env.For("studio-pad").FallingEdges(t.Context(), d0, d1)
	if err != nil {
		t.Fatal(err)
	}
	return w, edges
}

func TestDemoKeypad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, edges := pad(t, "sim:studio-pad/d0", "sim:studio-pad/d1")
		ctx, cancel := context.WithCancel(t.Context())
		events := Read(ctx, edges.Watch(ctx))
		for _, digits := range []string{"0123456789*#", "1234#", "7"} {
			began := time.Now()
			if err := w.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: digits}); err != nil {
				t.Fatal(err)
			}
			for i := range digits {
				if e := <-events; e.Err != nil || e.Key != digits[i] {
					t.Fatalf("key %d of %s: %+v", i+1, digits, e)
				}
			}
			if took := time.Since(began); took > hostQuiet {
				t.Errorf("%s: the last key took %v", digits, took)
			}
			<-time.After(10 * time.Second) // the bubble's time: the world's clock catches up with the bits
		}
		cancel()
		if e, ok := <-events; ok {
			t.Errorf("%+v after the end", e)
		}
	})
}

// More edges than a slow reader has room for: what was lost is no key, and is told.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, edges := pad(t, "sim:studio-pad/d0", "sim:studio-pad/d1")
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ch := edges.Watch(ctx)
		for range 3 { // 120 keys of 8 edges
			if err := w.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: "5555555555555555555555555555555555555555"}); err != nil {
				t.Fatal(err)
			}
		}
		events := Read(ctx, ch)
		for range 31 {
			if e := <-events; e.Err != nil || e.Key != '5' {
				t.Fatalf("%+v", e)
			}
		}
		synctest.Wait()
		if err := w.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: "8"}); err != nil {
			t.Fatal(err)
		}
		damaged := 0
		for e := range events {
			switch {
			case e.Err != nil:
				damaged++
			case e.Key == '8' && damaged == 0:
				t.Fatal("nothing told that edges were lost")
			}
			if e.Key == '8' || damaged == 2 {
				break
			}
		}
		if damaged == 0 {
			t.Error("nothing told that edges were lost")
		}
	})
}
