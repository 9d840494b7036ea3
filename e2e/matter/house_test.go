package matter

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// Clusters and what of them these tests read.
const (
	doorLock   = 0x101
	covering   = 0x102
	bridged    = 0x39
	lockState  = 0
	nodeLabel  = 5
	lockLocked = "1"
	lockOpen   = "2"
)

// value is one attribute as the controller read it.
type value struct {
	EndpointID  int
	ClusterID   int
	AttributeID int
	Value       json.RawMessage
}

// everywhere asks for one attribute of every endpoint that has it.
func (p *phone) everywhere(t *testing.T, cluster, attribute int) map[int]string {
	t.Helper()
	var list []value
	raw := p.must(t, "readEverywhere", map[string]any{"cluster": cluster, "attribute": attribute})
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	out := map[int]string{}
	for _, v := range list {
		out[v.EndpointID] = string(v.Value)
	}
	return out
}

// named is the endpoint that has a name and a cluster.
func (p *phone) named(t *testing.T, name string, cluster, attribute int) int {
	t.Helper()
	names := p.everywhere(t, bridged, nodeLabel)
	for endpoint := range p.everywhere(t, cluster, attribute) {
		if names[endpoint] == fmt.Sprintf("%q", name) {
			return endpoint
		}
	}
	t.Fatalf("no endpoint %q with cluster %#x among %v", name, cluster, names)
	return 0
}

// told waits until a subscription says that an attribute has a value.
func (p *phone) told(t *testing.T, endpoint, cluster int, attribute, want string) {
	t.Helper()
	p.event(t, fmt.Sprintf("%s of %d is %s", attribute, endpoint, want), func(e event) bool {
		return e.Event == "attribute" && e.Endpoint == endpoint && e.Cluster == cluster && e.Attribute == attribute && string(e.Value) == want
	})
}

func (p *phone) lock(t *testing.T, endpoint int, command string) error {
	t.Helper()
	_, err := p.do(t, "invoke", map[string]any{"endpoint": endpoint, "cluster": "DoorLock", "command": command, "fields": map[string]any{}})
	return err
}

// add lets a controller add the house by what the ready file says.
func add(t *testing.T, q *e2e.Loquet, p *phone) {
	t.Helper()
	m := q.Ready(t).Matter
	if m == nil {
		t.Fatal("it cannot be added")
	}
	p.must(t, "commission", map[string]any{"passcode": m.Passcode, "discriminator": m.Discriminator})
}

