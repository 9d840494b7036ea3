package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// left is what a killed process has left of a house: everything, also what waits in the write-ahead logs.
func left(t *testing.T) (h house, files map[string][]byte) {
	t.Helper()
	s := open(t, t.TempDir(), small())
	h = furnish(t, s)
	dir := restore(t, snapshot(t, s.folder.path))
	db, conn, err := openWriter(t.Context(), filepath.Join(dir, fileDatabase), "wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	err = sign(t.Context(), conn, "of a process that was killed before it emptied the log")
	files = snapshot(t, dir)
	if err := errors.Join(err, conn.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{fileDatabase, fileJournal} {
		if len(files[name+"-wal"]) == 0 {
			t.Fatalf("%s has no log: this shows nothing", name)
		}
	}
	return h, files
}

// TestALogIsWrittenOnceMore: of a log that another process has left, each byte is written and synced before SQLite
// follows it, for the kernel may show what a failed sync has never brought to the disk.
func TestALogIsWrittenOnceMore(t *testing.T) {
	h, files := left(t)
	dir := restore(t, files)
	o := small()
	d := realDisk()
	real := d.open
	logs := map[string]*recorded{}
	d.open = func(path string) (inPlace, error) {
		f, err := real(path)
		if filepath.Ext(path) != ".db-wal" {
			return f, err
		}
		logs[filepath.Base(path)] = &recorded{inPlace: f}
		return logs[filepath.Base(path)], err
	}
	o.disk = &d
	s := open(t, dir, o)
	healthy(t, s)
	for _, name := range []string{fileDatabase + "-wal", fileJournal + "-wal"} {
		if log := logs[name]; log == nil || !log.synced || !bytes.Equal(log.wrote, files[name]) {
			t.Errorf("%s was not written once more as it was", name)
		}
	}
	h.holds(t, s.Space("homekit", Precious), h.precious, true)
	h.holds(t, s.Space("settings"), h.plain, true)
}

// recorded notes what is written from the first byte on.
type recorded struct {
	inPlace
	wrote  []byte
	synced bool
}

func (r *recorded) WriteAt(data []byte, at int64) (int, error) {
	r.wrote = append(slices.Clip(r.wrote[:at]), data...)
	return r.inPlace.WriteAt(data, at)
}

func (r *recorded) Sync() error {
	r.synced = true
	return r.inPlace.Sync()
}

// TestALogThatCannotBeWrittenOnceMore is not followed: pairings are served, nothing is changed, rows go aside, and
// the next start on a disk that is well has everything.
func TestALogThatCannotBeWrittenOnceMore(t *testing.T) {
	for _, log := range []string{fileDatabase + "-wal", fileJournal + "-wal"} {
		t.Run(log, func(t *testing.T) {
			h, files := left(t)
			dir := restore(t, files)
			o := small()
			o.RuntimeDir = t.TempDir()
			d := realDisk()
			real := d.open
			d.open = func(path string) (inPlace, error) {
				if filepath.Base(path) == log {
					return nil, &os.PathError{Op: "open", Path: path, Err: syscall.EIO}
				}
				return real(path)
			}
			o.disk = &d
			s := open(t, dir, o)
			degraded(t, s, ErrDisk)
			h.holds(t, s.Space("homekit", Precious), h.precious, true)
			h.holds(t, s.Space("settings"), h.plain, true)
			refused(t, s)
			seq := write(t, s.Journal(), intent("garage"))
			if rows := history(t, s.Journal(), Query{Limit: 1}); rows[0].Seq != seq {
				t.Errorf("row %d, want %d", rows[0].Seq, seq)
			}
			if now := snapshot(t, dir); !bytes.Equal(now[log], files[log]) {
				t.Error("the log was touched")
			}
			o = small()
			o.RuntimeDir = s.options.RuntimeDir
			s = reopen(t, s, o)
			healthy(t, s)
			h.holds(t, s.Space("homekit", Precious), h.precious, true)
			if rows := history(t, s.Journal(), Query{Limit: 2}); rows[1].Seq != seq {
				t.Errorf("what was aside is not in the history: %+v", rows)
			}
		})
	}
}
