package gpiolab

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	kernelFile = "linux-um-gpio.xz"
	moduleFile = "i2c-stub.ko" // beside the kernel
)

// named is the kernel that the caller wants the tests to run on, if any.
func named() string { return os.Getenv("LOQUET_GPIO_KERNEL") }

// own is the kernel that `make gpio-kernel` built. On CI one that is not there is built now; elsewhere the
// test is skipped, and says why.
func own(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("User-Mode Linux runs on amd64 only")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(cache, "loquet", kernelFile)
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if os.Getenv("CI") == "" {
		t.Skipf("there is no kernel at %s: make gpio-kernel builds it, in some four minutes", path)
	}
	module, err := exec.CommandContext(t.Context(), "go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("there is no kernel at %s: building it", path)
	build := exec.CommandContext(t.Context(), "bash", filepath.Join(filepath.Dir(strings.TrimSpace(string(module))), "e2e/gpio/kernel/build.sh"))
	build.Env = append(os.Environ(), "LOQUET_GPIO_KERNEL=")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("there is no kernel with GPIO chips: %v\n%s", err, out)
	}
	return path
}

// unpack takes a kernel out of its compression, into dir.
func unpack(ctx context.Context, packed, dir string) (string, error) {
	if !strings.HasSuffix(packed, ".xz") {
		return packed, nil
	}
	path := filepath.Join(dir, "linux")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	defer f.Close()
	xz := exec.CommandContext(ctx, "xz", "-dc", packed)
	var said bytes.Buffer
	xz.Stdout, xz.Stderr = f, &said
	if err := xz.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", packed, err, said.String())
	}
	return path, nil
}
