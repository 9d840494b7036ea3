package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/config"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Each file of testdata breaks one rule and is named after it (a word after a dot tells two files
// of one rule apart). Its golden file is everything that an owner gets to read.
func TestRules(t *testing.T) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d files in testdata, %v", len(files), err)
	}
	for _, file := range files {
		base := strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(base, func(t *testing.T) {
			_, warnings, err := config.Read(file, catalog())
			found := warnings
			var all config.Errors
			if errors.As(err, &all) {
				found = append(found, all...)
			} else if err != nil {
				t.Fatal(err)
			}
			rule, _, _ := strings.Cut(base, ".")
			if rule == "good" != (len(found) == 0) {
				t.Errorf("found %d, want none only in good files", len(found))
			}
			named := rule == "good"
			var text strings.Builder
			for _, f := range found {
				named = named || f.Rule == rule
				text.WriteString(f.String() + "\n\n")
				if f.What == "" || f.Remedy == "" || f.Line == 0 || f.Excerpt == "" || f.File == "" {
					t.Errorf("incomplete: %+v", f)
				}
			}
			if !named {
				t.Errorf("rule %q did not speak:\n%s", rule, text.String())
			}
			golden := strings.TrimSuffix(file, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(text.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), text.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every rule in the code has a file that breaks it.
func TestEveryRuleHasAFile(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	call := regexp.MustCompile(`(?:\.fail|\.warn|\.finding|\.oneOf|d\.report|refuse)\((?:t, )?"([a-z-]+)"`)
	rules := 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		code, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range call.FindAllStringSubmatch(string(code), -1) {
			rules++
			files, err := filepath.Glob("testdata/" + m[1] + "*.yaml")
			if err != nil || len(files) == 0 {
				t.Errorf("%s: no file breaks the rule %q", source, m[1])
			}
		}
	}
	if rules < 50 {
		t.Errorf("only %d rules found: has their spelling changed?", rules)
	}
}
