package health_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/loquet/loquet/health"
)

// Every code has one declaration with words in all its fields, and there is no other.
func TestEveryCodeIsDeclared(t *testing.T) {
	codes := map[health.Code]bool{}
	inspect := func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil || codes[health.Code(value)] {
			t.Errorf("%s: %q, %v", spec.Names[0].Name, value, err)
		}
		codes[health.Code(value)] = true
		return true
	}
	for _, name := range []string{"problems.go", "mqtt.go"} {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, inspect)
	}
	if len(codes) < 30 {
		t.Fatalf("%d codes found", len(codes))
	}
	word := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	titles := map[string]bool{}
	for _, d := range health.All() {
		if !codes[d.Code] {
			t.Errorf("%s is declared twice, or has no constant", d.Code)
		}
		delete(codes, d.Code)
		if !word.MatchString(string(d.Code)) || titles[d.Title] || d.Title == "" || strings.HasSuffix(d.Title, ".") {
			t.Errorf("%s: %q", d.Code, d.Title)
		}
		titles[d.Title] = true
		for _, text := range []string{d.Text, d.Remedy} {
			if !strings.HasSuffix(text, ".") || len(text) < 20 || len(text) > 320 {
				t.Errorf("%s: %q", d.Code, text)
			}
		}
		if found, ok := health.Find(d.Code); !ok || found != d {
			t.Errorf("%s is not found", d.Code)
		}
	}
	for code := range codes {
		t.Errorf("%s is not declared", code)
	}
	if _, ok := health.Find("no-such-problem"); ok {
		t.Error("found what is not declared")
	}
}

func TestAllIsACopy(t *testing.T) {
	health.All()[0].Title = "changed"
	if health.All()[0].Title == "changed" {
		t.Error("the declarations can be changed from outside")
	}
}

func TestSeverity(t *testing.T) {
	for s, want := range map[health.Severity]string{health.Info: "info", health.Warning: "warning", health.Error: "error", 9: "severity(9)"} {
		if s.String() != want {
			t.Errorf("%s, want %s", s, want)
		}
	}
	text, err := json.Marshal(health.Declared{Severity: health.Warning})
	if err != nil || !strings.Contains(string(text), `"severity":"warning"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTable(t *testing.T) {
	var b strings.Builder
	if err := health.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	if len(lines) != len(health.All())+2 {
		t.Fatalf("%d lines for %d problems", len(lines), len(health.All()))
	}
	for _, line := range lines {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 5 {
			t.Errorf("%d bars in %s", n, line)
		}
	}
	if !strings.HasPrefix(lines[2], "| `disk-full` | error | **The disk is full.** ") {
		t.Error(lines[2])
	}
	if err := health.WriteTable(failing{}); err == nil {
		t.Error("a failed write was not reported")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

const errFull = failure("full")

type failure string

func (f failure) Error() string { return string(f) }
