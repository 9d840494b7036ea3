package store

import (
	"testing"
	"time"
)

// TestRowsLieInTheLogThatIsThere: a row that makes the file longer waits for the file system.
func TestRowsLieInTheLogThatIsThere(t *testing.T) {
	s := open(t, shm(t), small())
	size := s.journal.logSize()
	if size < logAhead {
		t.Fatalf("the log has %d bytes at the start", size)
	}
	for range 3 {
		for range logAhead / rowInLog / 2 {
			write(t, s.Journal(), intent("garage"))
		}
		if got := s.journal.logSize(); got != size {
			t.Fatalf("the log grew from %d to %d with a row", size, got)
		}
		s.upkeep.turn(time.Now())
		if size = s.journal.logSize(); !s.journal.laid() {
			t.Fatal("there is no room ahead after upkeep")
		}
	}
	last := write(t, s.Journal(), intent("garage"))
	// A process that is killed leaves the zeros: they are no rows.
	copied := open(t, restoreIn(t, shm(t), snapshot(t, s.folder.path)), small())
	if rows := history(t, copied.Journal(), Query{Limit: 1}); rows[0].Seq != last {
		t.Errorf("a killed process left row %d of %d", rows[0].Seq, last)
	}
	if p := verify(t, copied); !p.OK() {
		t.Errorf("proof %+v", p)
	}
}

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
