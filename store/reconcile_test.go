package store

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
)

// two returns a folder before and after a last change of a precious and of a plain space.
func two(t *testing.T) (before, after map[string][]byte, install string) {
	t.Helper()
	s := open(t, shm(t), small())
	apply(t, s.Space("homekit", Precious), "a", "1", "b", "1")
	apply(t, s.Space("settings"), "s", "1")
	write(t, s.Journal(), intent("garage"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	before = snapshot(t, s.folder.path)
	s = open(t, s.folder.path, small())
	if err := s.Space("homekit", Precious).Apply(map[string][]byte{"a": nil, "c": []byte("2")}); err != nil {
		t.Fatal(err)
	}
	apply(t, s.Space("settings"), "s", "2")
	write(t, s.Journal(), intent("garage"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return before, snapshot(t, s.folder.path), s.Install()
}

func mixed(t *testing.T, base map[string][]byte, other map[string][]byte, names ...string) string {
	t.Helper()
	files := maps.Clone(base)
	for _, name := range names {
		files[name] = other[name]
		if other[name] == nil {
			delete(files, name)
		}
	}
	return restoreIn(t, shm(t), files)
}

func lacking(files map[string][]byte, name string) map[string][]byte {
	out := maps.Clone(files)
	delete(out, name)
	return out
}

func newIs(t *testing.T, s *Store) {
	t.Helper()
	homekit := s.Space("homekit", Precious)
	want(t, homekit, "b", "1")
	want(t, homekit, "c", "2")
	if _, ok, err := homekit.Get("a"); ok || err != nil {
		t.Errorf("a removed pairing came back: %v, %v", ok, err)
	}
}

func TestTheNewerOfDatabaseAndIdentityCounts(t *testing.T) {
	before, after, install := two(t)
	identity := []string{fileIdentityA, fileIdentityB}
	tests := []struct {
		name  string
		dir   string
		notes int
	}{
		{"both are there", mixed(t, after, nil), 0},
		{"an older identity", mixed(t, after, before, identity...), 0},
		{"one older identity file", mixed(t, after, before, fileIdentityB), 0},
		{"an older database", mixed(t, after, before, fileDatabase), 2},
		{"no identity", mixed(t, after, nil, identity...), 1},
		{"one identity file", mixed(t, after, nil, fileIdentityA), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for round := range 3 {
				s := open(t, tt.dir, small())
				healthy(t, s)
				if s.Install() != install {
					t.Fatalf("a new identity")
				}
				newIs(t, s)
				if n := len(s.Notes()); (round == 0 && n != tt.notes) || (round > 0 && n != 0) {
					t.Errorf("round %d: notes %v", round, s.Notes())
				}
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				now := snapshot(t, tt.dir)
				a, err := decodeIdentity("a", now[fileIdentityA])
				b, err2 := decodeIdentity("b", now[fileIdentityB])
				if err != nil || err2 != nil || a.Generation != b.Generation || !sameIdentity(a, b) {
					t.Errorf("the two files: %+v %v, %+v %v", a, err, b, err2)
				}
			}
		})
	}
}

func TestALostDatabaseIsServedFromTheIdentity(t *testing.T) {
	before, after, install := two(t)
	empty := maps.Clone(after)
	empty[fileDatabase] = []byte{}
	garbage := maps.Clone(after)
	garbage[fileDatabase] = bytes.Repeat([]byte("x"), 9000)
	for name, dir := range map[string]string{
		"missing":                        mixed(t, after, nil, fileDatabase),
		"missing, one identity file too": mixed(t, after, nil, fileDatabase, fileIdentityA),
		"missing, the journal too":       mixed(t, after, nil, fileDatabase, fileJournal),
		"missing, an older file first":   mixed(t, lacking(after, fileDatabase), before, fileIdentityA),
		"missing, an older file second":  mixed(t, lacking(after, fileDatabase), before, fileIdentityB),
		"empty":                          restoreIn(t, shm(t), empty),
		"garbage":                        restoreIn(t, shm(t), garbage),
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				s := open(t, dir, small())
				degraded(t, s, ErrDatabaseLost)
				if s.Install() != install {
					t.Fatal("a new identity")
				}
				newIs(t, s)
				refused(t, s)
				if _, ok, err := s.Space("settings").Get("s"); ok || !errors.Is(err, ErrDatabaseLost) || !errors.Is(err, ErrDegraded) {
					t.Errorf("what was only in the database: %v, %v", ok, err)
				}
				if _, err := s.Space("unheard", Precious).List(""); !errors.Is(err, ErrDatabaseLost) {
					t.Errorf("a space nobody knows of: %v", err)
				}
				if _, err := s.Memory().Recall(t.Context(), "garage"); err == nil {
					t.Error("a device was taken for new")
				}
				if seq := write(t, s.Journal(), intent("garage")); seq <= numberLeap {
					t.Errorf("number %d may have been used before", seq)
				}
				if _, err := s.Journal().Verify(t.Context()); err != nil {
					t.Errorf("verify: %v", err)
				}
				s.Close()
			}
			if err := Rebuild(t.Context(), dir, small()); err != nil {
				t.Fatal(err)
			}
			s := open(t, dir, small())
			healthy(t, s)
			newIs(t, s)
			apply(t, s.Space("settings"), "s", "3")
			if seq := write(t, s.Journal(), intent("garage")); seq <= numberLeap {
				t.Errorf("number %d may have been used before", seq)
			}
		})
	}
}

