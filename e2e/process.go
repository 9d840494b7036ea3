package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Command is a program to start.
type Command struct {
	Host   *Host // where; nil: the network of the test itself
	Name   string
	Args   []string
	Env    []string // beside the test's own
	Stdout io.Writer
}

// Process is a program that this test started. Only such are ever signalled, by their pid.
type Process struct {
	name  string
	cmd   *exec.Cmd
	stdin io.WriteCloser
	log   *tail
	done  chan struct{}
	err   error // valid when done is closed
}

// Start starts a program, which is killed at the end of the test at the latest. Its output goes to the
// test's log if the test fails.
func Start(t testing.TB, c Command) *Process {
	t.Helper()
	p, err := start(c)
	if err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.done
		if t.Failed() {
			t.Logf("--- %s said:\n%s", p.name, p.log)
		}
	})
	return p
}

func start(c Command) (*Process, error) {
	path, err := look(c.Name)
	if err != nil {
		return nil, err
	}
	args := c.Args
	if c.Host != nil {
		args = append([]string{"netns", "exec", c.Host.Name, path}, args...)
		if path, err = look("ip"); err != nil {
			return nil, err
		}
	}
	p := &Process{name: c.Name + " " + strings.Join(c.Args, " "), log: &tail{}, done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Env = append(environment(), c.Env...)
	p.cmd.Stdout, p.cmd.Stderr = p.log, p.log
	if c.Stdout != nil {
		p.cmd.Stdout = c.Stdout
	}
	// A test binary that dies (a panic, a time-out) takes its programs with it.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// environment is the test's own without what would point loquet at another house.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "LOQUET_") || name == "RUNTIME_DIRECTORY" || name == "NOTIFY_SOCKET" || name == "WATCHDOG_USEC" {
			continue
		}
		env = append(env, v)
	}
	return env
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stdin writes to the program.
func (p *Process) Stdin() io.Writer { return p.stdin }

// Signal sends a signal, unless the program has ended.
func (p *Process) Signal(s syscall.Signal) {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Signal(s)
	}
}

// Done is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Log is the last of what the program printed.
func (p *Process) Log() string { return p.log.String() }

// WaitKilled waits until the program has died of SIGKILL.
func (p *Process) WaitKilled(t testing.TB, limit time.Duration) {
	t.Helper()
	p.wait(t, limit)
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Fatalf("%s: ended with %v, not by a signal", p.name, p.err)
	}
}

// WaitExit waits until the program has ended by itself and returns its status.
func (p *Process) WaitExit(t testing.TB, limit time.Duration) int {
	t.Helper()
	p.wait(t, limit)
	var exit *exec.ExitError
	if errors.As(p.err, &exit) {
		return exit.ExitCode()
	}
	if p.err != nil {
		t.Fatalf("%s: %v", p.name, p.err)
	}
	return 0
}

func (p *Process) wait(t testing.TB, limit time.Duration) {
	t.Helper()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		t.Fatalf("%s: still running after %v", p.name, limit)
	}
}

// Run runs a program to its end, requires status 0 and returns what it printed on standard output.
func Run(t testing.TB, c Command, limit time.Duration) string {
	t.Helper()
	out, status := Output(t, c, limit)
	if status != 0 {
		t.Fatalf("%s %s: status %d\n%s", c.Name, strings.Join(c.Args, " "), status, out)
	}
	return out
}

// Output runs a program to its end and returns what it printed on standard output, and its status.
func Output(t testing.TB, c Command, limit time.Duration) (out string, status int) {
	t.Helper()
	var printed bytes.Buffer
	c.Stdout = &printed
	p := Start(t, c)
	_ = p.stdin.Close()
	status = p.WaitExit(t, limit)
	return printed.String(), status
}

// tail keeps the last of what a program prints.
type tail struct {
	mu   sync.Mutex
	kept []byte
	lost int
}

const tailSize = 64 << 10

func (l *tail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = append(l.kept, b...)
	if over := len(l.kept) - tailSize; over > 0 {
		l.kept = append(l.kept[:0], l.kept[over:]...)
		l.lost += over
	}
	return len(b), nil
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost > 0 {
		return fmt.Sprintf("(%d bytes before)\n%s", l.lost, l.kept)
	}
	return string(l.kept)
}
