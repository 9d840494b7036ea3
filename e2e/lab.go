package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// envInside tells a test binary that was started again that it is inside, and in which folder the
// binary lies.
const envInside = "LOQUET_E2E_INSIDE"

// Lab is where the tests of one package run: the binary, built once, and the namespaces.
type Lab struct {
	dir      string // of the binary
	buildErr error
	outside  string // why there are no namespaces; empty inside
	names    atomic.Int64
	cabling  sync.Mutex // held while hosts are joined: tests of a package may run side by side
}

// Open builds cmd/loquet (CGO off, with the tags) and enters namespaces by starting the test binary
// again. Call it first in TestMain. It does not fail: what is missing is said by the tests that need it.
func Open(tags ...string) *Lab {
	if dir := os.Getenv(envInside); dir != "" {
		return &Lab{dir: dir}
	}
	lab := &Lab{}
	if lab.buildErr = lab.build(tags); lab.buildErr == nil {
		lab.outside = lab.enter().Error()
	}
	return lab
}

// Build builds cmd/loquet as Open does, small and without a lab, for a machine that the test starts.
func Build(t testing.TB, tags ...string) (path string) {
	t.Helper()
	l := &Lab{}
	if err := l.build(tags, "-ldflags", "-s -w"); err != nil {
		t.Fatalf("go build: %v", err)
	}
	t.Cleanup(l.Close)
	return l.binary()
}

// Close removes the binary.
func (l *Lab) Close() {
	_ = os.Remove(l.binary())
	_ = os.Remove(l.dir)
}

func (l *Lab) binary() string { return filepath.Join(l.dir, "loquet") }

// Binary returns the path of the built binary.
func (l *Lab) Binary(t testing.TB) string {
	t.Helper()
	if l.buildErr != nil {
		t.Fatalf("go build: %v", l.buildErr)
	}
	return l.binary()
}

// NeedNetworks skips the test when namespaces cannot be had here.
func (l *Lab) NeedNetworks(t testing.TB) {
	t.Helper()
	l.Binary(t)
	if l.outside != "" {
		Skip(t, "network namespaces cannot be made here: "+l.outside)
	}
	NeedCommand(t, "ip", "apt-get install iproute2")
}

// NeedMounts skips the test when it cannot mount anything without being seen outside.
func (l *Lab) NeedMounts(t testing.TB) {
	t.Helper()
	l.Binary(t)
	if l.outside != "" {
		Skip(t, "mount namespaces cannot be made here: "+l.outside)
	}
}

// NeedCommand skips the test when a program is missing.
func NeedCommand(t testing.TB, name, remedy string) {
	t.Helper()
	if _, err := look(name); err != nil {
		Skip(t, fmt.Sprintf("%s is not installed (%s)", name, remedy))
	}
}

// Skip skips a test for what the machine lacks. On CI that is a failure: there, nothing may be missing.
func Skip(t testing.TB, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("on CI this test must run: %s", reason)
	}
	t.Skip(reason)
}

func (l *Lab) build(tags []string, flags ...string) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if l.dir, err = os.MkdirTemp("", "loquet-e2e-"); err != nil {
		return err
	}
	args := append([]string{"build", "-o", l.binary(), "-tags", strings.Join(tags, ",")}, flags...)
	cmd := exec.Command("go", append(args, "./cmd/loquet")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, bytes.TrimSpace(out))
	}
	return nil
}

// enter replaces this process by itself in namespaces. It returns only when that cannot be done.
//
// /run becomes private, for `ip netns`, whose names then end with this process; "lo" has to be
// raised in a new network namespace.
func (l *Lab) enter() error {
	unshare, err := look("unshare")
	if err != nil {
		return err
	}
	flags := []string{"--net", "--mount"}
	if os.Geteuid() != 0 {
		flags = append(flags, "--user", "--map-root-user")
	}
	const prepare = `mount -t tmpfs none /run && ip link set lo up`
	if out, err := exec.Command(unshare, append(flags, "sh", "-c", prepare)...).CombinedOutput(); err != nil {
		return fmt.Errorf("unshare %s: %w: %s", strings.Join(flags, " "), err, bytes.TrimSpace(out))
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	args := append([]string{"unshare"}, flags...)
	args = append(args, "sh", "-c", prepare+` && exec "$0" "$@"`, self)
	args = append(args, os.Args[1:]...)
	env := append(os.Environ(), envInside+"="+l.dir, "PATH="+searchPath())
	return syscall.Exec(unshare, args, env)
}

// name returns a name for a namespace or an interface (15 bytes at most) that is new in this process.
func (l *Lab) name(prefix string) string {
	return fmt.Sprintf("%s%d", prefix, l.names.Add(1))
}

// searchPath adds the folders of administration to PATH: users without root often lack them.
func searchPath() string { return os.Getenv("PATH") + ":/usr/sbin:/sbin" }

func look(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, again := exec.LookPath(filepath.Join(dir, name)); again == nil {
			return path, nil
		}
	}
	return "", err
}

// Folder returns the path of a folder of this module.
func Folder(t testing.TB, parts ...string) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{root}, parts...)...)
}

func moduleRoot() (string, error) {
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("no source path in this test binary (-trimpath?)")
	}
	return filepath.Dir(filepath.Dir(file)), nil
}

// TempDir makes a folder with a short path: a unix socket in it must fit in 108 bytes, and the folders
// of testing.T carry the test's name.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lq")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
