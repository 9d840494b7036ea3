package gpio

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A message that is read is the message that was sent, and nothing else is one.
func TestWardMessages(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := wardMessage{
			op: wardOp(rapid.IntRange(int(wardAdd), int(wardPing)).Draw(t, "op")), rest: rapid.Bool().Draw(t, "rest"),
			id: rapid.Uint32().Draw(t, "id"), after: time.Duration(rapid.Int64Min(0).Draw(t, "after")),
		}
		if got, ok := parseWard(m.bytes()); !ok || got != m {
			t.Fatalf("%+v became %+v, %v", m, got, ok)
		}
		b := rapid.SliceOfN(rapid.Byte(), 0, 24).Draw(t, "bytes")
		if got, ok := parseWard(b); ok && string(got.bytes()) != string(b) {
			t.Fatalf("%x was read as %+v", b, got)
		}
	})
}

func FuzzWard(f *testing.F) {
	f.Add(wardMessage{op: wardArm, id: 7, after: time.Second}.bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, ok := parseWard(b); ok && (m.after < 0 || m.op < wardAdd || m.op > wardPing) {
			t.Errorf("%+v", m)
		}
	})
}

// next waits for what the owner is told.
func next(t *testing.T, told <-chan bool) bool {
	t.Helper()
	select {
	case on := <-told:
		return on
	case <-time.After(30 * time.Second):
		t.Fatal("nobody is told anything")
		return false
	}
}

// handed is a request whose line is any descriptor.
type handed struct {
	request
	f *os.File
}

func (h handed) file() *os.File { return h.f }

// The guard comes with the first line, is replaced when it dies, gives descriptors back when it is asked,
// and ends with its daemon.
func TestGuardProcess(t *testing.T) {
	told := make(chan bool, 9)
	env := watched(true, func(_ string, on bool) { told <- on })
	g := newGuard(env)
	closed := false
	defer func() {
		if !closed {
			_ = g.Close()
		}
	}()
	if g.pid() != 0 {
		t.Error("it runs without a line")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	line := g.add(handed{f: w}, false)
	if next(t, told) {
		t.Fatal("it did not come")
	}
	first := g.pid()
	if err := syscall.Kill(first, syscall.SIGTERM); err != nil { // what ends a service's processes does not end it
		t.Fatal(err)
	}
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if !next(t, told) || next(t, told) || g.pid() == first {
		t.Error("it was not replaced")
	}
	line.drop()
	w.Close()
	if err := r.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err == nil || os.IsTimeout(err) {
		t.Errorf("somebody still has the descriptor: %v", err)
	}
	last := g.pid()
	closed = true
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Kill(last, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it outlives its daemon: %v", err)
	}
}

func TestGuardIsNotStartedByHand(t *testing.T) {
	out, err := exec.Command("/proc/self/exe", guardChild).CombinedOutput()
	if err == nil || len(out) == 0 {
		t.Errorf("%v: %s", err, out)
	}
}

// A guard that cannot be started is told of; the line is there all the same.
func TestGuardThatCannotBeStarted(t *testing.T) {
	told := make(chan bool, 9)
	env := watched(true, func(_ string, on bool) { told <- on })
	env.Guard = []string{"/nowhere/loquet", "guard"}
	g := newGuard(env)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	line := g.add(handed{f: w}, false)
	if !next(t, told) {
		t.Error("it is there")
	}
	line.arm(time.Second)
	line.calm()
	line.drop()
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	var none *guard
	nobody := none.add(handed{f: w}, false)
	nobody.arm(time.Second)
	nobody.calm()
	nobody.drop()
	if err := none.Close(); err != nil {
		t.Error(err)
	}
}
