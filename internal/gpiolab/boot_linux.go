package gpiolab

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Lab is a kernel with the test binary of the calling package, ready to boot.
type Lab struct {
	kernel, initrd, dir string
}

// New builds the test binary of the package in the working directory, and packs it with other files of
// this machine, by where they shall be in the guest.
func New(t *testing.T, files map[string]string) *Lab {
	t.Helper()
	dir := t.TempDir() // holds the guest's memory, and must allow to execute
	l := &Lab{dir: dir, initrd: filepath.Join(dir, "initramfs.gz")}
	var module []byte
	l.kernel, module = kernel(t, dir)
	init := filepath.Join(dir, "init")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags", "-s -w", "-o", init, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	packed := map[string][]byte{"init": nil, modulePath[1:]: module}
	paths := map[string]string{"init": init}
	for to, from := range files {
		paths[strings.TrimPrefix(to, "/")] = from
	}
	for to, from := range paths {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		packed[to] = b
	}
	if err := writeInitramfs(l.initrd, packed); err != nil {
		t.Fatal(err)
	}
	return l
}

// Boot runs tests in the kernel and returns what was printed: words before -- are for the kernel or the
// environment of its init, those after for the test binary. limit bounds it: the kernel starts over when
// its guest reboots.
func (l *Lab) Boot(t *testing.T, limit time.Duration, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	words = append([]string{"mem=256M", "initrd=" + l.initrd, "con0=null,fd:1", "con=null", "quiet", "panic=-1"}, words...)
	run := exec.CommandContext(ctx, l.kernel, words...)
	// Without a HOME User-Mode Linux dies; newer hosts trip over restartable sequences.
	run.Env = []string{"HOME=" + l.dir, "TMPDIR=" + l.dir, "PATH=/usr/bin:/bin", "GLIBC_TUNABLES=glibc.pthread.rseq=0"}
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its guest's processes end with it
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	out, err := run.CombinedOutput()
	text := strings.ReplaceAll(string(out), "\r", "")
	if !strings.Contains(text, "\nRESULT fails=0\n") {
		t.Fatalf("the kernel says (%v):\n%s", err, text)
	}
	t.Log(text)
	return text
}
