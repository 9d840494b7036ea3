package history

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

// keep opens the store of a folder and writes rows.
func keep(t *testing.T, folder string, rows int) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), folder, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for range rows {
		if _, err := s.Journal().Record(t.Context(), device.Entry{Kind: device.EntryObserved, Device: "garage"}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// closed is a folder with rows that nobody uses.
func closed(t *testing.T, rows int) string {
	t.Helper()
	folder := t.TempDir()
	if err := keep(t, folder, rows).Close(); err != nil {
		t.Fatal(err)
	}
	return folder
}

func contents(t *testing.T, folder string) map[string][]byte {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[f.Name()], err = os.ReadFile(filepath.Join(folder, f.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func statement(t *testing.T, folder, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(folder, journalFile))
	if err == nil {
		_, err = db.ExecContext(t.Context(), text)
	}
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyFolder(t *testing.T) {
	for _, c := range []struct {
		name   string
		folder func(t *testing.T) string
		rows   int64
		fault  string
	}{
		{"whole", func(t *testing.T) string { return closed(t, 20) }, 20, ""},
		{"left by a program that was killed", func(t *testing.T) string {
			running, left := t.TempDir(), t.TempDir()
			keep(t, running, 20)
			for name, content := range contents(t, running) {
				if err := os.WriteFile(filepath.Join(left, name), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			return left
		}, 20, ""},
		{"a row was changed", func(t *testing.T) string {
			folder := closed(t, 20)
			statement(t, folder, "UPDATE events SET device = 'attic' WHERE seq = 7")
			return folder
		}, 20, "row 7"},
		{"the end was cut off", func(t *testing.T) string {
			folder := closed(t, 20)
			statement(t, folder, "DELETE FROM events WHERE seq > 10")
			return folder
		}, 11, "cut off"}, // with the note that the journal itself makes of it
		{"a wreck", func(t *testing.T) string {
			folder := closed(t, 20)
			if err := os.WriteFile(filepath.Join(folder, journalFile), bytes.Repeat([]byte("wreck"), 2000), 0o600); err != nil {
				t.Fatal(err)
			}
			return folder
		}, 0, "the journal is damaged"},
		{"another house", func(t *testing.T) string {
			folder, other := closed(t, 20), closed(t, 20)
			for name, content := range contents(t, other) {
				if strings.HasPrefix(name, journalFile) {
					if err := os.WriteFile(filepath.Join(folder, name), content, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			return folder
		}, 0, "another install"},
	} {
		t.Run(c.name, func(t *testing.T) {
			folder := c.folder(t)
			before := contents(t, folder)
			temp := t.TempDir()
			t.Setenv("TMPDIR", temp)
			v, err := VerifyFolder(t.Context(), folder)
			if err != nil {
				t.Fatal(err)
			}
			if v.OK != (c.fault == "") || v.Rows != c.rows || !strings.Contains(strings.Join(v.Faults, "\n"), c.fault) || strings.Contains(strings.Join(v.Faults, "\n"), temp) {
				t.Errorf("%+v", v)
			}
			if !maps.EqualFunc(contents(t, folder), before, bytes.Equal) {
				t.Error("the folder was changed")
			}
			if left := contents(t, temp); len(left) > 0 {
				t.Errorf("%d files were left", len(left))
			}
		})
	}
}

func TestVerifyFolderRefuses(t *testing.T) {
	used, missing := t.TempDir(), filepath.Join(t.TempDir(), "missing")
	keep(t, used, 1)
	for _, c := range []struct {
		folder string
		want   error
	}{{used, store.ErrLocked}, {missing, fs.ErrNotExist}, {t.TempDir(), fs.ErrNotExist}} {
		if v, err := VerifyFolder(t.Context(), c.folder); !errors.Is(err, c.want) || v.OK {
			t.Errorf("%s: %+v, %v", c.folder, v, err)
		}
	}
	if _, err := os.Stat(missing); err == nil {
		t.Error("it made a folder")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := VerifyFolder(ended, closed(t, 1)); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	// Whoever only looked holds nothing up.
	again := closed(t, 1)
	if _, err := VerifyFolder(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	keep(t, again, 1)
}

// A chain that is broken is told, and so is that it is whole again.
func TestTamperingIsTold(t *testing.T) {
	folder := closed(t, 20)
	board := health.NewBoard()
	check := func(want int) {
		t.Helper()
		s, err := store.Open(t.Context(), folder, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (&History{Journal: s.Journal(), Board: board}).VerifyHistory(t.Context()); err != nil {
			t.Error(err)
		}
		if got := board.Active(); len(got) != want || want > 0 && (got[0].Code != health.JournalTampered || !strings.HasPrefix(got[0].Detail, "row ")) {
			t.Errorf("%+v, want %d", got, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	check(0)
	statement(t, folder, "UPDATE events SET device = 'gate' WHERE seq = 7")
	check(1)
	statement(t, folder, "UPDATE events SET device = 'garage' WHERE seq = 7")
	check(0)
}
