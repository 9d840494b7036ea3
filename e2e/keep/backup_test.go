package keep

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// A backup of the running bridge, put into another folder, is the same house: the phone connects
// without pairing and sees the same accessories under the same numbers.
func TestThePairingHolds(t *testing.T) {
	q := lab.Start(t, e2e.Options{})
	p := pair(t, q.Bridge(t))
	before := p.see(t, q.Bridge(t).Addr)
	q.Command(t, "front", "unlock")
	file := backupOf(t, q.Options.State)
	id := q.Bridge(t).DeviceID
	q.Stop(t)

	state := filepath.Join(e2e.TempDir(t), "new")
	out := mustLoquet(t, "restore", file, "--state", state, "--passphrase-file", phraseFile(t, phrase))
	if !strings.Contains(out, "holds the house of") {
		t.Errorf("it says %q", out)
	}
	again := q.Again(t, func(o *e2e.Options) { o.State = state })
	b := again.Bridge(t)
	if b.DeviceID != id || !b.Paired || b.SetupCode != "" {
		t.Errorf("the bridge after the restore: %+v", b)
	}
	after := p.see(t, b.Addr)
	if shape(t, before) != shape(t, after) {
		t.Errorf("the phone saw\n%s\nand sees\n%s", before, after)
	}
	rows := again.History(t, "")
	if !slices.ContainsFunc(rows, func(r e2e.Row) bool { return r.Device == "front" && r.Kind == "intent" }) {
		t.Error("history lost what was before the backup")
	}
	if !slices.ContainsFunc(rows, func(r e2e.Row) bool { return strings.HasPrefix(r.Detail, "gap: put back from a copy") }) {
		t.Error("history does not say that it was put back")
	}
	mustLoquet(t, "history", "verify", "--state", state)
}

// shape is what a phone knows an accessory by: ids and types, without values.
func shape(t *testing.T, accessories string) string {
	t.Helper()
	var served struct {
		Accessories []struct {
			AID      int `json:"aid"`
			Services []struct {
				IID             int    `json:"iid"`
				Type            string `json:"type"`
				Characteristics []struct {
					IID  int    `json:"iid"`
					Type string `json:"type"`
				} `json:"characteristics"`
			} `json:"services"`
		} `json:"accessories"`
	}
	if err := json.Unmarshal([]byte(accessories), &served); err != nil || len(served.Accessories) < 2 {
		t.Fatalf("%v: %s", err, accessories)
	}
	text, err := json.Marshal(served)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The files of a stopped bridge do as well, and are left as they were.
func TestBackupOfAStoppedHouse(t *testing.T) {
	q := lab.Start(t, e2e.Options{})
	p := pair(t, q.Bridge(t))
	q.Kill(t) // not even closed
	file := backupOf(t, q.Options.State)
	state := filepath.Join(e2e.TempDir(t), "new")
	mustLoquet(t, "restore", file, "--state", state, "--passphrase-file", phraseFile(t, phrase))
	again := q.Again(t, func(o *e2e.Options) { o.State = state })
	p.see(t, again.Bridge(t).Addr)
	again.Stop(t)
	old := q.Again(t, nil)
	p.see(t, old.Bridge(t).Addr)
}

// Whatever is wrong with a backup or with the folder, nothing that is there changes.
func TestRefusedRestores(t *testing.T) {
	q := lab.Start(t, e2e.Options{})
	p := pair(t, q.Bridge(t))
	file := backupOf(t, q.Options.State)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.backup")
	if err := os.WriteFile(cut, whole[:len(whole)-100], 0o600); err != nil {
		t.Fatal(err)
	}
	restore := func(file, phrase string, more ...string) int {
		_, status := loquet(t, append([]string{"restore", file, "--state", q.Options.State, "--passphrase-file", phraseFile(t, phrase)}, more...)...)
		return status
	}
	if restore(file, phrase, "--force") != 1 {
		t.Error("restored into the folder of a running bridge")
	}
	q.Stop(t)
	for name, status := range map[string]int{
		"a folder that holds a house": restore(file, phrase),
		"another passphrase":          restore(file, phrase+"r", "--force"),
		"a backup that is cut off":    restore(cut, phrase, "--force"),
	} {
		if status != 1 {
			t.Errorf("%s: status %d", name, status)
		}
	}
	again := q.Again(t, nil)
	p.see(t, again.Bridge(t).Addr)
	again.Stop(t)
	if restore(file, phrase, "--force") != 0 {
		t.Error("not restored with force")
	}
	last := q.Again(t, nil)
	p.see(t, last.Bridge(t).Addr)
	if _, err := os.Stat(filepath.Join(q.Options.State, "before-restore-1", "loquet.db")); err != nil {
		t.Errorf("what was there before: %v", err)
	}
}

func TestExport(t *testing.T) {
	q := lab.Start(t, e2e.Options{})
	pair(t, q.Bridge(t))
	q.Command(t, "front", "unlock")
	folder := filepath.Join(t.TempDir(), "house")
	mustLoquet(t, "export", folder, "--state", q.Options.State)
	text, err := os.ReadFile(filepath.Join(folder, "history.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	prev := ""
	for line := range strings.Lines(string(text)) {
		var row struct{ Prev, Hash string }
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if prev != "" && row.Prev != prev {
			t.Errorf("the chain is broken at %s", line)
		}
		prev = row.Hash
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if code := q.Bridge(t).SetupCode; code != "" && strings.Contains(string(b), code) {
			t.Errorf("%s holds the setup code", e.Name())
		}
		if strings.HasSuffix(e.Name(), ".json") && !json.Valid(b) {
			t.Errorf("%s is no JSON", e.Name())
		}
	}
}
