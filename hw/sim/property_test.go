package sim

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/hw"
)

// timeless is a test without a deadline, which may not be asked for in a bubble.
type timeless struct{ rapid.TB }

// Whatever happens to a door, in whatever order: it stays between its ends, its contacts tell where it is,
// it gets from end to end in its time, and it never moves without a cause.
func TestDoorsKeepToPhysics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			spec := DoorSpec{
				ID:       "door",
				Discrete: rapid.Bool().Draw(t, "discrete"),
				Cycle:    Cycle(rapid.IntRange(0, 2).Draw(t, "cycle")),
				Obstacle: Reaction(rapid.IntRange(0, 1).Draw(t, "obstacle")),
				Open:     rapid.Bool().Draw(t, "open"),
				Travel:   time.Duration(rapid.IntRange(2000, 30000).Draw(t, "travel")) * time.Millisecond,
				RunUp:    time.Duration(rapid.IntRange(0, 1900).Draw(t, "run-up")) * time.Millisecond,
				Coast:    time.Duration(rapid.IntRange(0, 3000).Draw(t, "coast")) * time.Millisecond,
			}
			speed := rapid.SampledFrom([]float64{0.5, 1, 13, 100}).Draw(t, "speed")
			w, err := New(House{Doors: []DoorSpec{spec}}, speed)
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			b := w.Board()
			defer b.Close()
			relays := []string{"door/relay"}
			if spec.Discrete {
				relays = []string{"door/open-relay", "door/close-relay", "door/stop-relay"}
			}
			var outs []hw.Output
			for _, name := range relays {
				out, err := b.Output(t.Context(), name, hw.OutputOptions{Cap: time.Second})
				if err != nil {
					t.Fatal(err)
				}
				outs = append(outs, out)
			}
			events := []string{WallButton, Obstruct, Clear, Jam, Unjam, DoorOpen, DoorClosed}
			last := seenDoor(t, w)
			caused := false
			for range rapid.IntRange(1, 60).Draw(t, "steps") {
				switch rapid.IntRange(0, 3).Draw(t, "step") {
				case 0:
					_ = rapid.SampledFrom(outs).Draw(t, "relay").Set(t.Context(), true, 400*time.Millisecond)
					caused = true
				case 1:
					if err := w.Event("door", Event{Name: rapid.SampledFrom(events).Draw(t, "event")}); err != nil {
						t.Fatal(err)
					}
					caused = true
				default:
					pass(time.Duration(rapid.IntRange(0, int(3*spec.Travel)).Draw(t, "time")) / time.Duration(max(1, speed)))
				}
				now := seenDoor(t, w)
				if !caused && now.Position != last.Position {
					t.Fatalf("it moved from %v to %v, and nothing had happened yet", last.Position, now.Position)
				}
				last = now
			}
			// Left alone, everything comes to rest within two travels and a coast.
			pass(time.Duration(float64(2*spec.Travel+2*spec.Coast)/speed) + time.Second)
			if s := seenDoor(t, w); s.Moving != "no" || s.Energised {
				t.Fatalf("left alone: %+v", s)
			}
		})
	})
}

// seenDoor checks what must be true of a door at every moment.
func seenDoor(t *rapid.T, w *World) Status {
	s, err := w.Status("door")
	if err != nil {
		t.Fatal(err)
	}
	closed, _ := w.lines["door/closed"].read()
	open, _ := w.lines["door/open"].read()
	switch {
	case s.Position < 0 || s.Position > 1:
		t.Fatalf("it is at %v", s.Position)
	case closed != (s.Position <= mark+touch) || open != (s.Position >= 1-mark-touch):
		t.Fatalf("at %v the contacts say closed %v, open %v", s.Position, closed, open)
	case s.Jammed && s.Moving != "no":
		t.Fatalf("it is jammed and moves %s", s.Moving)
	}
	return s
}

// The time that a whole way takes is the time that the door is said to take.
func TestTravelIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		travel := time.Duration(rapid.IntRange(1000, 60000).Draw(t, "travel")) * time.Millisecond
		m := newMover(travel, travel/time.Duration(rapid.IntRange(2, 20).Draw(t, "run-up")), 0, 0)
		m.drive(0, 1)
		var at time.Duration
		for steps := 0; ; steps++ {
			next, ok := m.next(at)
			if !ok {
				break
			}
			if next <= at || steps > 10 {
				t.Fatalf("step %d: from %v to %v", steps, at, next)
			}
			at = next
			m.advance(at)
		}
		if m.position(at) != 1 || (at-travel).Abs() > 10*time.Microsecond {
			t.Fatalf("at %v after %v, want 1 after %v", m.position(at), at, travel)
		}
	})
}
