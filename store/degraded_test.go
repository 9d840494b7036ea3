package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/loquet/loquet/device"
)

// faulty is a disk that fails when it is told to.
type faulty struct {
	create, rename, datasync, dir atomic.Pointer[error]
	journal, database             atomic.Pointer[error]
	ahead                         atomic.Pointer[error] // writes into the file that intents wait in
}

func (f *faulty) options() Options {
	o := small()
	d := realDisk()
	real := d
	d.create = func(path string) (file, error) {
		if err := f.create.Load(); err != nil {
			return nil, *err
		}
		return real.create(path)
	}
	d.open = func(path string) (inPlace, error) {
		opened, err := real.open(path)
		return faultyInPlace{opened, f}, err
	}
	d.rename = func(from, to string) error {
		if err := f.rename.Load(); err != nil {
			return *err
		}
		return real.rename(from, to)
	}
	d.syncDir = func(dir string) error {
		if err := f.dir.Load(); err != nil {
			return *err
		}
		return real.syncDir(dir)
	}
	d.datasync = func(file *os.File) error {
		if err := f.datasync.Load(); err != nil {
			return *err
		}
		return real.datasync(file)
	}
	d.commit = func(path string) error {
		at := &f.journal
		if filepath.Base(path) == fileDatabase {
			at = &f.database
		}
		if err := at.Load(); err != nil {
			return *err
		}
		return nil
	}
	o.disk = &d
	return o
}

type faultyInPlace struct {
	inPlace
	f *faulty
}

// WriteAt writes what it can, and says that it could not.
func (w faultyInPlace) WriteAt(data []byte, at int64) (int, error) {
	if err := w.f.ahead.Load(); err != nil {
		n, _ := w.inPlace.WriteAt(data[:len(data)/2], at)
		return n, *err
	}
	return w.inPlace.WriteAt(data, at)
}

func fail(at *atomic.Pointer[error], err error) { at.Store(&err) }

func degraded(t testing.TB, s *Store, kind error) {
	t.Helper()
	p := s.Problem()
	if p == nil || !errors.Is(p, kind) || p.Remedy == "" {
		t.Fatalf("problem %v, want %v", p, kind)
	}
	if reason, ok := s.Degraded(); !ok || reason == "" {
		t.Fatalf("degraded %q, %v", reason, ok)
	}
}

func refused(t testing.TB, s *Store) {
	t.Helper()
	for _, space := range []*Space{s.Space("settings"), s.Space("homekit", Precious)} {
		if err := space.Apply(map[string][]byte{"new": []byte("pairing")}); !errors.Is(err, ErrDegraded) {
			t.Errorf("%s was changed: %v", space.name, err)
		}
	}
}

