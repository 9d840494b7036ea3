package state

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// finding is one thing that is wrong with a configuration, as it is printed.
type finding struct {
	file         string
	line, column int
	what         string
	remedy       string
}

var place = regexp.MustCompile(`^(\S+\.yaml):(\d+):(\d+): (.+)$`)

// parseFindings reads what check prints: a place, the line with a caret under the column, and what to do.
func parseFindings(text string, source []byte) ([]finding, error) {
	lines := strings.Split(string(source), "\n")
	var all []finding
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		rows := strings.Split(block, "\n")
		m := place.FindStringSubmatch(rows[0])
		if m == nil || len(rows) < 4 {
			return nil, fmt.Errorf("this is no finding:\n%s", block)
		}
		f := finding{file: m[1], what: m[4], remedy: rows[len(rows)-1]}
		f.line, _ = strconv.Atoi(m[2])
		f.column, _ = strconv.Atoi(m[3])
		marked, caret := rows[len(rows)-3], rows[len(rows)-2]
		number, shown, ok := strings.Cut(marked, " | ")
		begin := len(number) + len(" | ")
		switch {
		case !ok || strings.TrimSpace(strings.TrimPrefix(number, ">")) != m[2]:
			return nil, fmt.Errorf("%s: the line shown is %q", rows[0], marked)
		case strings.ContainsAny(shown, "?*"): // what is unprintable or secret is masked
		case f.line > len(lines) || !strings.HasPrefix(strings.ReplaceAll(lines[f.line-1], "\t", " "), strings.TrimRight(shown, " …")):
			return nil, fmt.Errorf("%s: line %d is not %q", rows[0], f.line, shown)
		case strings.TrimLeft(caret, " ") != "^" || strings.Index(caret, "^") != begin+f.column-1:
			return nil, fmt.Errorf("%s: the caret is at %d of\n%s\n%s", rows[0], strings.Index(caret, "^")-begin+1, marked, caret)
		case f.remedy == "" || strings.HasPrefix(f.remedy, " "):
			return nil, fmt.Errorf("%s: nothing says what to do", rows[0])
		}
		all = append(all, f)
	}
	return all, nil
}

// mistakes counts the findings that are no mere warnings.
func mistakes(text string) (n int) {
	for line := range strings.Lines(text) {
		if m := place.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !strings.HasPrefix(m[4], "warning: ") {
			n++
		}
	}
	return n
}

// TestEveryBrokenConfiguration has the binary judge the configurations that break one rule each: it names
// each place, shows the line with a caret, says what to do, and ends with 1.
func TestEveryBrokenConfiguration(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../config/testdata/*.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d broken configurations, %v", len(files), err)
	}
	found := 0
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		golden, err := os.ReadFile(strings.TrimSuffix(path, ".yaml") + ".golden")
		if err != nil {
			t.Fatal(err)
		}
		out, complaint, status := call(t, e2e.Command{Name: lab.Binary(t), Args: []string{"check", path}})
		wrong := 1
		if end := strings.LastIndex(strings.TrimSpace(out), "\n") + 1; strings.Contains(out[end:], " is good: ") {
			out, wrong = out[:end], 0
		}
		if strings.HasPrefix(filepath.Base(path), "absent") && wrong == 0 {
			continue // a section that some build cannot serve, and this one does
		}
		if mistakes(string(golden)) > 0 && wrong == 0 {
			t.Errorf("%s is good, it says:\n%s", path, out)
		}
		all, err := parseFindings(out, source)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		found += len(all)
		if strings.Contains(out+complaint, "hunter2") {
			t.Errorf("%s: a password was printed", path)
		}
		for _, f := range all {
			if f.file != filepath.Base(path) {
				t.Errorf("%s: the place is in %s", path, f.file)
			}
		}
		if status != wrong {
			t.Errorf("%s: ended with %d, want %d", path, status, wrong)
		}
		if wrong > 0 {
			requireComplaint(t, complaint, "would not start", "mend")
		}
	}
	t.Logf("%d places in %d configurations", found, len(files))
}

// TestBrokenConfigurationStartsNothing runs configurations with one mistake.
func TestBrokenConfigurationStartsNothing(t *testing.T) {
	t.Parallel()
	good := `home: {name: Villa Rose}
boards: {house: {driver: sim, world: /nowhere/world.sock}}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "house:garage/relay", pulse: 400ms}
    closed: "house:garage/closed"
    travel: 15s
`
	cases := []struct{ name, from, to, at, remedy string }{
		{"a kind that is none", "kind: sectional", "kind: secitonal", ":6:11:", `did you mean "sectional"?`},
		{"a field that nobody knows", "travel: 15s", "travels: 15s", ":9:5:", `did you mean "travel"?`},
		{"a time without a unit", "travel: 15s", "travel: 15", ":9:13:", ""},
		{"no contact", `    closed: "house:garage/closed"` + "\n", "", ":4:3:", "add closed:"},
		{"a board that is not there", `closed: "house:`, `closed: "hous:`, ":8:13:", ""},
		{"a relay as a bare number", `relay: "house:garage/relay"`, "relay: 17", ":7:36:", ""},
		{"a tab", "    kind:", "\tkind:", ":6:", ""},
		{"the same door twice", "doors:", "doors:\n  garage: {name: Garage}", ":", ""},
		{"a close that nobody allowed", "travel: 15s", "remote_close: sometimes", ":9:19:", ""},
	}
	for _, c := range cases {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			dir := e2e.TempDir(t)
			file, state, ready := filepath.Join(dir, "loquet.yaml"), filepath.Join(dir, "state"), filepath.Join(dir, "ready.json")
			text := strings.Replace(good, c.from, c.to, 1)
			if text == good {
				t.Fatal("nothing is wrong with it")
			}
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			out, complaint, status := call(t, e2e.Command{Name: lab.Binary(t), Args: []string{"run", "--config", file, "--state", state,
				"--ready-file", ready, "--interface", "lo", "--homekit", "127.0.0.1:0", "--console", "127.0.0.1:0"}})
			if status != 1 || out != "" {
				t.Errorf("ended with %d, printed %q", status, out)
			}
			said, ok := strings.CutPrefix(complaint, "loquet: ")
			all, err := parseFindings(said, []byte(text))
			if !ok || err != nil || len(all) == 0 {
				t.Fatalf("%v:\n%s", err, complaint)
			}
			if !strings.Contains(complaint, "loquet.yaml"+c.at) || !strings.Contains(complaint, c.remedy) {
				t.Errorf("want %s and %q:\n%s", c.at, c.remedy, complaint)
			}
			requireNone(t, state)
			requireNone(t, ready)
			checked, _, status := call(t, e2e.Command{Name: lab.Binary(t), Args: []string{"check", file}})
			if strings.TrimSpace(checked) != strings.TrimSpace(said) || status != 1 {
				t.Errorf("check ended with %d and says\n%s\nand run says\n%s", status, checked, said)
			}
		})
	}
	t.Run("no_file", func(t *testing.T) {
		t.Parallel()
		state := filepath.Join(e2e.TempDir(t), "state")
		_, complaint, status := call(t, e2e.Command{Name: lab.Binary(t), Args: []string{"run", "--config", "/nowhere/loquet.yaml", "--state", state}})
		if status != 1 {
			t.Errorf("ended with %d", status)
		}
		requireComplaint(t, complaint, "/nowhere/loquet.yaml", "--config")
		requireNone(t, state)
	})
}
