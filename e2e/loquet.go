package e2e

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// Options say how to start loquet.
type Options struct {
	Host   *Host    // where; nil: on the test's own loopback
	State  string   // the state folder; empty: a new one
	Config string   // the text of a configuration: `loquet run`; empty: `loquet demo`
	Args   []string // more arguments
	Env    []string
	Prefix []string // a command that starts what follows it, as setpriv does
	Binary string   // another build of loquet; empty: the lab's
}

// Loquet is a running bridge.
type Loquet struct {
	*Process
	*API
	Options Options
	lab     *Lab
	ready   string // path of the ready file
}

// Ready is the ready file: written once every listener accepts, and again when what it says changes.
type Ready struct {
	Version int `json:"version"`
	PID     int `json:"pid"`
	Console struct {
		URL   string `json:"url"`
		Token string `json:"token"`
	} `json:"console"`
	HomeKit []Bridge `json:"homekit"`
	Matter  *Matter  `json:"matter"` // nil: it cannot be added
}

// Matter is the Matter bridge in the ready file.
type Matter struct {
	Addr          string `json:"addr"`
	Passcode      uint32 `json:"passcode"`
	Discriminator uint16 `json:"discriminator"`
	ManualCode    string `json:"manual_code"`
	QR            string `json:"qr"`
}

// Bridge is one HomeKit bridge in the ready file. The codes are there only while it can pair.
type Bridge struct {
	Name        string `json:"name"`
	Addr        string `json:"addr"`
	DeviceID    string `json:"device_id"`
	SetupCode   string `json:"setup_code"`
	SetupURI    string `json:"setup_uri"`
	Paired      bool   `json:"paired"`
	Accessories int    `json:"accessories"`
}

// startLimit is far above what a start takes (a fraction of a second), for a machine that is busy.
const startLimit = time.Minute

// Start starts loquet and waits until it is ready.
func (l *Lab) Start(t testing.TB, o Options) *Loquet {
	t.Helper()
	if o.State == "" {
		o.State = filepath.Join(TempDir(t), "state")
	}
	q := &Loquet{Options: o, lab: l, ready: filepath.Join(TempDir(t), "ready.json")}
	args := []string{"demo"}
	if o.Config != "" {
		file := filepath.Join(filepath.Dir(q.ready), "loquet.yaml")
		if err := os.WriteFile(file, []byte(o.Config), 0o600); err != nil {
			t.Fatal(err)
		}
		args = []string{"run", "--config", file}
	}
	args = append(args, "--state", o.State, "--ready-file", q.ready)
	if o.Host == nil {
		args = append(args, "--interface", "lo", "--homekit", "127.0.0.1:0", "--matter", "127.0.0.1:0", "--console", "127.0.0.1:0")
	} else {
		// Every test has hosts of its own: the usual ports are free.
		args = append(args, "--interface", o.Host.Device)
	}
	if o.Binary == "" {
		o.Binary = l.Binary(t)
	}
	command := append(slices.Clone(o.Prefix), o.Binary)
	command = append(append(command, args...), o.Args...)
	q.Process = Start(t, Command{Host: o.Host, Name: command[0], Args: command[1:],
		// a demo leaves a pointer for the commands of its user: not this user's
		Env: append([]string{"TMPDIR=" + filepath.Dir(q.ready), "XDG_RUNTIME_DIR="}, o.Env...)})
	q.API = newAPI(filepath.Join(o.State, "loquet.sock"))
	q.awaitReady(t)
	return q
}

func (q *Loquet) awaitReady(t testing.TB) {
	t.Helper()
	Until(t, startLimit, func() string {
		select {
		case <-q.Done():
			t.Fatalf("loquet ended before it was ready:\n%s", q.Log())
		default:
		}
		r, err := q.readReady()
		switch {
		case err != nil:
			return "the ready file: " + err.Error()
		case r.PID != q.PID():
			return "a ready file of this process"
		}
		return ""
	})
}

// Ready reads the ready file.
func (q *Loquet) Ready(t testing.TB) Ready {
	t.Helper()
	r, err := q.readReady()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Bridge returns the first HomeKit bridge of the ready file.
func (q *Loquet) Bridge(t testing.TB) Bridge {
	t.Helper()
	r := q.Ready(t)
	if len(r.HomeKit) == 0 {
		t.Fatal("the ready file has no HomeKit bridge")
	}
	return r.HomeKit[0]
}

func (q *Loquet) readReady() (Ready, error) {
	var r Ready
	b, err := os.ReadFile(q.ready)
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(b, &r)
}

// Stop ends loquet as a service manager would and requires a clean end.
func (q *Loquet) Stop(t testing.TB) {
	t.Helper()
	q.Signal(syscall.SIGTERM)
	if status := q.WaitExit(t, 10*time.Second); status != 0 {
		t.Fatalf("loquet ended with status %d:\n%s", status, q.Log())
	}
	if _, err := os.Stat(q.ready); !os.IsNotExist(err) {
		t.Errorf("the ready file is still there after a clean stop (%v)", err)
	}
}

// Kill ends loquet as a power cut of the process would.
func (q *Loquet) Kill(t testing.TB) {
	t.Helper()
	q.Signal(syscall.SIGKILL)
	q.WaitKilled(t, 10*time.Second)
}

// Again starts loquet again on the same state, after change (which may be nil) had its say.
func (q *Loquet) Again(t testing.TB, change func(*Options)) *Loquet {
	t.Helper()
	o := q.Options
	if change != nil {
		change(&o)
	}
	return q.lab.Start(t, o)
}

// StartWorld starts a simulated world in a process of its own, so that it outlives a killed bridge, and
// returns the socket for `--world`.
func (l *Lab) StartWorld(t testing.TB, args ...string) (socket string) {
	t.Helper()
	socket = filepath.Join(TempDir(t), "world.sock")
	p := Start(t, Command{Name: l.Binary(t), Args: append([]string{"world", socket}, args...)})
	Until(t, startLimit, func() string {
		select {
		case <-p.Done():
			t.Fatalf("the world ended:\n%s", p.Log())
		default:
		}
		conn, err := net.Dial("unix", socket) // there is a moment in which the file is there and nobody listens
		if err != nil {
			return "the socket of the world: " + err.Error()
		}
		_ = conn.Close()
		return ""
	})
	return socket
}
