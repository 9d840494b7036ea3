package wiring

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 60 * time.Second

// terminal is a PTY with a program at its near end.
type terminal struct {
	t    *testing.T
	far  *os.File
	done chan error

	mu    sync.Mutex
	shown bytes.Buffer
	read  int
}

func open(t *testing.T, args ...string) *terminal {
	t.Helper()
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(lab.Binary(t), args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = near, near, near
	home := t.TempDir() // it looks for a running bridge there too, and must not find somebody else's
	cmd.Env = append(os.Environ(), "XDG_RUNTIME_DIR=", "HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &terminal{t: t, far: far, done: make(chan error, 1)}
	go func() { p.done <- cmd.Wait() }()
	go func() { _, _ = io.Copy(p, far) }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		near.Close()
		far.Close()
	})
	return p
}

func (p *terminal) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.Write(b)
}

// sees waits until something new is on the screen.
func (p *terminal) sees(text string) {
	p.t.Helper()
	e2e.Until(p.t, limit, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		i := strings.Index(p.shown.String()[p.read:], text)
		if i < 0 {
			return fmt.Sprintf("%q on the screen:\n%s", text, p.shown.String())
		}
		p.read += i + len(text)
		return ""
	})
}

func (p *terminal) types(line string) {
	p.t.Helper()
	if _, err := io.WriteString(p.far, line+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

func (p *terminal) ends(code int) {
	p.t.Helper()
	select {
	case err := <-p.done:
		got := 0
		if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // Wait returns it bare
			got = exit.ExitCode()
		}
		if got != code {
			p.t.Errorf("it ended with %d, %v, want %d", got, err, code)
		}
	case <-time.After(limit):
		p.t.Fatal("it does not end")
	}
}

// at waits for the garage to stand at a place.
func at(t *testing.T, w *world.World, position float64) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if s := w.Status(t, "garage"); s.Position != position || s.Moving != "no" {
			return fmt.Sprintf("the door to be at %v: %+v", position, s)
		}
		return ""
	})
}

// An owner wires a garage: the door is moved by hand, ten seconds pass, two times yes, one pulse, and a
// configuration that the bridge takes.
func TestWire(t *testing.T) {
	w := world.Start(t, sim.DemoHouse(), 20)
	config := filepath.Join(t.TempDir(), "loquet.yaml")
	text := "# ours\nhome: {name: Rose}\nboards:\n  house: {driver: sim, world: " + w.Socket + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, "wire", "--config", config)
	p.sees("1 or 2?")
	p.types("1")
	p.sees("Relay:")
	p.types("house:garage/relay")
	p.sees("Contact:")
	p.types("house:garage/closed")
	p.sees("Is it wired like this?")
	p.types("yes")
	p.sees("made: the door is closed")
	w.Happen(t, "garage", "wall-button")
	p.sees("open: the door is not closed")
	at(t, w, 1)
	w.Happen(t, "garage", "wall-button")
	p.sees("made: the door is closed")
	at(t, w, 0)
	p.types("")
	p.sees("watched for 10s")
	began := time.Now()
	p.sees("Good: it did not change")
	if took := time.Since(began); took < 9*time.Second {
		t.Errorf("ten seconds took %v", took)
	}
	p.sees("[yes/no]")
	p.types("yes")
	p.sees("its lamp dark?")
	p.types("yes")
	p.sees("energise house:garage/relay once")
	p.sees("[yes/no]")
	if s := w.Status(t, "garage"); s.PulsesTotal != 0 {
		t.Errorf("%d pulses before the last yes", s.PulsesTotal)
	}
	p.types("yes")
	p.sees("The contact changed after")
	p.types("yes")
	p.sees("What is the door called?")
	p.types("Garage")
	p.sees("Write it?")
	p.types("yes")
	p.sees("Written")
	p.ends(0)
	if s := w.Status(t, "garage"); s.PulsesTotal != 1 {
		t.Errorf("%d pulses, want one", s.PulsesTotal)
	}
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"check", config}}, limit)
	written, err := os.ReadFile(config)
	if err != nil || !strings.HasPrefix(string(written), text) || !strings.Contains(string(written), "house:garage/relay") {
		t.Errorf("%v\n%s", err, written)
	}
	kept, err := filepath.Glob(config + ".before-*")
	if err != nil || len(kept) != 1 {
		t.Errorf("%v, %v", kept, err)
	}
}

// Ctrl-C, a bridge that runs, and no terminal: nothing moves and nothing is written.
func TestRefused(t *testing.T) {
	w := world.Start(t, sim.DemoHouse(), 20)
	config := filepath.Join(t.TempDir(), "loquet.yaml")
	text := "home: {name: Rose}\nboards:\n  house: {driver: sim, world: " + w.Socket + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := open(t, "wire", "--config", config)
	p.sees("1 or 2?")
	if _, err := p.far.Write([]byte{4}); err != nil { // the end of what is typed
		t.Fatal(err)
	}
	p.sees("nothing was written")
	p.ends(1)

	q := lab.Start(t, e2e.Options{})
	p = open(t, "wire", "--config", config, "--state", q.Options.State)
	p.sees("a bridge is running")
	p.sees("systemctl stop loquet")
	p.ends(1)

	if out, status := e2e.Output(t, e2e.Command{Name: lab.Binary(t), Args: []string{"wire", "--config", config}}, limit); status != 1 {
		t.Errorf("without a terminal: status %d, %s", status, out)
	}
	if now, err := os.ReadFile(config); err != nil || string(now) != text || w.Status(t, "garage").PulsesTotal != 0 {
		t.Errorf("%v\n%s", err, now)
	}
}
