package main

import (
	"testing"
	"time"
)

func TestFigures(t *testing.T) {
	var ds []time.Duration
	for i := 200; i > 0; i-- {
		ds = append(ds, time.Duration(i)*time.Millisecond)
	}
	if f := of(ds); f != (figure{N: 200, P50: 100, P99: 198, Max: 200}) {
		t.Errorf("%+v", f)
	}
	for want, values := range map[float64][]float64{3: {5, 1, 3}, 2.5: {4, 1, 2, 3}, 7: {7}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}

// A lock is written to by others before the same controller comes back to it, and never twice in a round.
func TestPlan(t *testing.T) {
	const rounds, count, locks = 50, 8, 40
	last := map[int]int{}
	for r, turns := range plan(rounds, count, locks) {
		used := map[int]bool{}
		for c, turn := range turns {
			if used[turn.lock] {
				t.Fatalf("round %d: lock %d twice", r, turn.lock)
			}
			used[turn.lock] = true
			if before, ok := last[turn.lock]; ok && before == c {
				t.Errorf("round %d: controller %d comes back to lock %d", r, c, turn.lock)
			}
			last[turn.lock] = c
		}
	}
}
