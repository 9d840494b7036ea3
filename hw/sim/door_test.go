package sim

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/hw"
)

// house builds a world in a bubble, with a board that gives everything back at the end.
func house(t *testing.T, h House, speed float64) (*World, *Board) {
	t.Helper()
	w, err := New(h, speed)
	if err != nil {
		t.Fatal(err)
	}
	b := w.Board()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	return w, b
}

// press gives a pulse on a relay.
func press(t *testing.T, b hw.Board, name string) func() {
	t.Helper()
	out, err := b.Output(t.Context(), name, hw.OutputOptions{Cap: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return func() {
		t.Helper()
		if err := out.Set(t.Context(), true, 400*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

// reads returns the level of an input.
func reads(t *testing.T, b hw.Board, name string) func() bool {
	t.Helper()
	in, err := b.Input(t.Context(), name, hw.InputOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return func() bool {
		level, err := in.Read(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		return level.Active
	}
}

func status(t *testing.T, w *World, id string) Status {
	t.Helper()
	s, err := w.Status(id)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Each cycle is walked through: what stands in a row is a press and what the door does a second later.
func TestCyclesOfAButton(t *testing.T) {
	for _, tt := range []struct {
		name  string
		cycle Cycle
		open  bool
		want  []string
	}{
		{"open-stop-close-stop", OpenStopCloseStop, false, []string{"up", "no", "down", "no", "up"}},
		{"open-stop-close-stop from open", OpenStopCloseStop, true, []string{"down", "no", "up", "no", "down"}},
		{"reverses-on-close", ReversesOnClose, false, []string{"up", "no", "down", "up", "no"}},
		{"no-stop", NoStop, false, []string{"up", "down", "up", "down"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				spec := garage("garage", "")
				spec.Cycle, spec.Open = tt.cycle, tt.open
				w, b := house(t, House{Doors: []DoorSpec{spec}}, 1)
				pulse := press(t, b, "garage/relay")
				for i, want := range tt.want {
					pulse()
					time.Sleep(2500 * time.Millisecond)
					if got := status(t, w, "garage").Moving; got != want {
						t.Fatalf("press %d: it moves %q, want %q", i+1, got, want)
					}
				}
			})
		})
	}
}

func TestTravelTakesItsTimeAndContactsFollow(t *testing.T) {
	for _, speed := range []float64{1, 7.5, 60} {
		synctest.Test(t, func(t *testing.T) {
			w, b := house(t, DemoHouse(), speed)
			pulse := press(t, b, "garage/relay")
			closed, open := reads(t, b, "garage/closed"), reads(t, b, "garage/open")
			if !closed() || open() {
				t.Fatal("a new house stands closed")
			}
			scale := func(d time.Duration) time.Duration { return time.Duration(float64(d) / speed) }
			pulse()
			time.Sleep(scale(time.Second))
			if closed() || open() {
				t.Error("a second later the door is at neither end")
			}
			time.Sleep(scale(10900 * time.Millisecond))
			if s := status(t, w, "garage"); s.Position >= 1 || s.Moving != "up" {
				t.Errorf("after 11.9 s: %+v, want nearly open", s)
			}
			time.Sleep(scale(200 * time.Millisecond))
			if s := status(t, w, "garage"); s.Position != 1 || s.Moving != "no" || !open() || closed() {
				t.Errorf("after 12.1 s: %+v, want open", s)
			}
			s := status(t, w, "garage")
			if s.Pulses != 1 || s.Edges != 1 || s.LastMove.Direction != "up" || s.LastMove.Cause != "relay" {
				t.Errorf("counted %+v, want one pulse", s)
			}
		})
	}
}
