package store

import (
	"testing"
	"time"
)

// TestALogThatWasBegunAnewIsNotEmptiedAgain: its file stays as long as it was, and each time costs a sync.
func TestALogThatWasBegunAnewIsNotEmptiedAgain(t *testing.T) {
	s := open(t, shm(t), small())
	for !s.journal.crowded(logLimit) {
		write(t, s.Journal(), intent("garage"))
		s.upkeep.reserve()
	}
	s.upkeep.turn(time.Now())
	if s.journal.crowded(logLimit) {
		t.Error("a log that was just begun anew would be begun anew again")
	}
}
