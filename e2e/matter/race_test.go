package matter

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
)

// coverer is a Matter controller that remembers what a covering told: 1 opening, 2 closing, 0 at rest, each as it changed.
type coverer struct {
	*phone
	endpoint int
	seen     []int
}

func (c *coverer) take(t *testing.T, line json.RawMessage) {
	t.Helper()
	var e event
	if json.Unmarshal(line, &e) != nil || e.Event != "attribute" || e.Endpoint != c.endpoint || e.Cluster != covering || e.Attribute != "operationalStatus" {
		return
	}
	var status struct{ Lift int }
	if err := json.Unmarshal(e.Value, &status); err != nil {
		t.Fatal(err)
	}
	c.seen = append(c.seen, status.Lift)
}

// answered waits for the answer to the last order.
func (c *coverer) answered(t *testing.T) {
	t.Helper()
	var r struct {
		ID    int
		Error string
	}
	c.next(t, "an answer", limit, func(line json.RawMessage) bool {
		c.take(t, line)
		r.ID = 0
		return json.Unmarshal(line, &r) == nil && r.ID == c.last
	})
	if r.Error != "" {
		t.Errorf("Matter: %s", r.Error)
	}
}

// motions are the same of what HomeKit told.
func motions(c *homekit.Controller, id homekit.ID) (all []int) {
	for _, m := range c.Messages() {
		for _, v := range m.Values {
			number, ok := v.Value.(float64)
			if v.ID != id || !ok {
				continue
			}
			lift := map[int]int{homekit.DoorOpening: 1, homekit.DoorClosing: 2, homekit.DoorOpen: 0, homekit.DoorClosed: 0}[int(number)]
			if len(all) == 0 || all[len(all)-1] != lift {
				all = append(all, lift)
			}
		}
	}
	return all
}

// TestTwoProtocolsAtOneDoor lets a HomeKit controller and a Matter controller, neither of them written here, ask the same of one
// door at the same moment, again and again: one pulse each time, and both see the door do the same.
func TestTwoProtocolsAtOneDoor(t *testing.T) {
	t.Parallel()
	const rounds = 3
	home, elsewhere := lab.Pair(t)
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "4"}})
	matter := &coverer{phone: startPhone(t, elsewhere, filepath.Join(e2e.TempDir(t), "phone"))}
	add(t, q, matter.phone)
	matter.endpoint = matter.named(t, "Garage", covering, 0)

	apple := homekit.NewPhone(t, elsewhere)
	bridge := q.Bridge(t)
	owner, err := apple.Pair("owner", apple.Find(t, bridge.DeviceID).Where(), bridge.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	door := homekit.Named(t, owner.Accessories(t), "Garage")
	target, current := door.Get(t, homekit.ServiceGarage, homekit.TypeTargetDoor).ID, door.Get(t, homekit.ServiceGarage, homekit.TypeCurrentDoor).ID
	owner.Subscribe(t, current)
	q.Await(t, "garage", "closed", limit)

	both := func(command string, value int, at string) {
		matter.order(t, "invoke", map[string]any{"endpoint": matter.endpoint, "cluster": "WindowCovering", "command": command})
		if _, err := owner.Write(target, value, homekit.Timed{}); err != nil {
			t.Errorf("HomeKit: %v", err)
		}
		matter.answered(t)
		q.Await(t, "garage", at, limit)
	}
	want := 0
	for range rounds {
		for _, move := range []struct {
			command string
			value   int
			at      string
		}{{"upOrOpen", homekit.DoorOpen, "open"}, {"downOrClose", homekit.DoorClosed, "closed"}} {
			both(move.command, move.value, move.at)
			want++
			if s := q.Sim(t, "garage"); int(s.PulsesTotal) != want {
				t.Fatalf("%s: %d pulses in the world, not %d", move.command, s.PulsesTotal, want)
			}
		}
	}
	var expected []int
	for range rounds {
		expected = append(expected, 1, 0, 2, 0)
	}
	if len(matter.seen) < len(expected) {
		matter.next(t, fmt.Sprintf("the rest of %v", matter.seen), limit, func(line json.RawMessage) bool {
			matter.take(t, line)
			return len(matter.seen) == len(expected)
		})
	}
	if !slices.Equal(matter.seen, expected) {
		t.Errorf("Matter saw %v, want %v", matter.seen, expected)
	}
	e2e.Until(t, limit, func() string {
		if got := motions(owner, current); !slices.Equal(got, expected) {
			return fmt.Sprintf("HomeKit saw %v, want %v", got, expected)
		}
		return ""
	})
}