// TestTheHouse lives through a day of the program itself with matter.js on the other end of a cable: added, read, locked and
// unlocked, told of hands at the door, shared with a second ecosystem, restarted on both sides, removed.
func TestTheHouse(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "20"}})
	first := startPhone(t, elsewhere, filepath.Join(folder, "first"))
	add(t, q, first)
	e2e.Until(t, limit, func() string {
		if q.Ready(t).Matter != nil {
			return "the code is still shown"
		}
		return ""
	})

	names := first.everywhere(t, bridged, nodeLabel)
	for _, want := range []string{"Garage", "Gate", "Front door", "Studio"} {
		if !slices.Contains(slices.Collect(maps.Values(names)), fmt.Sprintf("%q", want)) {
			t.Errorf("no %s among %v", want, names)
		}
	}
	front := first.named(t, "Front door", doorLock, lockState)
	if got := first.everywhere(t, doorLock, lockState)[front]; got != lockLocked {
		t.Errorf("the front door is %s", got)
	}
	// What could have been kept back on the way, or said again, moves no bolt (Matter 1.4 5.2.10: timed only; status 0xC6).
	if _, err := first.do(t, "untimed", map[string]any{"endpoint": front, "cluster": "DoorLock", "command": "unlockDoor"}); err == nil || !strings.Contains(err.Error(), "198") {
		t.Errorf("an untimed order: %v", err)
	}
	if s := q.Sim(t, "front"); s.Pulses != 0 {
		t.Errorf("%d pulses of an untimed order", s.Pulses)
	}
	if err := first.lock(t, front, "unlockDoor"); err != nil {
		t.Fatal(err)
	}
	first.told(t, front, doorLock, "lockState", lockOpen)
	q.Await(t, "front", "unsecured", limit)
	if s := q.Sim(t, "front"); s.Pulses != 1 {
		t.Errorf("%d pulses", s.Pulses)
	}
	if err := first.lock(t, front, "lockDoor"); err != nil {
		t.Fatal(err)
	}
	first.told(t, front, doorLock, "lockState", lockLocked)

	// A garage of the demo opens as a covering.
	garage := first.named(t, "Garage", covering, 0)
	if _, err := first.do(t, "invoke", map[string]any{"endpoint": garage, "cluster": "WindowCovering", "command": "upOrOpen"}); err != nil {
		t.Fatal(err)
	}
	q.Await(t, "garage", "open", limit)

	// A second ecosystem comes by the owner's window and its code.
	open := pairMatter(t, q)
	second := startPhone(t, elsewhere, filepath.Join(folder, "second"))
	second.must(t, "code", map[string]any{"code": open.ManualCode})
	if err := second.lock(t, front, "unlockDoor"); err != nil {
		t.Fatal(err)
	}
	first.told(t, front, doorLock, "lockState", lockOpen)
	second.told(t, front, doorLock, "lockState", lockOpen)

	// The house restarts, and tells both by itself that somebody locked meanwhile.
	q.Signal(syscall.SIGTERM)
	q.WaitExit(t, limit)
	q = q.Again(t, nil)
	q.Await(t, "front", "secured", limit) // a new simulated world: everything is at rest in it
	first.told(t, front, doorLock, "lockState", lockLocked)
	second.told(t, front, doorLock, "lockState", lockLocked)

	// A controller restarts.
	second.must(t, "end", nil)
	second = startPhone(t, elsewhere, filepath.Join(folder, "second"))
	second.must(t, "connect", nil)
	if err := second.lock(t, front, "unlockDoor"); err != nil {
		t.Fatal(err)
	}
	first.told(t, front, doorLock, "lockState", lockOpen)

	// The owner throws the first out; the second stays.
	var list []struct {
		ID, Label string
		Sessions  int
	}
	q.Do(t, "GET", "/api/v1/pairings", nil, &list)
	if len(list) != 2 {
		t.Fatalf("%+v", list)
	}
	for _, p := range list {
		if p.Label == "first" {
			q.Do(t, "DELETE", "/api/v1/pairings/"+p.ID, nil, nil)
		}
	}
	q.Do(t, "GET", "/api/v1/pairings", nil, &list)
	if len(list) != 1 || list[0].Label != "second" {
		t.Errorf("%+v", list)
	}
	if err := second.lock(t, front, "lockDoor"); err != nil {
		t.Error(err)
	}
	second.must(t, "leave", nil)
	second.must(t, "end", nil)
	e2e.Until(t, limit, func() string {
		if q.Ready(t).Matter == nil {
			return "it cannot be added again"
		}
		return ""
	})
}

// TestOnOneHost does it with the controller on the machine of the bridge, as Home Assistant is.
func TestOnOneHost(t *testing.T) {
	t.Parallel()
	home, _ := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "20"}})
	p := startPhone(t, home, filepath.Join(e2e.TempDir(t), "phone"))
	add(t, q, p)
	front := p.named(t, "Front door", doorLock, lockState)
	if err := p.lock(t, front, "unlockDoor"); err != nil {
		t.Fatal(err)
	}
	p.told(t, front, doorLock, "lockState", lockOpen)
	p.must(t, "end", nil)
}

type matterBridge struct {
	Open       bool   `json:"open"`
	ManualCode string `json:"manual_code"`
}

// pairMatter is what `loquet pair matter` asks for.
func pairMatter(t *testing.T, q *e2e.Loquet) (b matterBridge) {
	t.Helper()
	q.Do(t, "POST", "/api/v1/pair/matter", nil, &b)
	if !b.Open || b.ManualCode == "" {
		t.Fatalf("%+v", b)
	}
	return b
}
