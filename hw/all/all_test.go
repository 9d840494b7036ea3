package all_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
)

// Every driver says what it is, and each of its settings what it does: that is all the documentation and
// the schema are made from.
func TestDriversExplainThemselves(t *testing.T) {
	explain(t, "opener", all.Openers())
	explain(t, "bolt", all.Bolts())
	explain(t, "sensor", all.Sensors())
	explain(t, "board", all.Boards())
	explain(t, "keypad", all.Keypads())
}

func explain[D any](t *testing.T, kind string, r *hw.Registry[D]) {
	if len(slices.Collect(r.Names())) == 0 {
		t.Errorf("there is no %s", kind)
	}
	for d := range r.All() {
		if d.Doc == "" || strings.Contains(d.Doc, "\n") {
			t.Errorf("%s %s: the doc %q is not one line", kind, d.Name, d.Doc)
		}
		for _, f := range reflect.VisibleFields(d.Config) {
			if f.Anonymous {
				continue // its fields stand beside the others
			}
			if f.Tag.Get("yaml") == "" || f.Tag.Get("jsonschema_description") == "" {
				t.Errorf("%s %s: the setting %s has no name or no description", kind, d.Name, f.Name)
			}
			if line := f.Tag.Get("line"); f.Type == reflect.TypeFor[hw.Ref]() && line != "output" && line != "input" {
				t.Errorf("%s %s: %s is a line, but is it an output or an input?", kind, d.Name, f.Name)
			}
		}
		_, err := r.Load(d.Name, nil)
		if kind == "board" && (d.Name == "sim" || d.Name == "gpio") {
			if err != nil {
				t.Errorf("board %s needs no settings, but: %v", d.Name, err)
			}
			continue
		}
		// Without a line, no other driver has enough to open: the defaults alone must be refused with a remedy.
		fields := hw.FieldErrors(err)
		if len(fields) == 0 {
			t.Errorf("%s %s: the defaults alone give %v, want a FieldError", kind, d.Name, err)
		}
		for _, field := range fields {
			if field.Remedy == "" {
				t.Errorf("%s %s: %v has no remedy", kind, d.Name, field)
			}
		}
	}
}

// Every package with a driver runs the suite that its kind of driver must pass: hwtest, or boardtest, which runs hwtest on a
// board in its frame.
func TestEveryDriverPassesTheSuite(t *testing.T) {
	folders, err := filepath.Glob("../*")
	if err != nil {
		t.Fatal(err)
	}
	drivers := 0
	for _, folder := range folders {
		if !mentions(t, folder, "hw.New(", false) {
			continue
		}
		drivers++
		if !mentions(t, folder, "hwtest.Test", true) && !mentions(t, folder, "boardtest.Test", true) {
			t.Errorf("%s has a driver and does not run hwtest on it", filepath.Base(folder))
		}
	}
	if !mentions(t, "../board/boardtest", "hwtest.Test", false) {
		t.Error("boardtest does not run hwtest")
	}
	if drivers < 6 {
		t.Errorf("%d packages with drivers: the search is wrong", drivers)
	}
}

// mentions searches the tests of a folder, or everything else in it.
func mentions(t *testing.T, folder, word string, tests bool) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") == tests && strings.Contains(string(b), word) {
			return true
		}
	}
	return false
}