// TestAFailedSyncIsFatal: the kernel forgets what it could not write, so a second try proves nothing.
func TestAFailedSyncIsFatal(t *testing.T) {
	f, base := &faulty{}, t.TempDir()
	o := f.options()
	o.RuntimeDir = base
	told := make(chan string, 4)
	o.OnDegraded, o.manual = func(reason string) { told <- reason }, false
	s := open(t, filepath.Join(base, "state"), o)
	h := furnish(t, s)
	fail(&f.datasync, syscall.EIO)
	before := write(t, s.Journal(), intent("garage"))
	if err := s.Journal().Flush(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Fatalf("flush: %v", err)
	}
	f.datasync.Store(nil)
	if reason := <-told; reason == "" {
		t.Error("no reason told")
	}
	degraded(t, s, ErrDisk)
	h.holds(t, s.Space("homekit", Precious), h.precious, true)
	refused(t, s)
	for s.journal.aside.Load() == nil { // the writing goroutine is told by the other one
		if err := s.journal.order(func() {}); err != nil {
			t.Fatal(err)
		}
	}
	after := write(t, s.Journal(), intent("garage"))
	rows := history(t, s.Journal(), Query{Limit: 2})
	if rows[0].Seq != after || rows[1].Seq != before {
		t.Errorf("rows %d, %d", rows[0].Seq, rows[1].Seq)
	}
	if err := s.Journal().Flush(t.Context()); err == nil {
		t.Error("a failed sync was forgotten")
	}
	// The power goes too, and with it everything that no sync confirmed.
	files := snapshot(t, s.folder.path)
	delete(files, fileJournal+"-wal")
	cut := small()
	cut.RuntimeDir = restoreIn(t, t.TempDir(), snapshot(t, base))
	lost := open(t, restoreIn(t, t.TempDir(), files), cut)
	if rows := history(t, lost.Journal(), Query{AfterSeq: before - 1, OldestFirst: true}); len(rows) < 2 ||
		rows[0].Seq != before || rows[1].Seq != after {
		t.Errorf("rows that nobody synced are not aside: %d", len(rows))
	}
	// The one restart: the disk is well again, the rows that were aside come back, the gap is said.
	o = small()
	o.RuntimeDir = base
	s = reopen(t, s, o)
	healthy(t, s)
	rows = history(t, s.Journal(), Query{Limit: 3})
	if rows[0].Detail != gapAside || rows[1].Seq != after || rows[2].Seq != before || rows[1].Hash == "" {
		t.Errorf("after the restart: %+v", rows)
	}
	if u := s.Unfinished(); len(u) != 2 {
		t.Errorf("unfinished %+v", u)
	}
	if p := verify(t, s); !p.OK() || len(p.Gaps) != 1 {
		t.Errorf("proof %+v", p)
	}
	if files, _ := filepath.Glob(filepath.Join(base, "*.jsonl")); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

// Whatever a sync failed with, the log that may have holes now is not worked into the database: a power cut that brings it
// back would lay old pages over new ones.
func TestALogThatWasNotSyncedStaysAsItIs(t *testing.T) {
	for _, failure := range []error{syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS} {
		t.Run(failure.Error(), func(t *testing.T) {
			f := &faulty{}
			o := f.options()
			o.RuntimeDir, o.manual = t.TempDir(), false
			s := open(t, filepath.Join(t.TempDir(), "state"), o)
			write(t, s.Journal(), intent("garage"))
			fail(&f.datasync, failure)
			write(t, s.Journal(), intent("garage"))
			if err := s.Journal().Flush(t.Context()); !errors.Is(err, failure) {
				t.Fatalf("flush: %v", err)
			}
			before := snapshot(t, s.folder.path)
			f.datasync.Store(nil)
			_ = s.Close()
			after := snapshot(t, s.folder.path)
			for _, name := range []string{fileJournal, fileJournal + "-wal"} {
				if !bytes.Equal(before[name], after[name]) {
					t.Errorf("%s has %d bytes after the end and had %d", name, len(after[name]), len(before[name]))
				}
			}
		})
	}
}

func TestRowsGoAsideWhileTheDiskIsFull(t *testing.T) {
	for _, runtime := range []bool{true, false} {
		t.Run(fmt.Sprintf("runtime folder %v", runtime), func(t *testing.T) {
			f, base := &faulty{}, t.TempDir()
			o := f.options()
			if runtime {
				o.RuntimeDir = base
			}
			s := open(t, filepath.Join(base, "state"), o)
			h := furnish(t, s)
			fail(&f.journal, syscall.ENOSPC)
			fail(&f.create, syscall.ENOSPC)
			rows := s.Journal().Subscribe(t.Context(), 80)
			var seqs []int64
			for range 5 {
				seqs = append(seqs, write(t, s.Journal(), intent("garage")))
			}
			for _, seq := range seqs {
				if r := <-rows; r.Seq != seq {
					t.Errorf("a follower got %d, want %d", r.Seq, seq)
				}
			}
			degraded(t, s, ErrDiskFull)
			if err := s.Journal().Flush(t.Context()); !errors.Is(err, ErrDegraded) {
				t.Errorf("rows that are not on the disk were flushed: %v", err)
			}
			if _, err := os.Stat(filepath.Join(s.folder.path, fileReserve)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("the reserve was kept: %v", err)
			}
			refused(t, s)
			h.holds(t, s.Space("homekit", Precious), h.precious, true)
			if got := history(t, s.Journal(), Query{Limit: 7}); got[0].Seq != seqs[4] || got[5].Seq != 80 {
				t.Errorf("%d rows, the newest %+v", len(got), got[:min(3, len(got))])
			}
			s.upkeep.recover()
			degraded(t, s, ErrDiskFull)
			f.journal.Store(nil)
			f.create.Store(nil)
			s.upkeep.recover()
			healthy(t, s)
			apply(t, s.Space("homekit", Precious), "new", "pairing")
			got := history(t, s.Journal(), Query{Limit: 7})
			if got[0].Detail != gapAside || got[1].Seq != seqs[4] || got[5].Seq != seqs[0] || got[6].Seq != 80 {
				t.Errorf("%d rows, the newest %+v", len(got), got[:min(3, len(got))])
			}
			if r := <-rows; r.Detail != gapAside {
				t.Errorf("a follower got %+v", r)
			}
			if p := verify(t, s); !p.OK() || len(p.Gaps) != 1 {
				t.Errorf("proof %+v", p)
			}
			if _, err := os.Stat(filepath.Join(s.folder.path, fileReserve)); err != nil {
				t.Errorf("the reserve: %v", err)
			}
		})
	}
}

// TestPreciousChangesAreAllOrNothing lets every step of a precious change fail, and asks a running and a
// restarted store what it holds.
func TestPreciousChangesAreAllOrNothing(t *testing.T) {
	steps := map[string]func(*faulty) *atomic.Pointer[error]{
		"temporary file": func(f *faulty) *atomic.Pointer[error] { return &f.create },
		"database":       func(f *faulty) *atomic.Pointer[error] { return &f.database },
		"rename":         func(f *faulty) *atomic.Pointer[error] { return &f.rename },
		"folder":         func(f *faulty) *atomic.Pointer[error] { return &f.dir },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			f := &faulty{}
			s := open(t, t.TempDir(), f.options())
			homekit := s.Space("homekit", Precious)
			apply(t, homekit, "keep", "1", "change", "1")
			fail(step(f), syscall.EIO)
			err := homekit.Apply(map[string][]byte{"keep": nil, "change": []byte("2"), "new": []byte("2")})
			if !errors.Is(err, ErrDegraded) || !errors.Is(err, syscall.EIO) {
				t.Fatalf("apply: %v", err)
			}
			step(f).Store(nil)
			degraded(t, s, ErrDisk)
			for range 2 {
				homekit := s.Space("homekit", Precious)
				want(t, homekit, "keep", "1")
				want(t, homekit, "change", "1")
				if _, ok, err := homekit.Get("new"); ok || err != nil {
					t.Errorf("new: %v, %v", ok, err)
				}
				s = reopen(t, s, small())
			}
			healthy(t, s)
		})
	}
}

