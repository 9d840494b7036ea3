package garadget

import (
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
)

// sandboxed in the environment makes this binary forbid the clock, and become the program that follows it.
const sandboxed = "GARADGET_SANDBOX"

// TimeServed starts loquet as its service does on a machine whose time is kept right: in a sandbox that
// forbids the clock (ProtectClock= of systemd), with the word of the time service that it set the clock.
func TimeServed(t testing.TB, o *e2e.Options) {
	t.Helper()
	const word = "/run/systemd/timesync/synchronized" // /run is the tests' own
	if err := os.MkdirAll(filepath.Dir(word), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(word, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(word, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o.Prefix, o.Env = []string{self}, append(o.Env, sandboxed+"=1")
}

// forbidClock refuses the system calls that read and set how the clock is kept (seccomp(2)), and becomes
// the program in args. It returns only if it cannot.
func forbidClock(args []string) error {
	runtime.LockOSThread()
	const load, equal, back = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load}, // the number of the call
		{Code: equal, K: unix.SYS_ADJTIMEX, Jt: 2},
		{Code: equal, K: unix.SYS_CLOCK_ADJTIME, Jt: 1},
		{Code: back, K: unix.SECCOMP_RET_ALLOW},
		{Code: back, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0); err != nil { //nolint:gosec // what the call takes
		return err
	}
	return syscall.Exec(args[0], args, os.Environ())
}
