package gpiolab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Lab is a kernel with the test binary of the calling package, ready to boot.
type Lab struct {
	dir    string            // holds the guest's memory, and must allow to execute
	files  map[string]string // what the guest finds, by path, from where on this machine
	first  machine           // what LOQUET_GPIO_KERNEL names, or our own
	second machine           // our own, once it is needed
}

// machine is a kernel with what it boots.
type machine struct{ path, kernel, initrd string }

// New builds the test binary of the package in the working directory, and packs it with other files of
// this machine, by where they shall be in the guest.
func New(t *testing.T, files map[string]string) *Lab {
	t.Helper()
	l := &Lab{dir: t.TempDir(), files: map[string]string{}}
	path := named()
	if path == "" {
		path = own(t)
	}
	init := filepath.Join(l.dir, "init")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-ldflags", "-s -w", "-o", init, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	l.files["init"] = init
	for to, from := range files {
		l.files[strings.TrimPrefix(to, "/")] = from
	}
	l.first = l.prepare(t, path)
	return l
}

func (l *Lab) prepare(t *testing.T, path string) machine {
	t.Helper()
	dir, err := os.MkdirTemp(l.dir, "kernel")
	if err != nil {
		t.Fatal(err)
	}
	m, err := prepare(t.Context(), path, dir, l.files)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// prepare unpacks a kernel into a folder and packs what it boots.
func prepare(ctx context.Context, path, dir string, files map[string]string) (machine, error) {
	kernel, err := unpack(ctx, path, dir)
	if err != nil {
		return machine{}, err
	}
	packed := map[string][]byte{}
	paths := map[string]string{modulePath[1:]: filepath.Join(filepath.Dir(path), moduleFile)}
	for to, from := range files {
		paths[to] = from
	}
	for to, from := range paths {
		b, err := os.ReadFile(from)
		if err != nil {
			return machine{}, err
		}
		packed[to] = b
	}
	m := machine{path: path, kernel: kernel, initrd: filepath.Join(dir, "initramfs.gz")}
	return m, writeInitramfs(m.initrd, packed)
}

// Boot runs the tests of a pattern in the kernel and returns what was printed: words are for the kernel or
// the environment of its init. What LOQUET_GPIO_KERNEL names may lack what some tests need: these run on the
// kernel of e2e/gpio/kernel then, so that none is left out. limit bounds each run.
func (l *Lab) Boot(t *testing.T, limit time.Duration, pattern string, words ...string) string {
	t.Helper()
	text := l.boot(t, l.first, limit, pattern, words)
	left := skippedIn(text)
	if len(left) == 0 {
		return text
	}
	if named() == "" {
		t.Fatalf("%s was not made from e2e/gpio/kernel of this version, so that these did not run: %s: make gpio-kernel", l.first.path, strings.Join(left, ", "))
	}
	t.Logf("%s lacks what these need, so they run on the kernel of e2e/gpio/kernel: %s", l.first.path, strings.Join(left, ", "))
	if l.second.path == "" {
		l.second = l.prepare(t, own(t))
	}
	more := l.boot(t, l.second, limit, "^("+strings.Join(left, "|")+")$", words)
	if left = skippedIn(more); len(left) > 0 {
		t.Fatalf("%s was not made from e2e/gpio/kernel of this version, so that these did not run: %s: make gpio-kernel", l.second.path, strings.Join(left, ", "))
	}
	return text + more
}

func (l *Lab) boot(t *testing.T, m machine, limit time.Duration, pattern string, words []string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	text, err := m.boot(ctx, append(words[:len(words):len(words)], "--", "-test.v", "-test.run="+pattern)...)
	if !strings.Contains(text, "\n"+saysResult+"0\n") {
		t.Fatalf("the kernel %s says (%v):\n%s", m.path, err, text)
	}
	t.Logf("on %s:\n%s", m.path, text)
	return text
}

// boot runs the kernel until it ends; ctx bounds it: a kernel whose guest reboots starts over.
func (m machine) boot(ctx context.Context, words ...string) (string, error) {
	words = append([]string{"mem=256M", "initrd=" + m.initrd, "con0=null,fd:1", "con=null", "quiet", "panic=-1"}, words...)
	run := exec.CommandContext(ctx, m.kernel, words...)
	dir := filepath.Dir(m.initrd)
	// Without a HOME User-Mode Linux dies; newer hosts trip over restartable sequences.
	memory, err := memoryDir(dir)
	if err != nil {
		return "", err
	}
	defer func() {
		if memory != dir {
			_ = os.RemoveAll(memory)
		}
	}()
	run.Env = []string{"HOME=" + dir, "TMPDIR=" + memory, "PATH=/usr/bin:/bin", "GLIBC_TUNABLES=glibc.pthread.rseq=0"}
	run.SysProcAttr = powerless()
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	out, err := run.CombinedOutput()
	return strings.ReplaceAll(string(out), "\r", ""), err
}

// powerless starts a kernel in a user namespace, in a process group that ends as one. The guest is root and does as root
// does: it sets the clock and switches the machine off. Its processes are traced ones of this machine, and if the kernel is
// killed under them, the kernel's call that one was stopped in is made here, where it must be refused.
func powerless() *syscall.SysProcAttr {
	only := func(id int) []syscall.SysProcIDMap {
		return []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
	}
	return &syscall.SysProcAttr{Setpgid: true, Cloneflags: syscall.CLONE_NEWUSER, UidMappings: only(os.Geteuid()), GidMappings: only(os.Getegid())}
}

// memoryDir is where the guest's memory is: a folder in memory if there is one that allows to execute and has room, for
// on a busy disk the guest crawls.
func memoryDir(other string) (string, error) {
	const shared, room = "/dev/shm", 2 << 30
	var fs unix.Statfs_t
	if err := unix.Statfs(shared, &fs); err != nil || fs.Type != unix.TMPFS_MAGIC || fs.Flags&unix.ST_NOEXEC != 0 || int64(fs.Bavail)*fs.Bsize < room {
		return other, nil
	}
	return os.MkdirTemp(shared, "loquet-kernel-")
}

// Ask boots a kernel with a static program that calls Answer, and returns what it lacks in words; nothing
// if it has all that the tests need.
func Ask(ctx context.Context, path, program string) (lacks string, err error) {
	dir, err := os.MkdirTemp("", "gpio-kernel-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	m, err := prepare(ctx, path, dir, map[string]string{"init": program})
	if err != nil {
		return "", err
	}
	text, err := m.boot(ctx)
	lacks, ok := answered(text)
	if !ok {
		return "", fmt.Errorf("%s did not answer (%w):\n%s", path, err, text)
	}
	return lacks, nil
}