func TestCreationThatFailsIsBegunAgain(t *testing.T) {
	steps := map[string]func(*faulty) *atomic.Pointer[error]{
		"rename": func(f *faulty) *atomic.Pointer[error] { return &f.rename },
		"folder": func(f *faulty) *atomic.Pointer[error] { return &f.dir },
	}
	for name, step := range steps {
		t.Run(name, func(t *testing.T) {
			f, dir := &faulty{}, t.TempDir()
			fail(step(f), syscall.EIO)
			if _, err := Open(t.Context(), dir, f.options()); !errors.Is(err, ErrUnwritable) {
				t.Fatalf("open: %v", err)
			}
			step(f).Store(nil)
			s := open(t, dir, f.options())
			healthy(t, s)
			h := furnish(t, s)
			s = reopen(t, s, small())
			h.holds(t, s.Space("homekit", Precious), h.precious, true)
		})
	}
}

func TestAJournalThatIsRemovedWhileOpen(t *testing.T) {
	o := small()
	o.RuntimeDir = t.TempDir()
	s := open(t, t.TempDir(), o)
	write(t, s.Journal(), intent("garage"))
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.folder.path, fileJournal+"-wal")); err != nil {
		t.Fatal(err)
	}
	write(t, s.Journal(), intent("garage"))
	if err := s.Journal().Flush(t.Context()); err == nil {
		t.Fatal("nobody noticed")
	}
	degraded(t, s, ErrDisk)
	if _, err := s.Journal().Record(t.Context(), device.Entry{Kind: device.EntryNote}); err != nil {
		t.Error(err)
	}
}

// TestAnotherProgramHoldsAFile: somebody looks into the files with a database browser.
func TestAnotherProgramHoldsAFile(t *testing.T) {
	hold := func(s *Store, file, how string) (letGo func()) {
		db, err := sql.Open("sqlite", filepath.Join(s.folder.path, file))
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		for _, statement := range []string{how, "SELECT count(*) FROM meta"} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		return func() { db.Close() }
	}
	s := open(t, shm(t), small())
	h := furnish(t, s)
	letGo := hold(s, fileJournal, "BEGIN IMMEDIATE")
	seq := write(t, s.Journal(), intent("garage"))
	settle(t, s)
	degraded(t, s, ErrHeld)
	s.upkeep.recover()
	degraded(t, s, ErrHeld)
	letGo()
	s.upkeep.recover()
	healthy(t, s)
	if rows := history(t, s.Journal(), Query{Limit: 2}); rows[0].Detail != gapAside || rows[1].Seq != seq {
		t.Errorf("rows %+v", rows)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	letGo = hold(s, fileDatabase, "BEGIN")
	s = open(t, s.folder.path, small())
	degraded(t, s, ErrHeld)
	h.holds(t, s.Space("homekit", Precious), h.precious, true)
	refused(t, s)
	letGo()
	s = reopen(t, s, small())
	healthy(t, s)
	h.holds(t, s.Space("settings"), h.plain, true)
}