func TestNothingLeftIsRefused(t *testing.T) {
	_, after, _ := two(t)
	gone := []string{fileDatabase, fileIdentityA, fileIdentityB}
	torn := maps.Clone(after)
	for _, name := range gone {
		torn[name] = torn[name][:len(torn[name])/2]
	}
	for name, dir := range map[string]string{
		"only a journal": mixed(t, after, nil, gone...),
		"only a reserve": mixed(t, after, nil, append(gone, fileJournal)...),
		"all torn":       restoreIn(t, shm(t), torn),
	} {
		t.Run(name, func(t *testing.T) {
			was := snapshot(t, dir)
			_, err := Open(t.Context(), dir, small())
			var p *Problem
			if !errors.Is(err, ErrIdentityLost) || !errors.As(err, &p) || p.Remedy == "" {
				t.Fatalf("open: %v", err)
			}
			if now := snapshot(t, dir); !maps.EqualFunc(was, now, slices.Equal[[]byte]) {
				t.Error("the folder was changed")
			}
			if err := Rebuild(t.Context(), dir, small()); !errors.Is(err, ErrIdentityLost) {
				t.Errorf("rebuild: %v", err)
			}
		})
	}
}

func TestFilesOfAnotherInstall(t *testing.T) {
	_, ours, install := two(t)
	_, theirs, other := two(t)
	identity := []string{fileIdentityA, fileIdentityB}
	t.Run("a stray identity", func(t *testing.T) {
		dir := mixed(t, ours, theirs, identity...)
		s := open(t, dir, small())
		healthy(t, s)
		if s.Install() != install || len(s.Notes()) == 0 {
			t.Errorf("install %s, notes %v", s.Install(), s.Notes())
		}
		if aside, _ := filepath.Glob(filepath.Join(dir, "identity.*.other-*")); len(aside) != 2 {
			t.Errorf("set aside: %v", aside)
		}
		newIs(t, s)
	})
	t.Run("a stray database", func(t *testing.T) {
		dir := mixed(t, ours, theirs, fileDatabase)
		s := open(t, dir, small())
		degraded(t, s, ErrDatabaseLost)
		if s.Install() != install {
			t.Errorf("install %s, other %s", s.Install(), other)
		}
		newIs(t, s)
	})
	t.Run("a stray journal", func(t *testing.T) {
		dir := mixed(t, ours, theirs, fileJournal)
		s := open(t, dir, small())
		healthy(t, s)
		if rows := history(t, s.Journal(), Query{}); len(rows) != 1 || rows[0].Detail != gapDamaged {
			t.Errorf("%d rows, the newest %+v", len(rows), rows[:min(3, len(rows))])
		}
		if aside, _ := filepath.Glob(filepath.Join(dir, "journal.db.damaged-1")); len(aside) != 1 {
			t.Error("the stray journal is gone")
		}
	})
}

