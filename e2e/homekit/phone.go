// Package homekit drives the npm HomeKit controller hap-controller, which was written elsewhere, against
// the built binary. A phone is one process of it, usually on a host of its own.
package homekit

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
)

// Phone is a running driver (node/driver.mjs) with any number of controllers.
type Phone struct {
	process *e2e.Process
	writing sync.Mutex

	mu       sync.Mutex
	last     int
	waiting  map[int]chan reply
	messages map[string][]Message // by controller
	gone     error                // why no more lines come
}

// Message is one event message of the bridge, with all the values that came in it.
type Message struct {
	At     time.Time
	Values []Value
	Ended  bool // not a message: the session with the subscriptions ended
}

// Value is a characteristic with its value, or with a status that is not 0.
type Value struct {
	ID
	Value  any `json:"value"`
	Status int `json:"status"`
}

func (v Value) String() string {
	if v.Status != 0 {
		return fmt.Sprintf("%v: status %d", v.ID, v.Status)
	}
	return fmt.Sprintf("%v=%v", v.ID, v.Value)
}

// ID names a characteristic.
type ID struct {
	AID uint64 `json:"aid"`
	IID uint64 `json:"iid"`
}

func (id ID) String() string { return fmt.Sprintf("%d.%d", id.AID, id.IID) }

// CallError is what the controller library threw: Status is HTTP's, or the code of a pairing error.
type CallError struct {
	Op      string          `json:"-"`
	Message string          `json:"message"`
	Status  int             `json:"status"`
	Body    json.RawMessage `json:"body"`
}

func (e *CallError) Error() string {
	return fmt.Sprintf("%s: %s (status %d) %s", e.Op, e.Message, e.Status, e.Body)
}

// PairingError returns the code of the pairing error (HAP R2 table 5-5) in err, 0 if there is none.
func PairingError(err error) int {
	var e *CallError
	if errors.As(err, &e) {
		return e.Status
	}
	return 0
}

type reply struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  *CallError      `json:"error"`

	Event   string  `json:"event"`
	As      string  `json:"as"`
	At      int64   `json:"at"`
	Values  []Value `json:"values"`
	Message string  `json:"message"`
}

// callLimit is above the deadline of the driver itself (10 s), which is above every deadline of HomeKit. pairLimit is
// that of a pairing: a library in JavaScript computes for a second on an idle machine, and on a busy one for many.
const (
	callLimit = 25 * time.Second
	pairLimit = 90 * time.Second
)

// NewPhone starts a driver on a host (nil: on the test's own loopback).
func NewPhone(t testing.TB, host *e2e.Host) *Phone {
	t.Helper()
	e2e.NeedCommand(t, "node", "make deps")
	folder := e2e.Folder(t, "e2e", "homekit", "node")
	if _, err := os.Stat(filepath.Join(folder, "node_modules", "hap-controller", "package.json")); err != nil {
		e2e.Skip(t, "hap-controller is not installed (make deps)")
	}
	out, in := io.Pipe()
	p := &Phone{waiting: map[int]chan reply{}, messages: map[string][]Message{}}
	p.process = e2e.Start(t, e2e.Command{Host: host, Name: "node", Args: []string{filepath.Join(folder, "driver.mjs")}, Stdout: in})
	go p.read(out)
	go func() {
		<-p.process.Done()
		_ = in.Close()
	}()
	return p
}

func (p *Phone) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			p.end(fmt.Errorf("a line that is not JSON: %q: %w", lines.Text(), err))
			return
		}
		p.deliver(r)
	}
	p.end(errors.New("the driver ended"))
}

func (p *Phone) deliver(r reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch r.Event {
	case "values":
		p.messages[r.As] = append(p.messages[r.As], Message{At: time.UnixMilli(r.At), Values: r.Values})
	case "disconnect":
		p.messages[r.As] = append(p.messages[r.As], Message{At: time.UnixMilli(r.At), Ended: true})
	case "":
		if answer, ok := p.waiting[r.ID]; ok {
			delete(p.waiting, r.ID)
			answer <- r
		}
	}
}

func (p *Phone) end(why error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = why
	for id, answer := range p.waiting {
		delete(p.waiting, id)
		close(answer)
	}
}

// Call sends one request and decodes its result into out, unless that is nil.
func (p *Phone) Call(op string, fields map[string]any, out any) error {
	answer := make(chan reply, 1)
	p.mu.Lock()
	if p.gone != nil {
		p.mu.Unlock()
		return p.gone
	}
	p.last++
	request := map[string]any{"id": p.last, "op": op}
	p.waiting[p.last] = answer
	p.mu.Unlock()
	for k, v := range fields {
		request[k] = v
	}
	var given time.Duration // the driver's deadline, where it is another one
	if ms, ok := request["timeout"].(int64); ok {
		given = time.Duration(ms) * time.Millisecond
	}
	line, err := json.Marshal(request)
	if err != nil {
		return err
	}
	p.writing.Lock()
	_, err = p.process.Stdin().Write(append(line, '\n'))
	p.writing.Unlock()
	if err != nil {
		return err
	}
	limit := time.NewTimer(given + callLimit)
	defer limit.Stop()
	select {
	case r, ok := <-answer:
		switch {
		case !ok:
			return fmt.Errorf("%s: %w", op, p.gone)
		case r.Error != nil:
			r.Error.Op = op
			return r.Error
		case out != nil:
			return json.Unmarshal(r.Result, out)
		}
		return nil
	case <-limit.C:
		// Bytes that do not decrypt make the library spin for ever.
		return fmt.Errorf("%s: the driver hangs", op)
	}
}

// Service is a bridge as the phone found it by mDNS.
type Service struct {
	Name     string   `json:"name"`
	Address  string   `json:"address"`
	All      []string `json:"allAddresses"`
	Port     int      `json:"port"`
	DeviceID string   `json:"id"`
	Config   int      `json:"c#"`
	Features int      `json:"ff"`
	Model    string   `json:"md"`
	Protocol string   `json:"pv"`
	State    int      `json:"s#"`
	Status   int      `json:"sf"`
	Category int      `json:"ci"`
}

// Where is the place of a bridge on the network.
type Where struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// Where returns the place of the bridge.
func (s Service) Where() Where { return Where{ID: s.DeviceID, Address: s.Address, Port: s.Port} }

// Search says what to look for; zero fields match everything.
type Search struct {
	ID    string
	Name  string
	Count int           // stop as soon as so many were found; 0: one
	Limit time.Duration // 0: 5 s
}

// Discover looks for bridges by mDNS. The library's cache lives as long as the process: only a new
// phone proves that a bridge is announced now.
func (p *Phone) Discover(t testing.TB, s Search) []Service {
	t.Helper()
	if s.Limit == 0 {
		s.Limit = 5 * time.Second
	}
	match := map[string]any{}
	if s.ID != "" {
		match["id"] = s.ID
	}
	if s.Name != "" {
		match["name"] = s.Name
	}
	var found struct {
		Services []Service `json:"services"`
	}
	fields := map[string]any{
		"match": match, "count": max(s.Count, 1),
		"deadline": s.Limit.Milliseconds(), "timeout": (s.Limit + 5*time.Second).Milliseconds(),
	}
	if err := p.Call("discover", fields, &found); err != nil {
		t.Fatal(err)
	}
	return found.Services
}

// Find is Discover for one bridge that must be there.
func (p *Phone) Find(t testing.TB, id string) Service {
	t.Helper()
	found := p.Discover(t, Search{ID: id})
	if len(found) == 0 {
		t.Fatalf("no bridge %s was found by mDNS", id)
	}
	return found[0]
}
