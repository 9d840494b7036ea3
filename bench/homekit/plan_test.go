package main

import "testing"

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
