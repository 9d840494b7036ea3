package packaging

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// binary builds loquet once for a test.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loquet")
	t.Chdir(e2e.Folder(t))
	t.Setenv("CGO_ENABLED", "0")
	mustRun(t, "go", "build", "-o", path, "./cmd/loquet")
	return path
}

// The configuration of a fresh install starts, and so does the example in it without its comment signs.
func TestExampleConfiguration(t *testing.T) {
	loquet := binary(t)
	file := e2e.Folder(t, "packaging", "loquet.yaml")
	if out := mustRun(t, loquet, "check", file); !strings.Contains(out, "is good") {
		t.Error(out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	example := false
	for line := range strings.Lines(string(text)) {
		example = example || strings.HasPrefix(line, "# doors:")
		if example {
			line = strings.TrimPrefix(line, "# ")
		}
		lines = append(lines, line)
	}
	if !example {
		t.Fatal("no example found")
	}
	whole := filepath.Join(t.TempDir(), "loquet.yaml")
	if err := os.WriteFile(whole, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := mustRun(t, loquet, "check", whole); !strings.Contains(out, "0 warnings") {
		t.Error(out)
	}
}
