package place

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type memory struct {
	records map[string][]byte
	damaged error
	writes  int
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	v, ok := m.records[key]
	return v, ok, m.damaged
}

func (m *memory) Apply(changes map[string][]byte) error {
	m.writes++
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for k, v := range changes {
		m.records[k] = v
	}
	return nil
}

func machine(t *testing.T, id string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "machine-id")
	if err := os.WriteFile(path, []byte(id+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMoved(t *testing.T) {
	ours, other := machine(t, "8f0e6d1c"), machine(t, "11112222")
	folder := t.TempDir()
	home := here(folder, ours)
	settled := func() *memory {
		m := &memory{}
		if err := home.Settle(m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	restored := settled()
	if err := Unsettle(restored); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(folder, link); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		s    *memory
		at   Place
		want bool
	}{
		"never used":            {&memory{}, home, false},
		"as it was":             {settled(), home, false},
		"through a link":        {settled(), here(link, ours), false},
		"another machine":       {settled(), here(folder, other), true},
		"another folder":        {settled(), here(t.TempDir(), ours), true},
		"the machine's id lost": {settled(), here(folder, "/nonexistent"), true},
		"restored in its place": {restored, home, true},
	} {
		if got, err := tt.at.Moved(tt.s); got != tt.want || err != nil {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
	if err := home.Settle(restored); err != nil {
		t.Fatal(err)
	}
	if moved, err := home.Moved(restored); moved || err != nil {
		t.Errorf("settled after a restore: %t, %v", moved, err)
	}
}

// What cannot be read may be anything.
func TestDamagedNote(t *testing.T) {
	lost := errors.New("damaged")
	for name, s := range map[string]*memory{
		"damaged": {damaged: lost},
		"no JSON": {records: map[string][]byte{key: []byte("{")}},
	} {
		if moved, err := Here(t.TempDir()).Moved(s); !moved || err == nil {
			t.Errorf("%s: %t, %v", name, moved, err)
		}
	}
}

func TestSettleWritesOnce(t *testing.T) {
	m := &memory{}
	p := here(t.TempDir(), machine(t, "8f0e6d1c"))
	for range 3 {
		if err := p.Settle(m); err != nil {
			t.Fatal(err)
		}
	}
	if m.writes != 1 {
		t.Errorf("%d writes", m.writes)
	}
	if strings.Contains(string(m.records[key]), "8f0e6d1c") {
		t.Error("the machine's own id is in the note")
	}
}
