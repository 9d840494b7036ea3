package gpiolab

import (
	"bytes"
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

// absent ends a test that has no kernel: on CI there must be one.
func absent(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(why)
	}
	t.Skip(why)
}

// kernelPath is LOQUET_GPIO_KERNEL, or what `make gpio-kernel` built.
func kernelPath() (string, error) {
	if path := os.Getenv("LOQUET_GPIO_KERNEL"); path != "" {
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	path := filepath.Join(cache, "loquet", kernelFile)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("there is no kernel with GPIO chips: make gpio-kernel builds one, LOQUET_GPIO_KERNEL names one")
	}
	return path, nil
}

// kernel finds one that was built before, unpacks it into dir, and reads its module for simulated buses.
func kernel(t *testing.T, dir string) (path string, module []byte) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("User-Mode Linux runs on amd64 only")
	}
	packed, err := kernelPath()
	if err != nil {
		absent(t, err.Error())
	}
	if module, err = os.ReadFile(filepath.Join(filepath.Dir(packed), moduleFile)); err != nil {
		absent(t, "the kernel has no module beside it: "+err.Error())
	}
	if !strings.HasSuffix(packed, ".xz") {
		return packed, module
	}
	path = filepath.Join(dir, "linux")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	xz := exec.CommandContext(t.Context(), "xz", "-dc", packed)
	var said bytes.Buffer
	xz.Stdout, xz.Stderr = f, &said
	if err := xz.Run(); err != nil {
		t.Fatalf("%s: %v: %s", packed, err, said.String())
	}
	return path, module
}
