package bridge

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/loquet/loquet/bridge/simulated"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

var update = flag.Bool("update", false, "write the generated pages under docs")

// current compares a generated page with the one that is checked in.
func current(t *testing.T, path string, want []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s is not what the program says (%v): run go test ./bridge -run Docs -update", path, err)
	}
}

func TestDocsSchemaIsCurrent(t *testing.T) {
	schema, err := config.Schema(Catalog())
	if err != nil {
		t.Fatal(err)
	}
	current(t, "../docs/loquet.schema.json", append(bytes.TrimSpace(schema), '\n'))
}

func TestDocsHealthIsCurrent(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# What can be wrong\n\n" +
		"`loquet doctor`, the page and the API show what is wrong now in the same words. This page is made from\n" +
		"them: every problem that loquet knows, what it means for the house, and what to do.\n\n")
	if err := health.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	current(t, "../docs/health.md", b.Bytes())
}

// yamlBlocks are the examples of a page.
func yamlBlocks(t *testing.T, path string) []string {
	t.Helper()
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// Every example of the page is a configuration that loquet takes, and every section has one.
func TestDocsConfigurationExamples(t *testing.T) {
	const path = "../docs/configuration.md"
	given := map[string]bool{}
	for _, block := range yamlBlocks(t, path) {
		for _, m := range regexp.MustCompile(`(?m)^([a-z]+):`).FindAllStringSubmatch(block, -1) {
			given[m[1]] = true
		}
		text := block
		if !strings.Contains(block, "boards:") {
			text += "boards:\n  house: {driver: sim}\n"
		}
		if _, _, err := config.ReadBytes("configuration.md", []byte(text), Catalog()); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
	}
	absent := Catalog().Absent
	for i := range reflect.TypeFor[config.Config]().NumField() {
		name, _, _ := strings.Cut(reflect.TypeFor[config.Config]().Field(i).Tag.Get("yaml"), ",")
		if name != "" && absent[name] == "" && !given[name] {
			t.Errorf("%s has no example of the section %s", path, name)
		}
		if given[name] && absent[name] != "" {
			t.Errorf("%s shows %s, but %s", path, name, absent[name])
		}
	}
}

// Every example is a house that starts, knows where its doors are, and moves nothing.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../examples/*.yaml")
	if err != nil || len(files) < 5 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := newResidence(t, string(text))
			cfg, warnings, err := config.Read(r.file, Catalog())
			if err != nil {
				t.Fatal(err)
			}
			r.opts.Config, r.opts.Warnings = cfg, warnings
			if r.App, err = New(r.opts); err != nil {
				t.Fatal(err)
			}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(r.stop)
			for _, d := range r.Devices() {
				r.await(d.ID+" known", func() bool {
					_, missing := r.problem(health.DeviceUnavailable, d.ID)
					elsewhere := bytes.Contains(text, []byte("gpio:")) || bytes.Contains(text, []byte("driver: esphome"))
					if missing && elsewhere { // e2e/gpio has the chips, e2e/lan the board
						return true
					}
					now, _ := r.Device(d.ID)
					return now.Available && now.State.Position != "unknown" && now.State.Bolt != "unknown"
				})
				if s, ok := (simulated.House{World: r.simulated}).Sim(d.ID); ok && s.PulsesTotal != 0 {
					t.Errorf("%s: %d pulses", d.ID, s.PulsesTotal)
				}
			}
			if len(r.Devices()) == 0 || len(r.ready().HomeKit) == 0 {
				t.Error("nothing is served")
			}
		})
	}
}
