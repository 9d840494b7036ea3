package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/config"
)

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if len(data) < 8<<10 {
			f.Add(data)
		}
	}
	drivers := catalog()
	f.Fuzz(func(t *testing.T, data []byte) {
		c, warnings, err := config.ReadBytes("fuzz", data, drivers)
		for _, w := range warnings {
			if w.Severity != config.SeverityWarning {
				t.Errorf("%+v among the warnings", w)
			}
		}
		if err != nil {
			var all config.Errors
			if !errors.As(err, &all) || len(all) == 0 || c != nil {
				t.Fatalf("%T: %v", err, err)
			}
			for _, e := range all {
				if e.Line < 1 || e.Column < 1 || e.Remedy == "" || strings.ContainsAny(e.What, "\n\x00\x1b") {
					t.Errorf("%+v", e)
				}
			}
			return
		}
		back, _, err := config.ReadBytes("printed", c.Print(), drivers)
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Print())
		}
		if d := config.Diff(c, back); !d.Empty() {
			t.Fatalf("%+v\n%s", d, c.Print())
		}
	})
}

// Nothing that fits into the largest file keeps the reader busy.
func TestHostileFilesEndSoon(t *testing.T) {
	const size = 640 << 10
	for name, piece := range map[string]string{
		"dashes": "- ", "questions": "? ", "brackets": "[", "braces": "{a: ", "keys": "a: b\n", "quotes": "'' ", "flow": "[a],",
		"colons": "a:", "tags": "!a ", "documents": "---\n", "anchors": "&a ", "lines": "\n", "tabs": "\t", "spaces": " ",
		"ids": "a: {name: A}\n", "literal": "|\n", "escapes": "\"\\u0041\"",
	} {
		text := strings.Repeat(piece, size/len(piece))
		for _, before := range []string{"", "doors:\n  "} {
			start := worked(t)
			_, _, err := config.ReadBytes("x", []byte((before + text)[:min(size, len(before)+len(text))]), catalog())
			if d := worked(t) - start; d > time.Minute { // a hundred times as long as it takes; what grows with the square takes hours
				t.Errorf("%s after %q took %v", name, before, d)
			}
			if err != nil && len(err.Error()) > 1<<20 {
				t.Errorf("%s after %q: an error of %d bytes", name, before, len(err.Error()))
			}
		}
	}
}

// worked is how long the processors worked for this process until now, however busy they are with others.
func worked(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
