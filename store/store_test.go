package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/device"
)

// small keeps the tests off the disk: a reserve of the real size has a test of its own.
func small() Options { return Options{reserve: 64 << 10, manual: true, boot: "boot-1"} }

func open(t testing.TB, dir string, o Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func reopen(t testing.TB, s *Store, o Options) *Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return open(t, s.folder.path, o)
}

func apply(t testing.TB, s *Space, pairs ...string) {
	t.Helper()
	changes := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		changes[pairs[i]] = []byte(pairs[i+1])
	}
	if err := s.Apply(changes); err != nil {
		t.Fatalf("apply: %v", err)
	}
}

func want(t testing.TB, s *Space, key, value string) {
	t.Helper()
	got, ok, err := s.Get(key)
	if err != nil || !ok || string(got) != value {
		t.Errorf("%s/%s = %q, %v, %v; want %q", s.name, key, got, ok, err, value)
	}
}

func write(t testing.TB, j *Journal, e device.Entry) int64 {
	t.Helper()
	seq, err := j.Record(context.Background(), e)
	if err != nil {
		t.Fatalf("record: %v", err)
	}
	return seq
}

// settle waits until every row is where rows go.
func settle(t testing.TB, s *Store) {
	t.Helper()
	if err := s.journal.order(func() {}); err != nil {
		t.Fatal(err)
	}
}

func history(t testing.TB, j *Journal, q Query) []Row {
	t.Helper()
	rows, err := j.History(context.Background(), q)
	if err != nil {
		t.Fatalf("history: %v", err)
	}
	return rows
}

func healthy(t testing.TB, s *Store) {
	t.Helper()
	if reason, degraded := s.Degraded(); degraded {
		t.Fatalf("degraded: %s", reason)
	}
}

func intent(id string) device.Entry {
	return device.Entry{Kind: device.EntryIntent, Device: id, Action: device.ActionOpen,
		Cause: device.Cause{Kind: device.CauseHomeKit, Actor: "8f0e", Place: "bridge"}, State: "closed"}
}

func outcome(id string, of int64) device.Entry {
	return device.Entry{Kind: device.EntryOutcome, Device: id, Intent: of, Outcome: device.OutcomeReached, State: "open"}
}

func TestValuesOutliveTheProcess(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "state"), small())
	install := s.Install()
	pairings, settings := s.Space("homekit", Precious), s.Space("settings")
	apply(t, pairings, "id", "AA:BB", "pairing/1", "one", "pairing/2", "two")
	apply(t, settings, "name", "Villa Rose", "empty", "")
	if err := pairings.Apply(map[string][]byte{"pairing/2": nil, "pairing/3": []byte("three")}); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		s = reopen(t, s, small())
		healthy(t, s)
		if s.Install() != install {
			t.Fatalf("install %s became %s", install, s.Install())
		}
		pairings, settings = s.Space("homekit", Precious), s.Space("settings")
		all, err := pairings.List("pairing/")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string][]byte{"pairing/1": []byte("one"), "pairing/3": []byte("three")}, all); diff != "" {
			t.Error(diff)
		}
		want(t, settings, "name", "Villa Rose")
		want(t, settings, "empty", "")
		if _, ok, err := pairings.Get("pairing/2"); ok || err != nil {
			t.Errorf("a deleted key: %v, %v", ok, err)
		}
		if len(s.Notes()) != 0 {
			t.Errorf("notes after a clean close: %v", s.Notes())
		}
	}
}

func TestFilesArePrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	s := open(t, dir, small())
	apply(t, s.Space("homekit", Precious), "k", "v")
	write(t, s.Journal(), intent("garage"))
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", st.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // the next generation of the identity has got its name meanwhile
		}
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
		names = append(names, e.Name())
	}
	for _, name := range []string{fileDatabase, fileJournal, fileJournal + "-wal", fileAhead, fileIdentityA, fileIdentityB, fileReserve} {
		if !slices.Contains(names, name) {
			t.Errorf("no %s in %v", name, names)
		}
	}
}

func TestKeysAreKeptExactly(t *testing.T) {
	s := open(t, t.TempDir(), small())
	for _, key := range []string{"", "nul\x00", "bad\xff", string(make([]byte, 600))} {
		if err := s.Space("a").Apply(map[string][]byte{key: []byte("v")}); err == nil {
			t.Errorf("%q was taken for a key", key)
		}
	}
	if err := s.Space("").Apply(map[string][]byte{"k": []byte("v")}); err == nil {
		t.Error("a space without a name was taken")
	}
	if _, ok, err := s.Space("a").Get("anything"); ok || err != nil {
		t.Errorf("an empty space: %v, %v", ok, err)
	}
}

func TestAppliedValuesAreCopies(t *testing.T) {
	s := open(t, t.TempDir(), small())
	space := s.Space("a")
	value := []byte("one")
	if err := space.Apply(map[string][]byte{"k": value}); err != nil {
		t.Fatal(err)
	}
	value[0] = 'X'
	got, _, _ := space.Get("k")
	got[1] = 'X'
	want(t, space, "k", "one")
}

func TestMemory(t *testing.T) {
	s := open(t, t.TempDir(), small())
	if r, err := s.Memory().Recall(t.Context(), "garage"); err != nil || !cmp.Equal(r, device.Remembered{}) {
		t.Fatalf("a new device remembers %v, %v", r, err)
	}
	in := device.Remembered{Opens: []time.Duration{12 * time.Second}, Failures: 1, Suspended: true}
	if err := s.Memory().Remember(t.Context(), "garage", in); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, small())
	if r, err := s.Memory().Recall(t.Context(), "garage"); err != nil || !cmp.Equal(r, in) {
		t.Fatalf("remembered %v, %v", r, err)
	}
}

func TestClosedStoreRefuses(t *testing.T) {
	s := open(t, t.TempDir(), small())
	space := s.Space("a")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if err := space.Apply(map[string][]byte{"k": []byte("v")}); !errors.Is(err, ErrClosed) {
		t.Errorf("apply: %v", err)
	}
	if _, _, err := space.Get("k"); !errors.Is(err, ErrClosed) {
		t.Errorf("get: %v", err)
	}
	if _, err := s.Journal().Record(t.Context(), intent("garage")); !errors.Is(err, ErrClosed) {
		t.Errorf("record: %v", err)
	}
	if _, err := s.Journal().History(t.Context(), Query{}); !errors.Is(err, ErrClosed) {
		t.Errorf("history: %v", err)
	}
}

func TestReserveTakesRoom(t *testing.T) {
	o := small()
	o.reserve = reserveSize
	s := open(t, t.TempDir(), o)
	st, err := os.Stat(filepath.Join(s.folder.path, fileReserve))
	if err != nil || st.Size() != 16<<20 {
		t.Errorf("reserve: %v, %v", st, err)
	}
}

func snapshot(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = data
	}
	return out
}

// restore writes a snapshot into a new folder. The -shm file is left out: it dies with the machine.
func restore(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if filepath.Ext(name) == ".db-shm" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func name(i int) string { return fmt.Sprintf("device-%d", i) }

func TestTheWriterIsNoted(t *testing.T) {
	o, dir := small(), shm(t)
	for _, o.Version = range []string{"1.2.3", "1.3.0"} {
		s := open(t, dir, o)
		for file, q := range map[string]querier{fileDatabase: s.database.conn, fileJournal: s.journal.readers} {
			if by, err := meta(t.Context(), q, "written_by"); err != nil || by != o.Version {
				t.Errorf("%s was written by %q, %v", file, by, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
