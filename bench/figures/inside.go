package figures

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// envInside tells this program, started again, that it is inside and where the binary is.
const envInside = "LOQUET_BENCH_INSIDE"

// Enter builds the binary, unless it is given one, and replaces this process by itself in a network namespace of its own with
// nothing but loopback: what the servers announce reaches nobody, and no port is taken. It returns the path of the binary.
func Enter(binary string) (string, error) {
	if inside := os.Getenv(envInside); inside != "" {
		return inside, os.Unsetenv(envInside)
	}
	binary, err := build(binary)
	if err != nil {
		return "", err
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return "", fmt.Errorf("a network namespace cannot be made: %w", err)
	}
	flags := []string{"unshare", "--net", "--mount"}
	if os.Geteuid() != 0 {
		flags = append(flags, "--user", "--map-root-user")
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	args := append(flags, "sh", "-c", `PATH="$PATH:/usr/sbin:/sbin" ip link set lo up && exec "$0" "$@"`, self)
	return "", syscall.Exec(unshare, append(args, os.Args[1:]...), append(os.Environ(), envInside+"="+binary))
}

func build(binary string) (string, error) {
	if binary != "" {
		return filepath.Abs(binary)
	}
	binary, err := filepath.Abs("bin/loquet")
	if err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", binary, "./cmd/loquet")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, bytes.TrimSpace(out))
	}
	return binary, nil
}

// Status is one value of /proc/PID/status, in kB.
func Status(pid int, key string) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, key+":"); ok {
			var kb float64
			_, _ = fmt.Sscan(value, &kb)
			return kb
		}
	}
	return 0
}
