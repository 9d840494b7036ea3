package seeded

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// suite is a test binary with the mistakes built in, and how to run the part that looks for them.
type suite struct {
	pkg string // its folder
	run string
	env []string
}

// suites are by the word that the table of mistakes names them with.
func suites() map[string]suite {
	return map[string]suite{
		"years":   {pkg: "e2e/chaos/years", run: "Years", env: []string{"LOQUET_YEARS=8"}},
		"pairing": {pkg: "homekit", run: "PairSetupAttempts|PairSetupLease|SlowSenders"},
		"clock":   {pkg: "e2e/chaos/clock", run: "OnARealKernel", env: []string{"LOQUET_LONG=", "LOQUET_CLOCK=1"}},
		"kills":   {pkg: "e2e/chaos/process", run: "KilledAtAnyMoment", env: []string{"LOQUET_KILLS=60"}},
	}
}

// mistakes lists each mistake with the suite that must find it.
func mistakes() [][2]string {
	return [][2]string{
		{"answered-before-intent", "years"},
		{"answered-before-intent", "kills"},
		{"pulse-for-the-same-value", "years"},
		{"close-without-warning", "years"},
		{"old-reading-trusted", "years"},
		{"order-sent-again", "years"},
		{"old-command-obeyed", "years"},
		{"edges-too-close", "years"},
		{"mantrap-ignored", "years"},
		{"failures-forgotten", "pairing"},
		{"slow-peer-kept", "pairing"},
		{"intent-replayed", "kills"},
		{"warning-by-the-calendar", "clock"},
		{"sleep-by-the-calendar", "clock"},
		{"idle-by-the-calendar", "clock"},
	}
}

// limit is far above what a suite takes here.
const limit = 10 * time.Minute

// TestMistakesAreFound builds every suite once with the tag "seeded".
func TestMistakesAreFound(t *testing.T) {
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it takes minutes: make chaos-seeded")
	}
	built := map[string]string{}
	for name, s := range suites() {
		built[name] = filepath.Join(t.TempDir(), name+".test")
		cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags", "seeded", "-o", built[name], "./"+s.pkg)
		cmd.Dir = e2e.Folder(t)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go test -c %s: %v\n%s", s.pkg, err, out)
		}
		t.Run("none, "+name, func(t *testing.T) {
			if out, failed := s.play(t, built[name], "none"); failed {
				t.Errorf("the suite fails without a mistake:\n%s", out)
			}
		})
	}
	for _, m := range mistakes() {
		t.Run(m[0]+", "+m[1], func(t *testing.T) {
			out, failed := suites()[m[1]].play(t, built[m[1]], m[0])
			if !failed {
				t.Errorf("nobody notices:\n%s", out)
			}
			t.Logf("found: %s", first(out))
		})
	}
}

// play runs a suite with a mistake, and reports whether it failed as tests do.
func (s suite) play(t *testing.T, binary, mistake string) (out string, failed bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "-test.run", s.run, "-test.failfast", "-test.timeout", (limit - time.Minute).String(), "-test.v")
	cmd.Dir = e2e.Folder(t, s.pkg)
	cmd.Env = append(append(os.Environ(), s.env...), "LOQUET_SEEDED="+mistake)
	var printed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &printed, &printed
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Fatal(err)
	case !strings.Contains(printed.String(), "--- PASS") && !strings.Contains(printed.String(), "--- FAIL"):
		t.Fatalf("no test ran:\n%s", printed.String())
	}
	return printed.String(), err != nil && strings.Contains(printed.String(), "--- FAIL")
}

// first is the first line in which a suite says what is wrong.
func first(out string) string {
	for line := range strings.Lines(out) {
		if text := strings.TrimSpace(line); strings.Contains(text, "_test.go:") && !strings.Contains(text, " kills") {
			return text
		}
	}
	return "?"
}

// TestReleasesHoldNoMistakes looks for the switch in a build as it is released.
func TestReleasesHoldNoMistakes(t *testing.T) {
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it builds the program: make chaos-seeded")
	}
	binary := filepath.Join(t.TempDir(), "loquet")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./cmd/loquet")
	cmd.Dir = e2e.Folder(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	built, err := os.ReadFile(binary)
	if err != nil {
		t.Fatal(err)
	}
	words := []string{"LOQUET_SEEDED", "LOQUET_FAILPOINT"}
	for _, m := range mistakes() {
		words = append(words, m[0])
	}
	for _, word := range words {
		if bytes.Contains(built, []byte(word)) {
			t.Errorf("a build without tags holds %q", word)
		}
	}
}
