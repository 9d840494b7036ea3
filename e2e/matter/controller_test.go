package matter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

// Variables of the environment that make the test binary the device.
const (
	envState  = "LOQUET_E2E_MATTER_STATE"
	envDevice = "LOQUET_E2E_MATTER_INTERFACE"
	envNumber = "LOQUET_E2E_MATTER_CONTACTS"
)

func TestMain(m *testing.M) {
	if state := os.Getenv(envState); state != "" {
		number, err := strconv.Atoi(os.Getenv(envNumber))
		if err == nil {
			err = serve(state, os.Getenv(envDevice), number)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// program is a process that speaks in lines of JSON.
type program struct {
	process *e2e.Process
	lines   chan json.RawMessage
}

func start(t *testing.T, c e2e.Command) *program {
	t.Helper()
	out, in := io.Pipe()
	c.Stdout = in
	p := &program{process: e2e.Start(t, c), lines: make(chan json.RawMessage, 256)}
	go func() {
		defer close(p.lines)
		s := bufio.NewScanner(out)
		s.Buffer(nil, 16<<20)
		for s.Scan() {
			p.lines <- append(json.RawMessage(nil), s.Bytes()...)
		}
	}()
	go func() {
		<-p.process.Done()
		_ = in.Close()
	}()
	return p
}

func (p *program) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(p.process.Stdin(), line+"\n"); err != nil {
		t.Fatal(err)
	}
}

// next waits for a line that is wanted.
func (p *program) next(t *testing.T, what string, limit time.Duration, want func(json.RawMessage) bool) {
	t.Helper()
	end := time.After(limit)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				t.Fatalf("it ended before %s", what)
			}
			if want(line) {
				return
			}
		case <-end:
			t.Fatalf("after %s nothing of %s", limit, what)
		}
	}
}

// startBridge starts the device and waits until it can be commissioned.
func startBridge(t *testing.T, host *e2e.Host, state string, contacts int) (*program, setup) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, e2e.Command{Host: host, Name: self, Env: []string{envState + "=" + state, envDevice + "=" + host.Device, fmt.Sprintf("%s=%d", envNumber, contacts)}})
	var s setup
	p.next(t, "its codes", 30*time.Second, func(line json.RawMessage) bool { return json.Unmarshal(line, &s) == nil })
	return p, s
}

// phone is matter.js as the controller.
type phone struct {
	*program
	mu   sync.Mutex
	last int
}

func startPhone(t *testing.T, host *e2e.Host, state string) *phone {
	t.Helper()
	e2e.NeedCommand(t, "node", "make deps")
	folder := e2e.Folder(t, "e2e", "matter", "node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "@project-chip", "matter.js", "package.json")); err != nil {
		e2e.Skip(t, "matter.js is not installed (make deps)")
	}
	p := &phone{program: start(t, e2e.Command{Host: host, Name: "node", Args: []string{filepath.Join(folder, "controller.mjs"), state, host.Device}})}
	p.event(t, "ready", func(e event) bool { return e.Event == "ready" })
	return p
}

type event struct {
	Event     string
	Endpoint  int
	Cluster   int
	Attribute string
	Value     json.RawMessage
	State     int
}

const limit = 2 * time.Minute

func (p *phone) event(t *testing.T, what string, want func(event) bool) {
	t.Helper()
	p.next(t, what, limit, func(line json.RawMessage) bool {
		var e event
		return json.Unmarshal(line, &e) == nil && want(e)
	})
}

// do lets the controller do something and returns what came of it.
func (p *phone) do(t *testing.T, verb string, fields map[string]any) (json.RawMessage, error) {
	t.Helper()
	p.last++
	order := map[string]any{"id": p.last, "do": verb}
	for k, v := range fields {
		order[k] = v
	}
	b, err := json.Marshal(order)
	if err != nil {
		t.Fatal(err)
	}
	p.say(t, string(b))
	var r struct {
		ID    int
		OK    json.RawMessage
		Error string
	}
	p.next(t, "an answer to "+verb, limit, func(line json.RawMessage) bool {
		r.ID = 0
		return json.Unmarshal(line, &r) == nil && r.ID == p.last
	})
	if r.Error != "" {
		return nil, errors.New(verb + ": " + r.Error)
	}
	return r.OK, nil
}

func (p *phone) must(t *testing.T, verb string, fields map[string]any) json.RawMessage {
	t.Helper()
	out, err := p.do(t, verb, fields)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (p *phone) contact(t *testing.T, endpoint int, value string) {
	t.Helper()
	p.event(t, fmt.Sprintf("contact %d %s", endpoint, value), func(e event) bool {
		return e.Event == "attribute" && e.Endpoint == endpoint && e.Cluster == 0x45 && string(e.Value) == value
	})
}

// TestMatterJS lives through what a controller does with a bridge, with matter.js on the other end of a cable.
//
// It is not run at every push: now and then the report of a contact that changed right after a restart of the bridge
// does not come, and nobody knows yet why. The program has no Matter server until that is known.
func TestMatterJS(t *testing.T) {
	if os.Getenv("LOQUET_LONG") == "" {
		t.Skip("it fails now and then, and is looked into by hand: LOQUET_LONG=1 runs it")
	}
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	state := filepath.Join(folder, "bridge.json")
	bridge, codes := startBridge(t, home, state, 2)
	first := startPhone(t, elsewhere, filepath.Join(folder, "first"))
	first.must(t, "commission", map[string]any{"passcode": codes.Passcode, "discriminator": codes.Discriminator})

	bridge.say(t, "toggle 0")
	first.contact(t, 2, "true")
	bridge.say(t, "add")
	first.event(t, "the new contact", func(e event) bool { return e.Event == "structure" })
	first.must(t, "label", map[string]any{"label": "Villa"})
	var label []struct{ Value string }
	if err := json.Unmarshal(first.must(t, "read", map[string]any{"endpoint": 0, "cluster": 0x28, "attribute": 5}), &label); err != nil || len(label) != 1 || label[0].Value != "Villa" {
		t.Errorf("label %+v, %v", label, err)
	}

	// A second ecosystem is invited by the first.
	var invitation struct{ ManualPairingCode string }
	if err := json.Unmarshal(first.must(t, "window", nil), &invitation); err != nil {
		t.Fatal(err)
	}
	second := startPhone(t, elsewhere, filepath.Join(folder, "second"))
	second.must(t, "code", map[string]any{"code": invitation.ManualPairingCode})
	bridge.say(t, "toggle 1")
	first.contact(t, 3, "true")
	second.contact(t, 3, "true")

	// The bridge restarts, and finds both again by itself.
	bridge.process.Signal(syscall.SIGTERM)
	bridge.process.WaitExit(t, 30*time.Second)
	bridge, again := startBridge(t, home, state, 3)
	if again.Fabrics != 2 || again.Passcode != codes.Passcode {
		t.Fatalf("after a restart %+v", again)
	}
	for _, p := range []*phone{first, second} {
		p.event(t, "the way back", func(e event) bool { return e.Event == "state" && e.State == 0 })
	}
	bridge.say(t, "toggle 1")
	first.contact(t, 3, "true")
	second.contact(t, 3, "true")

	// One leaves, the other stays.
	second.must(t, "leave", nil)
	bridge.say(t, "toggle 0")
	first.contact(t, 2, "true")
	first.must(t, "leave", nil)
	for _, p := range []*phone{first, second} {
		p.must(t, "end", nil)
	}
}
