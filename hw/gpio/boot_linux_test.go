package gpio

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The tests named TestGuest run on a kernel of their own, which has chips that are simulated below the
// character devices (gpio-sim): User-Mode Linux, an ordinary program, with this test binary as its init.
// TestOnARealKernel boots it; e2e/gpio/kernel says how it is made.

// TestMain is init in that kernel.
func TestMain(m *testing.M) {
	if os.Getpid() != 1 {
		os.Exit(m.Run())
	}
	fails := 1
	func() {
		defer func() {
			if r := recover(); r != nil {
				fmt.Println("panic:", r)
			}
		}()
		if err := mounts(); err != nil {
			fmt.Println("mount:", err)
			return
		}
		fails = m.Run()
	}()
	fmt.Printf("\nRESULT fails=%d\n", fails)
	unix.Sync()
	fmt.Println(unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

func mounts() error {
	for _, m := range [][2]string{{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/tmp"},
		{"debugfs", "/sys/kernel/debug"}, {"configfs", "/sys/kernel/config"}} {
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			return fmt.Errorf("%s: %w", m[1], err)
		}
	}
	return nil
}

// guest keeps a test to the kernel that it is for.
func guest(t *testing.T) {
	if os.Getpid() != 1 {
		t.Skip("it runs inside the kernel that TestOnARealKernel boots")
	}
}

// bootTime bounds each run: UML starts over when its guest reboots.
const bootTime = 2 * time.Minute

func TestOnARealKernel(t *testing.T) {
	if os.Getpid() == 1 {
		t.Skip("this is the kernel")
	}
	linux := findKernel(t)
	dir := t.TempDir() // holds the guest's memory, and must allow to execute
	init := filepath.Join(dir, "init")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags", "-s -w", "-o", init, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	initrd := filepath.Join(dir, "initramfs.gz")
	if err := writeInitramfs(initrd, init); err != nil {
		t.Fatal(err)
	}
	t.Run("in real time", func(t *testing.T) { boot(t, linux, initrd, "--", "-test.v", "-test.run=^TestGuest") })
	t.Run("in virtual time", func(t *testing.T) {
		boot(t, linux, initrd, "time-travel=inf-cpu", "VIRTUAL=1", "--", "-test.v", "-test.run=^TestGuestPulse$")
	})
}

// boot runs the tests in the kernel: words before -- are for it or its environment, those after for them.
func boot(t *testing.T, linux, initrd string, words ...string) {
	dir := filepath.Dir(initrd)
	ctx, cancel := context.WithTimeout(t.Context(), bootTime)
	defer cancel()
	words = append([]string{"mem=128M", "initrd=" + initrd, "con0=null,fd:1", "con=null", "quiet", "panic=-1"}, words...)
	run := exec.CommandContext(ctx, linux, words...)
	// Without a HOME User-Mode Linux dies; newer hosts trip over restartable sequences.
	run.Env = []string{"HOME=" + dir, "TMPDIR=" + dir, "PATH=/usr/bin:/bin", "GLIBC_TUNABLES=glibc.pthread.rseq=0"}
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // its guest's processes end with it
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	out, err := run.CombinedOutput()
	text := strings.ReplaceAll(string(out), "\r", "")
	if !strings.Contains(text, "\nRESULT fails=0\n") {
		t.Fatalf("the kernel says (%v):\n%s", err, text)
	}
	t.Log(text)
}

// findKernel finds one that was built before, unpacked if need be.
func findKernel(t *testing.T) string {
	if runtime.GOARCH != "amd64" {
		t.Skip("User-Mode Linux runs on amd64 only")
	}
	path := os.Getenv("LOQUET_GPIO_KERNEL")
	if path == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Skipf("there is no folder for a kernel: %v", err)
		}
		path = filepath.Join(cache, "loquet", "linux-um-gpio.xz")
		if _, err := os.Stat(path); err != nil {
			t.Skip("there is no kernel with GPIO chips: make gpio-kernel builds one, LOQUET_GPIO_KERNEL names one")
		}
	}
	if !strings.HasSuffix(path, ".xz") {
		return path
	}
	unpacked := filepath.Join(t.TempDir(), "linux")
	f, err := os.OpenFile(unpacked, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	xz := exec.Command("xz", "-dc", path)
	var said bytes.Buffer
	xz.Stdout, xz.Stderr = f, &said
	if err := xz.Run(); err != nil {
		t.Fatalf("%s: %v: %s", path, err, said.String())
	}
	return unpacked
}

// writeInitramfs packs a cpio archive of the kind "newc" (Linux, Documentation/driver-api/early-userspace).
func writeInitramfs(path, init string) error {
	program, err := os.ReadFile(init)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	z, err := gzip.NewWriterLevel(f, gzip.BestSpeed)
	if err != nil {
		return err
	}
	a := archive{w: z}
	for _, dir := range []string{"dev", "proc", "sys", "tmp"} {
		a.entry(dir, unix.S_IFDIR|0o755, nil, 0, 0)
	}
	a.entry("dev/console", unix.S_IFCHR|0o600, nil, 5, 1)
	a.entry("dev/null", unix.S_IFCHR|0o666, nil, 1, 3)
	a.entry("init", unix.S_IFREG|0o755, program, 0, 0)
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	if a.err != nil {
		return a.err
	}
	return z.Close()
}

type archive struct {
	w   io.Writer
	ino int
	err error
}

func (a *archive) entry(name string, mode int, data []byte, major, minor int) {
	a.ino++
	var h strings.Builder
	h.WriteString("070701")
	for _, v := range []int{a.ino, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0} {
		fmt.Fprintf(&h, "%08x", v)
	}
	h.WriteString(name + "\x00")
	for _, part := range [][]byte{[]byte(h.String()), data} {
		pad := make([]byte, (4-len(part)%4)%4)
		if _, err := a.w.Write(append(part, pad...)); err != nil {
			a.err = err
		}
	}
}
