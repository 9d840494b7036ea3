package gpio

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/internal/gpiolab"
)

const sigStop = syscall.SIGSTOP

// guardOf is the guard process of a bridge; 0 if there is none.
func guardOf(t *testing.T, bridge int) int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it ended
		}
		_, after, _ := strings.Cut(string(b), ") ")
		fields := strings.Fields(after) // state, parent, ...
		if len(fields) < 2 || fields[1] != strconv.Itoa(bridge) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		if line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil && strings.Contains(string(line), "guard") {
			return pid
		}
	}
	return 0
}

func kill(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// restsWithin waits for a level of a line.
func restsWithin(c *gpiolab.Chip, offset int, high bool, limit time.Duration) bool {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(limit); ; <-tick.C {
		if now, err := c.Voltage(offset); err == nil && now == high {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}

// outputsSafe does what the service does after an end that was no clean stop.
func outputsSafe(t *testing.T, text string) {
	t.Helper()
	file := filepath.Join(e2e.TempDir(t), "loquet.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	clean := exec.Command(guestBinary, "outputs-safe", "--config", file)
	clean.Env = append(os.Environ(), "SERVICE_RESULT=success")
	if out, err := clean.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("after a clean stop it does something: %v %s", err, out)
	}
	out, err := exec.Command(guestBinary, "outputs-safe", "--config", file).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "studio") {
		t.Errorf("outputs-safe: %v\n%s", err, out)
	}
}
