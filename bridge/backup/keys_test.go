package backup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// The keys for PINs and readers go with the house, running or not; what else lies there does not.
func TestKeysGoWithTheHouse(t *testing.T) {
	s := house(t)
	for name, text := range map[string]string{"codes.key": "the key for PINs", "reader-front-pad.key": "the key of a reader", "other.key": "no", "reader-x.key.pending": "no"} {
		if err := os.WriteFile(filepath.Join(s.State, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b := made(t, s)
	state := filepath.Join(t.TempDir(), "state")
	if _, err := restore(t, b, Target{State: state}); err != nil {
		t.Fatal(err)
	}
	want := []string{"codes.key", "identity.a", "identity.b", "journal.db", "loquet.db", "reader-front-pad.key", "reserve"}
	if got := files(t, state); !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	text, err := os.ReadFile(filepath.Join(state, "codes.key"))
	info, statErr := os.Stat(filepath.Join(state, "codes.key"))
	if err := errors.Join(err, statErr); err != nil || string(text) != "the key for PINs" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q, %v", text, err)
	}
	holds(t, state, s.Store.Install())
}

func TestManifestOfKeys(t *testing.T) {
	own := []File{{Name: "journal.db"}, {Name: "loquet.db"}, {Name: "identity.b"}, {Name: "identity.a"}}
	for _, c := range []struct {
		more []File
		good bool
	}{
		{nil, true},
		{[]File{{Name: configName}}, true},
		{[]File{{Name: "codes.key", Size: 65}, {Name: "reader-a.key"}, {Name: configName}}, true},
		{[]File{{Name: "reader-a.key"}, {Name: "codes.key"}}, false},
		{[]File{{Name: "codes.key"}, {Name: "codes.key"}}, false},
		{[]File{{Name: configName}, {Name: "codes.key"}}, false},
		{[]File{{Name: "../codes.key"}}, false},
		{[]File{{Name: "reader-A.key"}}, false},
		{[]File{{Name: "codes.key", Size: mostKey + 1}}, false},
	} {
		m := Manifest{Files: append(slices.Clone(own), c.more...)}
		if err := m.check(); (err == nil) != c.good || err != nil && !errors.Is(err, ErrContent) {
			t.Errorf("%v: %v", c.more, err)
		}
	}
	if err := (&Manifest{Files: own[:3]}).check(); err == nil {
		t.Error("a house without its identity")
	}
}
