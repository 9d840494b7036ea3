package store

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
)

// house is what a damaged folder must still say, or say that it cannot.
type house struct {
	install  string
	precious map[string]string
	plain    map[string]string
}

func furnish(t testing.TB, s *Store) house {
	t.Helper()
	h := house{install: s.Install(), precious: map[string]string{}, plain: map[string]string{}}
	homekit, settings := s.Space("homekit", Precious), s.Space("settings")
	for i := range 12 {
		key, value := fmt.Sprintf("pairing/%d", i), strings.Repeat(fmt.Sprint(i), 40*i+1)
		apply(t, homekit, key, value)
		h.precious[key] = value
		apply(t, settings, key, value+"!")
		h.plain[key] = value + "!"
	}
	for i := range 40 {
		seq := write(t, s.Journal(), intent(name(i%3)))
		write(t, s.Journal(), outcome(name(i%3), seq))
	}
	err := s.Memory().Remember(t.Context(), "garage", device.Remembered{LockedOut: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Journal().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

type damage struct {
	name string
	do   func(files map[string][]byte, file string)
}

// damages cuts, flips, empties and removes.
func damages(r *rand.Rand, size, flips int) []damage {
	out := []damage{
		{"missing", func(files map[string][]byte, file string) { delete(files, file) }},
		{"zeroed", func(files map[string][]byte, file string) { files[file] = make([]byte, len(files[file])) }},
		{"of another world", func(files map[string][]byte, file string) {
			files[file] = []byte(strings.Repeat("all work and no play\n", 500))
		}},
	}
	if size == 0 {
		return out
	}
	cuts := []int{0, 1, 15, 16, 99, 100, 101, 511, 512, 1024, 4095, 4096, 4097, 8192, size / 3, size / 2, size - 4096, size - 1}
	for _, at := range cuts {
		if at < 0 || at >= size {
			continue
		}
		out = append(out, damage{fmt.Sprintf("cut at %d", at), func(files map[string][]byte, file string) {
			files[file] = slices.Clone(files[file][:at])
		}})
	}
	for i := range flips {
		bit := r.IntN(size * 8)
		if i < flips/4 {
			bit = r.IntN(min(size, 160) * 8) // headers are where it hurts
		}
		out = append(out, damage{fmt.Sprintf("bit %d flipped", bit), func(files map[string][]byte, file string) {
			files[file] = slices.Clone(files[file])
			files[file][bit/8] ^= 1 << (bit % 8)
		}})
	}
	out = append(out, damage{"a page of zeros", func(files map[string][]byte, file string) {
		files[file] = slices.Clone(files[file])
		at := r.IntN(max(1, size/4096)) * 4096
		clear(files[file][at:min(size, at+4096)])
	}})
	return out
}

// openDamaged opens a damaged folder and holds it against the house. It returns nil if Open refused.
func (h house) openDamaged(t *testing.T, dir string, single bool) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, small())
	if err != nil {
		var p *Problem
		if !errors.As(err, &p) || p.Remedy == "" {
			t.Errorf("no remedy in: %v", err)
		}
		if single {
			t.Errorf("one damaged file keeps the house locked: %v", err)
		}
		return nil
	}
	defer s.Close()
	if s.Install() != h.install {
		t.Fatalf("a new identity: %s instead of %s", s.Install(), h.install)
	}
	h.holds(t, s.Space("homekit", Precious), h.precious, single)
	h.holds(t, s.Space("settings"), h.plain, false)
	if r, err := s.Memory().Recall(t.Context(), "garage"); err == nil && !r.LockedOut {
		t.Error("a lock-out was forgotten")
	}
	seq, err := s.Journal().Record(t.Context(), intent("garage"))
	if err != nil {
		t.Errorf("no door moves: %v", err)
	}
	if rows, err := s.Journal().History(t.Context(), Query{Limit: 1}); err != nil || len(rows) != 1 || rows[0].Seq != seq {
		t.Errorf("history after damage: %v, %v", rows, err)
	}
	return s
}

// holds checks that nothing that was acknowledged reads as absent or as something else.
func (h house) holds(t *testing.T, s *Space, want map[string]string, must bool) {
	t.Helper()
	for key, value := range want {
		got, ok, err := s.Get(key)
		switch {
		case err == nil && !ok:
			t.Errorf("%s/%s reads as absent", s.name, key)
		case err == nil && string(got) != value:
			t.Errorf("%s/%s reads %q", s.name, key, got)
		case err != nil && must:
			t.Errorf("%s/%s: %v", s.name, key, err)
		}
	}
	if all, err := s.List(""); err == nil && len(all) != len(want) {
		t.Errorf("%s lists %d of %d", s.name, len(all), len(want))
	}
}

// TestDamage damages every file of a closed folder, and of one whose process was killed, in every way.
func TestDamage(t *testing.T) {
	flips := 40
	if testing.Short() || racing {
		flips = 4
	}
	s := open(t, shm(t), small())
	h := furnish(t, s)
	killed := snapshot(t, s.folder.path)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	closed := snapshot(t, s.folder.path)
	for state, files := range map[string]map[string][]byte{"closed": closed, "killed": killed} {
		for _, file := range slices.Sorted(maps.Keys(files)) {
			if filepath.Ext(file) == ".db-shm" {
				continue
			}
			r := rand.New(rand.NewPCG(1, uint64(len(file))))
			for _, d := range damages(r, len(files[file]), flips) {
				t.Run(state+"/"+file+"/"+d.name, func(t *testing.T) {
					hurt := maps.Clone(files)
					d.do(hurt, file)
					dir := restoreIn(t, shm(t), hurt)
					h.openDamaged(t, dir, true)
					h.openDamaged(t, dir, true) // what the first start did holds as well
				})
			}
		}
	}
}

// TestDamageTwice damages two files at once: it may refuse, it may not make things up.
func TestDamageTwice(t *testing.T) {
	s := open(t, shm(t), small())
	h := furnish(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files := snapshot(t, s.folder.path)
	r := rand.New(rand.NewPCG(7, 7))
	rounds := 300
	if testing.Short() || racing {
		rounds = 40
	}
	names := slices.Sorted(maps.Keys(files))
	for i := range rounds {
		hurt := maps.Clone(files)
		var what []string
		for range 2 + r.IntN(2) {
			file := names[r.IntN(len(names))]
			if len(hurt[file]) == 0 {
				continue
			}
			all := damages(r, len(hurt[file]), 6)
			d := all[r.IntN(len(all))]
			d.do(hurt, file)
			what = append(what, file+" "+d.name)
		}
		t.Run(fmt.Sprint(i, " ", strings.Join(what, ", ")), func(t *testing.T) {
			dir := restoreIn(t, shm(t), hurt)
			if s := h.openDamaged(t, dir, false); s == nil {
				if after := snapshot(t, dir); !maps.EqualFunc(after, hurt, slices.Equal[[]byte]) {
					t.Error("a folder that was refused was changed")
				}
			}
		})
	}
}

// shm returns a folder in memory where there is one: these tests wait for thousands of syncs.
func shm(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "loquet-store-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func restoreIn(t testing.TB, dir string, files map[string][]byte) string {
	t.Helper()
	for name, data := range files {
		if filepath.Ext(name) == ".db-shm" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLossIsAcceptedOnlyByWord(t *testing.T) {
	s := open(t, shm(t), small())
	furnish(t, s)
	if _, err := s.database.conn.ExecContext(t.Context(), "DELETE FROM kv WHERE space='settings' AND key='pairing/3'"); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, small())
	settings := s.Space("settings")
	for _, key := range []string{"pairing/3", "never"} {
		if _, _, err := settings.Get(key); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", key, err)
		}
	}
	apply(t, settings, "pairing/3", "again")
	want(t, settings, "pairing/3", "again")
	s = reopen(t, s, small())
	settings = s.Space("settings")
	if _, err := settings.List(""); !errors.Is(err, ErrDamaged) {
		t.Errorf("the hole was forgotten: %v", err)
	}
	if err := settings.AcceptLoss(); err != nil {
		t.Fatal(err)
	}
	s = reopen(t, s, small())
	if all, err := s.Space("settings").List(""); err != nil || len(all) != 12 {
		t.Errorf("after accepting: %d, %v", len(all), err)
	}
}

// TestASpaceThatVanishes: not even its name is left, so any name may have been it.
func TestASpaceThatVanishes(t *testing.T) {
	s := open(t, shm(t), small())
	furnish(t, s)
	for _, statement := range []string{"DELETE FROM kv WHERE space = 'settings'", "DELETE FROM spaces WHERE space = 'settings'"} {
		if _, err := s.database.conn.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		s = reopen(t, s, small())
		for _, name := range []string{"settings", "never"} {
			if _, ok, err := s.Space(name).Get("pairing/1"); ok || !errors.Is(err, ErrDamaged) {
				t.Errorf("%s: %v, %v", name, ok, err)
			}
		}
		if all, err := s.Space("homekit", Precious).List(""); err != nil || len(all) != 12 {
			t.Errorf("a space that is whole: %d, %v", len(all), err)
		}
	}
	if err := s.Space("settings").AcceptLoss(); err != nil {
		t.Fatal(err)
	}
	apply(t, s.Space("settings"), "a", "b")
	s = reopen(t, s, small())
	if all, err := s.Space("settings").List(""); err != nil || len(all) != 1 {
		t.Errorf("after accepting: %d, %v", len(all), err)
	}
}
