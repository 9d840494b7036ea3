package process

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

// controller is one phone of HomeKit that stays paired through all lives of the bridge.
type controller struct {
	who     *haptest.Controller
	bridge  *haptest.Accessory
	targets map[string]haptest.ID // by the device's name
	numbers string                // all aids, iids and types, as they were at first
}

// pairController pairs with a bridge and remembers what it serves.
func pairController(t *testing.T, b e2e.Bridge) *controller {
	t.Helper()
	client, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c := &controller{who: client.Controller, targets: map[string]haptest.ID{}}
	if c.bridge, err = client.PairSetup(b.SetupCode); err != nil {
		t.Fatal(err)
	}
	if err := client.PairVerify(c.bridge); err != nil {
		t.Fatal(err)
	}
	c.numbers = c.list(t, client)
	return c
}

// connect opens a session: it proves that the pairing and the bridge's identity are whole.
func (c *controller) connect(t *testing.T, b e2e.Bridge) *haptest.Client {
	t.Helper()
	dialed, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	client := haptest.New(dialed.Conn(), c.who)
	client.Timeout = patience
	if err := client.PairVerify(c.bridge); err != nil {
		t.Fatalf("the pairing is gone: %v", err)
	}
	return client
}

// list returns the ids and types of everything that the bridge serves, and notes the targets.
func (c *controller) list(t *testing.T, client *haptest.Client) string {
	t.Helper()
	body, err := client.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	var served struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Type            string
				IID             uint64
				Characteristics []struct {
					Type  string
					IID   uint64
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &served); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, a := range served.Accessories {
		name := ""
		for _, s := range a.Services {
			fmt.Fprintf(&all, "%d.%d %s\n", a.AID, s.IID, s.Type)
			for _, ch := range s.Characteristics {
				fmt.Fprintf(&all, "%d.%d %s\n", a.AID, ch.IID, ch.Type)
				switch short(s.Type) + "/" + short(ch.Type) {
				case "3E/23": // the name in the accessory's information
					name, _ = ch.Value.(string)
				case "41/32", "45/1E": // the target of a door, of a lock
					c.targets[name] = haptest.ID{AID: a.AID, IID: ch.IID}
				}
			}
		}
	}
	return all.String()
}

func short(uuid string) string {
	first, _, _ := strings.Cut(uuid, "-")
	return strings.TrimLeft(first, "0")
}

// write sends a timed write. It reports whether the bridge answered that it is done: any other end,
// a connection that broke above all, says nothing.
func (c *controller) write(client *haptest.Client, d e2e.Device, action string) (done bool, err error) {
	target, ok := c.targets[d.Name]
	if !ok {
		return false, fmt.Errorf("%s has no target in HomeKit", d.ID)
	}
	value := map[string]int{"open": 0, "close": 1, "unlock": 0, "lock": 1}[action]
	pid := uint64(time.Now().UnixNano())
	if err := client.Prepare(5000, pid); err != nil {
		return false, err
	}
	results, err := client.PutTimed(pid, haptest.Put{AID: target.AID, IID: target.IID, Value: value})
	return err == nil && results == nil, err
}
