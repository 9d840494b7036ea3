package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/place"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/internal/sealed"
	"github.com/loquet/loquet/store"
)

const secret = "correct horse battery staple"

// house makes a state folder with a pairing and a row, opened.
func house(t *testing.T) *Source {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Space("homekit/main", store.Precious).Apply(map[string][]byte{"pairing/1": []byte("a key that nobody may read")}); err != nil {
		t.Fatal(err)
	}
	entry := device.Entry{Kind: device.EntryIntent, Device: "garage", Action: device.ActionOpen}
	if _, err := s.Journal().Record(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "loquet.yaml")
	if err := os.WriteFile(config, []byte("home: {name: Villa Rose}\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	return &Source{Store: s, State: dir, Config: config, Version: "1.2.3"}
}

func made(t *testing.T, s *Source) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := s.Backup(t.Context(), secret, &out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func restore(t *testing.T, b []byte, target Target) (Restored, error) {
	t.Helper()
	return Restore(t.Context(), bytes.NewReader(b), secret, target)
}

// holds opens a folder and requires the house in it.
func holds(t *testing.T, dir string, install string) {
	t.Helper()
	s, err := store.Open(t.Context(), dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if s.Install() != install || len(s.Notes()) > 0 || s.Problem() != nil {
		t.Errorf("install %s, notes %v, problem %v", s.Install(), s.Notes(), s.Problem())
	}
	key, ok, err := s.Space("homekit/main", store.Precious).Get("pairing/1")
	if !ok || err != nil || !strings.HasPrefix(string(key), "a key") {
		t.Errorf("the pairing: %q, %t, %v", key, ok, err)
	}
	rows, err := s.Journal().History(t.Context(), store.Query{})
	if err != nil || len(rows) != 2 || rows[1].Device != "garage" {
		t.Errorf("history %+v, %v", rows, err)
	}
	moved, err := place.Here(dir).Moved(s.Space(place.Space))
	if !moved || err != nil {
		t.Errorf("it does not know that it was restored: %t, %v", moved, err)
	}
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestBackupAndRestore(t *testing.T) {
	s := house(t)
	b := made(t, s)
	if bytes.Contains(b, []byte("a key that nobody")) || bytes.Contains(b, []byte("Villa")) {
		t.Error("it can be read without the passphrase")
	}
	if i := slices.IndexFunc(files(t, s.State), func(f string) bool { return strings.HasPrefix(f, ".") }); i >= 0 {
		t.Errorf("left behind: %v", files(t, s.State))
	}
	state := filepath.Join(t.TempDir(), "new", "state")
	config := filepath.Join(t.TempDir(), "loquet.yaml")
	r, err := restore(t, b, Target{State: state, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	if r.Loquet != "1.2.3" || !r.Whole || r.Last != 1 || r.Aside != "" || len(r.Warnings) > 0 {
		t.Errorf("%+v", r)
	}
	want := []string{"identity.a", "identity.b", "journal.db", "loquet.db", "reserve"}
	if got := files(t, state); !slices.Equal(got, want) {
		t.Errorf("files %v", got)
	}
	if text, err := os.ReadFile(config); string(text) != "home: {name: Villa Rose}\n" {
		t.Errorf("configuration %q, %v", text, err)
	}
	holds(t, state, s.Store.Install())
}

func TestRestoreRefuses(t *testing.T) {
	s := house(t)
	b := made(t, s)
	full := t.TempDir()
	if err := os.WriteFile(filepath.Join(full, "loquet.db"), []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "loquet.yaml")
	if err := os.WriteFile(config, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		file       []byte
		passphrase string
		target     Target
		want       error
	}{
		"a folder in use":               {b, secret, Target{State: s.State}, store.ErrLocked},
		"a folder in use, with force":   {b, secret, Target{State: s.State, Force: true}, store.ErrLocked},
		"a folder that is not empty":    {b, secret, Target{State: full}, ErrNotEmpty},
		"a configuration that is there": {b, secret, Target{State: t.TempDir(), Config: config}, os.ErrExist},
		"another passphrase":            {b, secret + "r", Target{State: full, Force: true}, sealed.ErrPassphrase},
		"something else":                {[]byte("PK\x03\x04 and so on\n"), secret, Target{State: full, Force: true}, sealed.ErrFormat},
		"half of it":                    {b[:len(b)/2], secret, Target{State: full, Force: true}, sealed.ErrDamaged},
	} {
		_, err := Restore(t.Context(), bytes.NewReader(tt.file), tt.passphrase, tt.target)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if got := files(t, full); !slices.Equal(got, []string{"loquet.db"}) {
		t.Errorf("a refused restore left %v", got)
	}
	if text, _ := os.ReadFile(config); string(text) != "mine" {
		t.Errorf("the configuration is %q", text)
	}
}

// With force nothing is lost either: what was there is moved aside.
func TestForceMovesAside(t *testing.T) {
	s := house(t)
	b := made(t, s)
	state := t.TempDir()
	for round, want := range []string{"before-restore-1", "before-restore-2"} {
		if round == 0 {
			if err := os.WriteFile(filepath.Join(state, "identity.a"), []byte("older"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, err := restore(t, b, Target{State: state, Force: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Aside != filepath.Join(state, want) || len(r.Warnings) != 1 {
			t.Errorf("%+v", r)
		}
		holds(t, state, s.Store.Install())
	}
	if text, err := os.ReadFile(filepath.Join(state, "before-restore-1", "identity.a")); string(text) != "older" {
		t.Errorf("what was there is %q, %v", text, err)
	}
}

// A socket that a killed bridge left, and what earlier tries left, are no house.
func TestLeftovers(t *testing.T) {
	b := made(t, house(t))
	state := t.TempDir()
	for _, name := range []string{".restore-1", ".backup-2", "lost+found"} {
		if err := os.Mkdir(filepath.Join(state, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := restore(t, b, Target{State: state}); err != nil {
		t.Error(err)
	}
	if got := files(t, state); len(got) != 6 || !slices.Contains(got, "lost+found") {
		t.Errorf("files %v", got)
	}
}

func TestStopped(t *testing.T) {
	s := house(t)
	var out bytes.Buffer
	if err := s.Stopped(t.Context(), secret, &out); !errors.Is(err, store.ErrLocked) {
		t.Errorf("while it is in use: %v", err)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := s.Stopped(t.Context(), secret, &out); err != nil {
		t.Fatal(err)
	}
	if got := files(t, s.State); len(got) != 6 {
		t.Errorf("left behind: %v", got)
	}
	state := t.TempDir()
	if _, err := restore(t, out.Bytes(), Target{State: state}); err != nil {
		t.Fatal(err)
	}
	holds(t, state, s.Store.Install())
	nobody := &Source{State: t.TempDir()}
	if err := nobody.Stopped(t.Context(), secret, io.Discard); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder without a house: %v", err)
	}
}

func TestBackupRefuses(t *testing.T) {
	s := house(t)
	if err := s.Backup(t.Context(), "too short", io.Discard); !errors.Is(err, ErrWeak) {
		t.Error(err)
	}
	s.making.Lock()
	if err := s.Backup(t.Context(), secret, io.Discard); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	s.making.Unlock()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Backup(ended, secret, io.Discard); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	s.Config = filepath.Join(t.TempDir(), "gone.yaml")
	b := made(t, s)
	if r, err := restore(t, b, Target{State: t.TempDir(), Config: filepath.Join(t.TempDir(), "x.yaml")}); err != nil || len(r.Warnings) != 1 {
		t.Errorf("without a configuration: %+v, %v", r, err)
	}
}

// pack makes an archive by hand, to be unpacked.
func pack(t *testing.T, m Manifest, entries ...File) []byte {
	t.Helper()
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	archive := tar.NewWriter(packed)
	write := func(name, content string) {
		kind := byte(tar.TypeReg)
		if strings.HasPrefix(content, "->") {
			kind = tar.TypeSymlink
		}
		head := &tar.Header{Name: name, Typeflag: kind, Linkname: strings.TrimPrefix(content, "->"), Mode: 0o600, Size: int64(len(content))}
		if kind == tar.TypeSymlink {
			head.Size = 0
			content = ""
		}
		if err := archive.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(archive, content); err != nil {
			t.Fatal(err)
		}
	}
	write(manifestName, string(text))
	for _, e := range entries {
		write(e.Name, e.SHA256)
	}
	if err := errors.Join(archive.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Who knows the passphrase may still have sent something else: nothing is written but the four files.
func TestUnpackRefuses(t *testing.T) {
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	var listed, sent []File
	for _, name := range store.Files() {
		listed, sent = append(listed, File{Name: name, SHA256: empty}), append(sent, File{Name: name})
	}
	good := Manifest{Format: format, Files: listed}
	changed := func(do func(m *Manifest, sent []File)) (Manifest, []File) {
		m, s := good, slices.Clone(sent)
		m.Files = slices.Clone(listed)
		do(&m, s)
		return m, s
	}
	if _, err := unpack(t.Context(), bytes.NewReader(pack(t, good, sent...)), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(m *Manifest, sent []File){
		"another format":     func(m *Manifest, _ []File) { m.Format = 2 },
		"a path":             func(m *Manifest, s []File) { m.Files[0].Name, s[0].Name = "../x", "../x" },
		"the same twice":     func(m *Manifest, s []File) { m.Files[1], s[1] = m.Files[0], s[0] },
		"another file":       func(_ *Manifest, s []File) { s[0].Name = "other" },
		"a link":             func(_ *Manifest, s []File) { s[0].SHA256 = "->/etc/passwd" },
		"other content":      func(m *Manifest, s []File) { m.Files[0].Size, s[0].SHA256 = 1, "x" },
		"a negative length":  func(m *Manifest, _ []File) { m.Files[0].Size = -1 },
		"longer than listed": func(_ *Manifest, s []File) { s[0].SHA256 = "x" },
		"a file missing":     func(m *Manifest, _ []File) { m.Files = m.Files[1:] },
	} {
		m, s := changed(do)
		dir := t.TempDir()
		if _, err := unpack(t.Context(), bytes.NewReader(pack(t, m, s...)), dir); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
	}
	more := append(slices.Clone(sent), File{Name: "more"})
	for name, b := range map[string][]byte{
		"no archive":       []byte("hello"),
		"nothing":          nil,
		"a file too many":  pack(t, good, more...),
		"a file too few":   pack(t, good, sent[1:]...),
		"without manifest": pack(t, good)[:20],
	} {
		if _, err := unpack(t.Context(), bytes.NewReader(b), t.TempDir()); !errors.Is(err, ErrContent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		if _, err := unpack(t.Context(), bytes.NewReader(b), filepath.Join(dir)); err == nil {
			t.Skip("a whole archive")
		}
		for _, name := range files(t, dir) {
			if !slices.Contains(append(store.Files(), "codes.key", configName), name) {
				t.Errorf("wrote %q", name)
			}
		}
	})
}

func TestConfiguration(t *testing.T) {
	s := house(t)
	if text, err := s.Configuration(); string(text) != "home: {name: Villa Rose}\n" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	for _, path := range []string{"", filepath.Join(t.TempDir(), "gone.yaml")} {
		s.Config = path
		if _, err := s.Configuration(); !errors.Is(err, api.ErrNotFound) {
			t.Errorf("%q: %v", path, err)
		}
	}
}
