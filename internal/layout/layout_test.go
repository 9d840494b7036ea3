package layout

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const module = "github.com/loquet/loquet"

// maxBridgeLines keeps bridge to what it is for: build, start, stop, supervise.
const maxBridgeLines = 1500

type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	Doc        string
	Standard   bool
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,Doc", "./...")
	cmd.Dir = root(t)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var ps []pkg
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return ps
		} else if err != nil {
			t.Fatal(err)
		}
		ps = append(ps, p)
	}
}

func root(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func match(rule, path string) bool {
	if tree, ok := strings.CutSuffix(rule, "/..."); ok {
		return strings.HasPrefix(path, tree+"/")
	}
	return rule == path
}

func ruleFor(path string) (Rule, bool) {
	for _, r := range Rules() {
		if match(r.Path, path) {
			return r, true
		}
	}
	return Rule{}, false
}

func allowed(r Rule, path string) bool {
	for _, m := range r.May {
		if match(m, path) {
			return true
		}
	}
	return false
}

func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func TestImportsFollowTheMap(t *testing.T) {
	forbidden := Forbidden()
	for _, p := range packages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		rule, ok := ruleFor(path)
		if !ok {
			t.Errorf("%s is not on the map: add a rule with its reason to layout.Rules", path)
			continue
		}
		for _, imp := range p.Imports {
			if why, bad := forbidden[imp]; bad {
				t.Errorf("%s imports %s: %s", path, imp, why)
			}
			inner, ours := strings.CutPrefix(imp, module+"/")
			switch {
			case ours && !allowed(rule, inner):
				t.Errorf("%s imports %s: %s", path, inner, rule.Reason)
			case !ours && rule.Std && !standard(imp):
				t.Errorf("%s imports %s, but only the standard library is allowed: %s", path, imp, rule.Reason)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

func TestBridgeStaysSmall(t *testing.T) {
	lines := 0
	for _, p := range packages(t) {
		if p.ImportPath != module+"/bridge" {
			continue
		}
		for _, f := range p.GoFiles {
			lines += countLines(t, filepath.Join(p.Dir, f))
		}
	}
	if lines > maxBridgeLines {
		t.Errorf("bridge has %d lines, at most %d: it builds, starts, stops and supervises, nothing else", lines, maxBridgeLines)
	}
}

func TestFilesStayReadable(t *testing.T) {
	walkGo(t, func(path string) {
		if n := countLines(t, path); n > 450 && !strings.HasSuffix(path, "_test.go") {
			t.Errorf("%s has %d lines: split it by the things it holds", path, n)
		}
	})
}

// TestNoHiddenStart forbids registration by import, exits and prints outside the command.
func TestNoHiddenStart(t *testing.T) {
	bans := map[string]*regexp.Regexp{
		"func init()":          regexp.MustCompile(`^func init\(\)`),
		"panic":                regexp.MustCompile(`^\s*panic\(`),
		"os.Exit":              regexp.MustCompile(`\bos\.Exit\(`),
		"printing to a stream": regexp.MustCompile(`\bfmt\.Print(ln|f)?\(`),
	}
	walkGo(t, func(path string) {
		rel, _ := filepath.Rel(root(t), path)
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(rel, "cmd/") || strings.HasPrefix(rel, "bench/") || strings.HasPrefix(rel, "internal/gpiolab/lacks/") {
			return
		}
		eachLine(t, path, func(n int, line string) {
			for what, re := range bans {
				if re.MatchString(line) && (what != "panic" || rel != "hw/driver.go") {
					t.Errorf("%s:%d: %s", rel, n, what)
				}
			}
		})
	})
}

func walkGo(t *testing.T, visit func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules" || d.Name() == "testdata") && path != root(t) {
			return fs.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(path, ".go") {
			visit(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func countLines(t *testing.T, path string) int {
	t.Helper()
	n := 0
	eachLine(t, path, func(int, string) { n++ })
	return n
}

func eachLine(t *testing.T, path string, visit func(n int, line string)) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20)
	for n := 1; s.Scan(); n++ {
		visit(n, s.Text())
	}
	if err := s.Err(); err != nil {
		t.Fatal(err)
	}
}
