package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestAheadWithRowsAside: an intent that is ahead and aside is one intent.
func TestAheadWithRowsAside(t *testing.T) {
	for _, runtime := range []bool{true, false} {
		t.Run(fmt.Sprintf("runtime folder %v", runtime), func(t *testing.T) {
			f, run := &faulty{}, t.TempDir()
			o := f.options()
			if runtime {
				o.RuntimeDir = run
			}
			s := open(t, shm(t), o)
			write(t, s.Journal(), outcome("garage", 7))
			settle(t, s)
			fail(&f.journal, syscall.EIO)
			seq := write(t, s.Journal(), intent("front"))
			settle(t, s)
			degraded(t, s, ErrDisk)
			last := write(t, s.Journal(), intent("back"))
			next := small()
			if runtime {
				next.RuntimeDir = restoreIn(t, t.TempDir(), snapshot(t, run))
			}
			killed := open(t, restoreIn(t, shm(t), snapshot(t, s.folder.path)), next)
			healthy(t, killed)
			if rows := history(t, killed.Journal(), Query{Device: "front"}); len(rows) != 1 || rows[0].Seq != seq {
				t.Errorf("rows of front: %+v", rows)
			}
			if rows := history(t, killed.Journal(), Query{Device: "back"}); runtime && (len(rows) != 1 || rows[0].Seq != last) {
				t.Errorf("rows of back: %+v", rows)
			}
			if p := verify(t, killed); !p.OK() || (len(p.Gaps) == 1) != runtime {
				t.Errorf("%+v", p)
			}
		})
	}
}

// TestAheadThatFails: the intent goes into journal.db, as all others do, and the owner is told.
func TestAheadThatFails(t *testing.T) {
	for name, tt := range map[string]struct {
		err     error
		kind    error
		passing bool
	}{
		"the disk is full":      {syscall.ENOSPC, ErrDiskFull, true},
		"the disk is read-only": {syscall.EROFS, ErrReadOnly, true},
		"the disk fails":        {syscall.EIO, ErrDisk, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := &faulty{}
			s := open(t, shm(t), f.options())
			write(t, s.Journal(), intent("garage"))
			fail(&f.ahead, tt.err)
			seq := write(t, s.Journal(), intent("front"))
			degraded(t, s, tt.kind)
			if s.Problem().Path != filepath.Join(s.folder.path, fileAhead) {
				t.Errorf("problem with %s", s.Problem().Path)
			}
			if s.journal.aside.Load() != nil || s.journal.lastSeq != seq {
				t.Error("the row is not in journal.db")
			}
			killed := open(t, restoreIn(t, shm(t), snapshot(t, s.folder.path)), small())
			if rows := history(t, killed.Journal(), Query{Device: "front"}); len(rows) != 1 || len(killed.Unfinished()) != 2 {
				t.Errorf("after a kill: %+v", rows)
			}
			f.ahead.Store(nil)
			s.upkeep.turn(time.Now())
			if _, degraded := s.Degraded(); degraded == tt.passing {
				t.Errorf("degraded %v", degraded)
			}
			if _, taken := intentsAheadIf(t, s); taken != tt.passing {
				t.Errorf("an intent goes ahead: %v", taken)
			}
		})
	}
}

// intentsAheadIf writes an intent and reports whether it went ahead.
func intentsAheadIf(t testing.TB, s *Store) (seq int64, taken bool) {
	t.Helper()
	err := s.journal.order(func() {
		r := newRow(intent("garage"))
		if taken = s.journal.writeAhead(&r); !taken {
			s.journal.write(&r)
		}
		seq = r.Seq
	})
	if err != nil {
		t.Fatal(err)
	}
	return seq, taken
}

// TestAheadThatIsNoFile: what is there instead is set aside.
func TestAheadThatIsNoFile(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a folder": func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":   func(path string) error { return os.Symlink("/dev/zero", path) },
		"a pipe":   func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			_, files := intentsAhead(t, open(t, shm(t), small()), "garage")
			dir := restoreIn(t, shm(t), files)
			path := filepath.Join(dir, fileAhead)
			if err := errors.Join(os.Remove(path), make(path)); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, small())
			healthy(t, s)
			if n := s.Notes(); len(n) != 1 || n[0].Path != path || n[0].Remedy == "" {
				t.Errorf("notes %v", n)
			}
			if _, err := os.Lstat(path + ".damaged-1"); err != nil {
				t.Error(err)
			}
			if _, taken := intentsAheadIf(t, s); !taken {
				t.Error("no intent goes ahead")
			}
			s = reopen(t, s, small())
			healthy(t, s)
			if len(s.Notes()) > 0 {
				t.Errorf("notes at the next start: %v", s.Notes())
			}
		})
	}
}

// TestAheadThatCannotBeOpened: doors move as ever, and the owner is told.
func TestAheadThatCannotBeOpened(t *testing.T) {
	dir := shm(t)
	open(t, dir, small()).Close()
	o, d := small(), realDisk()
	real := d.open
	d.open = func(path string) (inPlace, error) {
		opened, _ := real(filepath.Join(path, "no folder"))
		return opened, syscall.EACCES
	}
	o.disk = &d
	s := open(t, dir, o)
	degraded(t, s, ErrUnwritable)
	if seq, taken := intentsAheadIf(t, s); taken || s.journal.lastSeq != seq {
		t.Error("the row is not in journal.db")
	}
	if p := verify(t, s); !p.OK() || p.Rows != 1 {
		t.Errorf("%+v", p)
	}
}

// TestAReadOnlyFolderShowsWhatIsAhead: nothing can be put into journal.db, and the intent is told of all the same.
func TestAReadOnlyFolderShowsWhatIsAhead(t *testing.T) {
	s := open(t, shm(t), small())
	furnish(t, s)
	seqs, killed := intentsAhead(t, s, "front")
	f, dir := &faulty{}, restoreIn(t, shm(t), killed)
	fail(&f.create, syscall.EROFS)
	o := f.options()
	o.RuntimeDir = t.TempDir()
	still := open(t, dir, o)
	degraded(t, still, ErrReadOnly)
	if rows := history(t, still.Journal(), Query{Device: "front"}); len(rows) != 1 || rows[0].Seq != seqs[0] {
		t.Errorf("rows of front: %+v", rows)
	}
	if u := still.Unfinished(); len(u) != 1 || u[0].Row.Seq != seqs[0] {
		t.Errorf("unfinished %+v", u)
	}
	next := write(t, still.Journal(), intent("back"))
	if next <= seqs[0] {
		t.Errorf("number %d after %d", next, seqs[0])
	}
	o = small()
	o.RuntimeDir = still.options.RuntimeDir
	well := reopen(t, still, o)
	healthy(t, well)
	for device, seq := range map[string]int64{"front": seqs[0], "back": next} {
		if rows := history(t, well.Journal(), Query{Device: device}); len(rows) != 1 || rows[0].Seq != seq {
			t.Errorf("rows of %s: %+v", device, rows)
		}
	}
}
