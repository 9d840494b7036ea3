package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mountTmpfs returns a folder on a disk of its own.
func mountTmpfs(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size+",mode=0700"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("no small disk can be mounted: %v", err)
		}
		t.Skipf("a small disk is mounted only by root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

// fill takes all room that is left.
func fill(t *testing.T, dir string) (path string) {
	t.Helper()
	path = filepath.Join(dir, "other-peoples-files")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 16; size > 0; {
		if n, err := f.Write(make([]byte, size)); err != nil || n < size {
			size /= 2
		}
	}
	return path
}

func TestARealFullDisk(t *testing.T) {
	dir := mountTmpfs(t, "6m")
	o := small()
	o.reserve, o.RuntimeDir = 256<<10, t.TempDir()
	s := open(t, filepath.Join(dir, "state"), o)
	h := furnish(t, s)
	hog := fill(t, dir)
	for range 3000 {
		write(t, s.Journal(), intent("garage"))
		if s.journal.aside.Load() != nil {
			break
		}
		select {
		case <-s.journal.numbers.want:
			s.upkeep.reserve()
		default:
		}
	}
	degraded(t, s, ErrDiskFull)
	if s.journal.aside.Load() == nil {
		t.Fatal("the disk never was full")
	}
	last := write(t, s.Journal(), intent("front"))
	refused(t, s)
	h.holds(t, s.Space("homekit", Precious), h.precious, true)

	// A restart on the full disk.
	s = reopen(t, s, o)
	degraded(t, s, ErrDiskFull)
	h.holds(t, s.Space("homekit", Precious), h.precious, true)
	h.holds(t, s.Space("settings"), h.plain, true)
	refused(t, s)
	if s.Install() != h.install {
		t.Error("a new identity")
	}
	next := write(t, s.Journal(), intent("front"))
	if next <= last {
		t.Errorf("number %d after %d", next, last)
	}
	if rows := history(t, s.Journal(), Query{Device: "front"}); len(rows) != 2 {
		t.Errorf("%d rows of front", len(rows))
	}

	if err := os.Remove(hog); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, o)
	healthy(t, s)
	rows := history(t, s.Journal(), Query{Limit: 3})
	if !strings.HasPrefix(rows[0].Detail, "gap:") || rows[1].Seq != next || rows[2].Seq != last {
		t.Errorf("%d rows, the newest %+v", len(rows), rows[:min(3, len(rows))])
	}
	if p := verify(t, s); !p.OK() {
		t.Errorf("proof %+v", p)
	}
	apply(t, s.Space("homekit", Precious), "new", "pairing")
}

func TestAReadOnlyDisk(t *testing.T) {
	dir := mountTmpfs(t, "40m")
	o := small()
	o.RuntimeDir = t.TempDir()
	s := open(t, filepath.Join(dir, "state"), o)
	h := furnish(t, s)
	files := snapshot(t, s.folder.path)
	s.Close()
	// As a killed process left it: the last rows are only in the log.
	restoreIn(t, s.folder.path, files)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	var last int64
	for range 2 {
		s = open(t, s.folder.path, o)
		degraded(t, s, ErrReadOnly)
		if s.Install() != h.install {
			t.Error("a new identity")
		}
		h.holds(t, s.Space("homekit", Precious), h.precious, true)
		h.holds(t, s.Space("settings"), h.plain, true)
		refused(t, s)
		seq := write(t, s.Journal(), intent("front"))
		if seq <= last {
			t.Errorf("number %d after %d", seq, last)
		}
		last = seq
		if rows := history(t, s.Journal(), Query{Limit: 200}); len(rows) < 81 {
			t.Errorf("%d rows of history", len(rows))
		}
		if _, err := s.Journal().Verify(t.Context()); err != nil {
			t.Errorf("verify: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT, ""); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.folder.path, o)
	healthy(t, s)
	if rows := history(t, s.Journal(), Query{Device: "front"}); len(rows) != 2 || rows[0].Seq != last {
		t.Errorf("%d rows, the newest %+v", len(rows), rows[:min(3, len(rows))])
	}
	if rows := history(t, s.Journal(), Query{Limit: 1}); rows[0].Detail != gapAside {
		t.Errorf("no gap: %+v", rows)
	}
}

func TestAnEmptyFolderThatCannotBeWritten(t *testing.T) {
	dir := mountTmpfs(t, "1m")
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "below")} {
		_, err := Open(t.Context(), path, small())
		var p *Problem
		if !errors.Is(err, ErrUnwritable) || !errors.As(err, &p) || p.Remedy == "" {
			t.Errorf("open: %v", err)
		}
	}
}
