package store

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// TestRowsThatWereOnlyInMemory: without a runtime folder, what happened on a full disk ends with the process.
// The next one says that, once.
func TestRowsThatWereOnlyInMemory(t *testing.T) {
	f := &faulty{}
	s := open(t, t.TempDir(), f.options())
	furnish(t, s)
	fail(&f.journal, syscall.ENOSPC)
	write(t, s.Journal(), intent("garage"))
	settle(t, s)
	degraded(t, s, ErrDiskFull)
	s = reopen(t, s, small())
	healthy(t, s)
	if got := history(t, s.Journal(), Query{Limit: 1}); got[0].Detail != gapFull {
		t.Errorf("the newest row is %+v", got[0])
	}
	if p := verify(t, s); !p.OK() {
		t.Errorf("proof %+v", p)
	}
	last := write(t, s.Journal(), intent("garage"))
	s = reopen(t, s, small())
	if got := history(t, s.Journal(), Query{Limit: 1}); got[0].Seq != last {
		t.Errorf("the gap is told again: %+v", got[0])
	}
}

// TestAFullDiskTellsNoStory: giving back a reserve that never was must not make an empty folder look begun.
func TestAFullDiskTellsNoStory(t *testing.T) {
	f, dir := &faulty{}, t.TempDir()
	fail(&f.create, syscall.ENOSPC)
	_, err := Open(t.Context(), dir, f.options())
	var p *Problem
	if !errors.As(err, &p) || !errors.Is(err, ErrUnwritable) || !errors.Is(err, ErrDiskFull) || p.Remedy == "" {
		t.Fatalf("open: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
	healthy(t, open(t, dir, small()))
}

// TestWhyADiskTakesNothing: SQLite has one error for all of it.
func TestWhyADiskTakesNothing(t *testing.T) {
	dir := t.TempDir()
	if p := diskProblem(filepath.Join(dir, fileJournal), syscall.EIO); !errors.Is(p.Kind, ErrDisk) {
		t.Errorf("a disk that takes files: %v", p)
	}
	for _, c := range []struct {
		err  error
		kind error
	}{{syscall.EROFS, ErrReadOnly}, {syscall.EACCES, ErrUnwritable}, {syscall.ENOSPC, ErrDiskFull}, {ErrUnwritable, ErrUnwritable}} {
		if p := diskProblem(dir, c.err); !errors.Is(p.Kind, c.kind) || p.Remedy == "" {
			t.Errorf("%v: %v", c.err, p)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("the question left %v, %v", left, err)
	}
}

// TestAHeaderThatForbidsWriting: one bit in the header of a database makes SQLite refuse to write it. That is
// damage, not a disk that is read-only, and no reason to wait for the disk.
func TestAHeaderThatForbidsWriting(t *testing.T) {
	s := open(t, shm(t), small())
	h := furnish(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := snapshot(t, s.folder.path)
	for _, name := range []string{fileJournal, fileDatabase} {
		for bit := range 8 {
			t.Run(fmt.Sprint(name, " ", bit), func(t *testing.T) {
				hurt := maps.Clone(files)
				hurt[name] = slices.Clone(files[name])
				hurt[name][18] ^= 1 << bit // the version that a writer must know
				s := open(t, restoreIn(t, shm(t), hurt), small())
				if p := s.Problem(); p != nil && (!errors.Is(p, ErrDamaged) || errors.Is(p, ErrReadOnly)) {
					t.Errorf("problem %v, want damage", p)
				}
				s.upkeep.recover()
				h.holds(t, s.Space("homekit", Precious), h.precious, true)
				write(t, s.Journal(), intent("garage"))
			})
		}
	}
}

// TestAJournalThatCannotBeOpened comes back with the next start only: nothing can bring rows into it.
func TestAJournalThatCannotBeOpened(t *testing.T) {
	f, dir := &faulty{}, shm(t)
	whole := open(t, dir, f.options())
	furnish(t, whole)
	if err := whole.Close(); err != nil {
		t.Fatal(err)
	}
	fail(&f.journal, syscall.ENOSPC)
	s := open(t, dir, f.options())
	degraded(t, s, ErrDiskFull)
	seq := write(t, s.Journal(), intent("garage"))
	f.journal.Store(nil)
	s.upkeep.recover()
	degraded(t, s, ErrDiskFull)
	if got := history(t, s.Journal(), Query{Limit: 1}); got[0].Seq != seq {
		t.Errorf("the newest row is %+v", got[0])
	}
	healthy(t, reopen(t, s, small()))
}
