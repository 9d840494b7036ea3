package store

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"pgregory.net/rapid"
)

// TestSpacesAgainstAModel applies changes, lets steps of the disk fail, closes, kills and reopens. Spaces
// must hold what a map in memory holds: every change whole or not at all.
func TestSpacesAgainstAModel(t *testing.T) {
	base := shm(t)
	if racing { // SQLite takes ten times as long there: `make unit` has all of them
		fewer(t, 20)
	}
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(base, "")
		if err != nil {
			t.Fatal(err)
		}
		f := &faulty{}
		m := &model{t: t, f: f, dir: dir, spaces: map[string]map[string]string{"plain": {}, "precious": {}}}
		m.open()
		m.install = m.s.Install()
		defer func() { m.s.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"apply":        func(t *rapid.T) { m.apply(t, nil) },
			"apply, fails": func(t *rapid.T) { m.apply(t, syscall.EIO) },
			"reopen": func(*rapid.T) {
				if err := m.s.Close(); err != nil {
					t.Fatal(err)
				}
				m.open()
			},
			"kill": func(*rapid.T) { m.kill() },
			"":     func(*rapid.T) { m.check() },
		})
	})
}

// fewer sets how many cases rapid tries in this test.
func fewer(t *testing.T, checks int) {
	t.Helper()
	f := flag.Lookup("rapid.checks")
	before := f.Value.String()
	if err := f.Value.Set(strconv.Itoa(checks)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Value.Set(before) })
}

type model struct {
	t       *rapid.T
	f       *faulty
	dir     string
	install string
	s       *Store
	spaces  map[string]map[string]string
}

func (m *model) open() {
	s, err := Open(m.t.Context(), m.dir, m.f.options())
	if err != nil {
		m.t.Fatalf("open: %v", err)
	}
	if reason, degraded := s.Degraded(); degraded {
		m.t.Fatalf("degraded: %s", reason)
	}
	m.s = s
}

// kill goes on with a copy of the files as they are now.
func (m *model) kill() {
	files := snapshotOf(m.t, m.dir)
	m.s.Close()
	m.dir += "+"
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		m.t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(m.dir+"/"+name, data, 0o600); err != nil {
			m.t.Fatal(err)
		}
	}
	m.open()
}

func (m *model) space(name string) *Space {
	if name == "precious" {
		return m.s.Space(name, Precious)
	}
	return m.s.Space(name)
}

func (m *model) apply(t *rapid.T, failure error) {
	name := rapid.SampledFrom([]string{"plain", "precious"}).Draw(t, "space")
	keys := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-d]/?[0-3]`), 1, 5, rapid.ID).Draw(t, "keys")
	changes := map[string][]byte{}
	for _, key := range keys {
		if rapid.Bool().Draw(t, "delete") {
			changes[key] = nil
		} else {
			changes[key] = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "value")
		}
	}
	m.space(name)
	if failure != nil {
		at := rapid.SampledFrom([]*atomic.Pointer[error]{&m.f.create, &m.f.rename, &m.f.dir, &m.f.database}).Draw(t, "step")
		fail(at, failure)
		defer at.Store(nil)
	}
	err := m.space(name).Apply(changes)
	if err == nil {
		for key, value := range changes {
			if value == nil {
				delete(m.spaces[name], key)
			} else {
				m.spaces[name][key] = string(value)
			}
		}
		if _, degraded := m.s.Degraded(); !degraded {
			return
		}
	} else if !errors.Is(err, failure) || !errors.Is(err, ErrDegraded) {
		t.Fatalf("apply: %v", err)
	}
	// Degraded: what it shows must be the model already, and again after the restart that follows.
	m.check()
	m.f.create.Store(nil)
	m.f.rename.Store(nil)
	m.f.dir.Store(nil)
	m.f.database.Store(nil)
	m.s.Close()
	m.open()
}

func (m *model) check() {
	if m.s.Install() != m.install {
		m.t.Fatal("a new identity")
	}
	for name, model := range m.spaces {
		all, err := m.space(name).List("")
		if err != nil {
			m.t.Fatal(err)
		}
		got := map[string]string{}
		for key, value := range all {
			got[key] = string(value)
		}
		if !maps.Equal(got, model) {
			m.t.Fatalf("%s holds %v, want %v", name, got, model)
		}
		for _, prefix := range []string{"a", "b/"} {
			some, err := m.space(name).List(prefix)
			if err != nil {
				m.t.Fatal(err)
			}
			for _, key := range slices.Collect(maps.Keys(model)) {
				if _, listed := some[key]; listed != strings.HasPrefix(key, prefix) {
					m.t.Fatalf("list %q: %s %v", prefix, key, listed)
				}
			}
		}
	}
}

func FuzzIdentity(f *testing.F) {
	id := &identity{Install: "0123", Generation: 7, Holes: []string{"x"},
		Spaces: map[string]map[string][]byte{"homekit": {"a": []byte("1"), "b": {}}, "empty": {}}}
	good, err := id.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte("loquet identity 1 crc32c=00000000 length=0\n"))
	f.Add([]byte("loquet identity 9 crc32c=00000000 length=-1\n{}"))
	body := []byte(`{"install":"x","generation":1,"spaces":{"a":null,"b":{"c":null}}}`)
	f.Add(append(fmt.Appendf(nil, identityLine, 1, identitySum(1, body), len(body)), body...))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeIdentity("identity.a", data)
		if err != nil {
			var p *Problem
			if got != nil || !errors.As(err, &p) {
				t.Fatalf("%v, %v", got, err)
			}
			return
		}
		again, err := got.encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := decodeIdentity("identity.b", again)
		if err != nil || !sameIdentity(got, back) || got.Generation != back.Generation {
			t.Fatalf("%+v became %+v, %v", got, back, err)
		}
		contentOf(got).with("a", contentOf(got).space("a").with(map[string][]byte{"k": []byte("v")}))
	})
}

func FuzzAside(f *testing.F) {
	f.Add([]byte(`{"seq":1,"kind":"intent"}` + "\n" + `{"seq":2}` + "\n" + `{"seq":2}` + "\n" + `{"seq"`))
	f.Add([]byte("\n\n{}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		path := dir + "/journal.jsonl"
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		rows, _ := readAside(path)
		last := int64(0)
		for _, r := range rows {
			if r.Seq <= last {
				t.Fatalf("number %d after %d", r.Seq, last)
			}
			last = r.Seq
		}
	})
}