func TestFilesOfANewerLoquet(t *testing.T) {
	_, after, _ := two(t)
	change := func(t *testing.T, file string, statements ...string) string {
		dir := restoreIn(t, shm(t), after)
		db, err := sql.Open("sqlite", filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		for _, s := range statements {
			if _, err := db.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	for _, file := range []string{fileDatabase, fileJournal} {
		t.Run(file, func(t *testing.T) {
			dir := change(t, file, "PRAGMA user_version = 9", "UPDATE meta SET value = '9' WHERE key = 'readable_by'",
				"INSERT INTO meta VALUES ('written_by', '8.1')")
			_, err := Open(t.Context(), dir, small())
			if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), file) || !strings.Contains(err.Error(), "8.1") {
				t.Errorf("open: %v", err)
			}
			dir = change(t, file, "PRAGMA user_version = 9", "CREATE TABLE later (x)")
			s := open(t, dir, small())
			healthy(t, s)
			newIs(t, s)
			write(t, s.Journal(), intent("garage"))
		})
	}
	t.Run("identity", func(t *testing.T) {
		files := maps.Clone(after)
		_, body, _ := bytes.Cut(files[fileIdentityA], []byte("\n"))
		line := []byte(strings.NewReplacer("F", "2", "S", hex32(identitySum(2, body)), "L", num(len(body))).
			Replace("loquet identity F crc32c=S length=L\n"))
		files[fileIdentityA] = append(line, body...)
		_, err := Open(t.Context(), restoreIn(t, shm(t), files), small())
		if !errors.Is(err, ErrNewer) {
			t.Errorf("open: %v", err)
		}
	})
	t.Run("migrations run once, in order", func(t *testing.T) {
		s := open(t, restoreIn(t, shm(t), after), small())
		v, err := version(t.Context(), s.database.conn, s.database.path, applicationDatabase)
		if err != nil || v != 1 {
			t.Errorf("version %d, %v", v, err)
		}
	})
}

// TestABegunInstallIsFinished cuts the making of a folder off after each file.
func TestABegunInstallIsFinished(t *testing.T) {
	s := open(t, shm(t), small())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole := snapshot(t, s.folder.path)
	begun, err := (&identity{Install: s.Install(), Generation: 1, Begun: true, Spaces: map[string]map[string][]byte{}}).encode()
	if err != nil {
		t.Fatal(err)
	}
	half := whole[fileDatabase][:4096]
	for name, files := range map[string]map[string][]byte{
		"the first identity":          {fileIdentityA: begun},
		"an empty database":           {fileIdentityA: begun, fileDatabase: {}},
		"half a database":             {fileIdentityA: begun, fileDatabase: half},
		"a database":                  {fileIdentityA: begun, fileDatabase: whole[fileDatabase]},
		"one of the identity files":   {fileIdentityA: begun, fileDatabase: whole[fileDatabase], fileIdentityB: whole[fileIdentityB]},
		"half of a third":             {fileIdentityA: begun, fileIdentityT: begun[:20], fileDatabase: whole[fileDatabase]},
		"everything but the journal":  {fileIdentityA: whole[fileIdentityA], fileIdentityB: whole[fileIdentityB], fileDatabase: whole[fileDatabase]},
		"an empty journal at the end": {fileIdentityA: whole[fileIdentityA], fileIdentityB: whole[fileIdentityB], fileDatabase: whole[fileDatabase], fileJournal: {}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := restoreIn(t, shm(t), files)
			again := open(t, dir, small())
			healthy(t, again)
			if again.Install() != s.Install() {
				t.Error("another identity than the one that was begun")
			}
			h := furnish(t, again)
			again = reopen(t, again, small())
			h.holds(t, again.Space("homekit", Precious), h.precious, true)
			if _, err := os.Stat(filepath.Join(dir, fileIdentityT)); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("left behind: %v", err)
			}
		})
	}
}

func TestASpaceBecomesPrecious(t *testing.T) {
	s := open(t, shm(t), small())
	apply(t, s.Space("people"), "1", "Ada")
	s.Space("people", Precious)
	if err := s.Memory().Remember(t.Context(), "garage", device.Remembered{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(s.folder.path, fileDatabase)); err != nil {
		t.Fatal(err)
	}
	s = open(t, s.folder.path, small())
	want(t, s.Space("people"), "1", "Ada")
}

func hex32(n uint32) string { return fmt.Sprintf("%08x", n) }

func num(n int) string { return strconv.Itoa(n) }
