package matter

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// limit is for one thing to happen on a machine that has much else to do.
const limit = 2 * time.Minute

// program is a process that speaks in lines of JSON.
type program struct {
	process *e2e.Process
	lines   chan json.RawMessage
}

func start(t *testing.T, c e2e.Command) *program {
	t.Helper()
	out, in := io.Pipe()
	c.Stdout = in
	p := &program{process: e2e.Start(t, c), lines: make(chan json.RawMessage, 1024)}
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
func startBridge(t *testing.T, host *e2e.Host, state string, contacts int, more ...string) (*program, setup) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	env := append([]string{envState + "=" + state, envDevice + "=" + host.Device, fmt.Sprintf("%s=%d", envNumber, contacts)}, more...)
	p := start(t, e2e.Command{Host: host, Name: self, Env: env})
	var s setup
	p.next(t, "its codes", limit, func(line json.RawMessage) bool { return json.Unmarshal(line, &s) == nil })
	return p, s
}

// phone is matter.js as the controller.
type phone struct {
	*program
	last   int
	logs   []string // what it logged, as far as was read
	events []event  // what happened, as far as was read
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
	Text      string
	Name      string           // of an event
	Data      []map[string]any // its data
}

func (p *phone) event(t *testing.T, what string, want func(event) bool) {
	t.Helper()
	p.next(t, what, limit, func(line json.RawMessage) bool {
		e := p.read(line)
		return e.Event != "" && want(e)
	})
}

// read takes note of what the controller logs.
func (p *phone) read(line json.RawMessage) event {
	var e event
	if json.Unmarshal(line, &e) != nil {
		return event{}
	}
	switch e.Event {
	case "log":
		p.logs = append(p.logs, e.Text)
	case "event":
		p.events = append(p.events, e)
	}
	return e
}

// do lets the controller do something and returns what came of it.
func (p *phone) do(t *testing.T, verb string, fields map[string]any) (json.RawMessage, error) {
	t.Helper()
	p.order(t, verb, fields)
	return p.answer(t, verb)
}

func (p *phone) order(t *testing.T, verb string, fields map[string]any) {
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
}

func (p *phone) answer(t *testing.T, verb string) (json.RawMessage, error) {
	t.Helper()
	var r struct {
		ID    int
		OK    json.RawMessage
		Error string
	}
	p.next(t, "an answer to "+verb, limit, func(line json.RawMessage) bool {
		p.read(line)
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

// contact waits until the controller is told of a change. matter.js tells only what differs from what it held.
func (p *phone) contact(t *testing.T, endpoint int, value string) {
	t.Helper()
	p.event(t, fmt.Sprintf("contact %d %s", endpoint, value), func(e event) bool {
		return e.Event == "attribute" && e.Endpoint == endpoint && e.Cluster == 0x45 && string(e.Value) == value
	})
}

// logged waits for a line of the controller's log with all of these words, which may have been read already.
func (p *phone) logged(t *testing.T, words ...string) {
	t.Helper()
	all := func(text string) bool {
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
	}
	if slices.ContainsFunc(p.logs, all) {
		return
	}
	p.event(t, fmt.Sprintf("a log of %q", words), func(e event) bool { return e.Event == "log" && all(e.Text) })
}

// happened waits for an event of the node, which may have been read already.
func (p *phone) happened(t *testing.T, what string, want func(event) bool) {
	t.Helper()
	if !slices.ContainsFunc(p.events, want) {
		p.event(t, what, func(e event) bool { return e.Event == "event" && want(e) })
	}
}

// never fails the test when the controller has logged one of these since the log was last forgotten.
func (p *phone) never(t *testing.T, words ...string) {
	t.Helper()
	for _, text := range p.logs {
		if slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) }) {
			t.Errorf("logged: %s", text)
		}
	}
}
