package matter

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

var lab *e2e.Lab

// Variables of the environment that make the test binary the device.
const (
	envState  = "LOQUET_E2E_MATTER_STATE"
	envDevice = "LOQUET_E2E_MATTER_INTERFACE"
	envNumber = "LOQUET_E2E_MATTER_CONTACTS"
	envHouse  = "LOQUET_E2E_MATTER_HOUSE" // a lock with users, a covering and a closure instead
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
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4") // a number is one: houses and controllers wait most of the time, whatever the processors
	}
	m.Run()
}

// TestMatterJS lives through what a controller does with a bridge, with matter.js on the other end of a cable.
func TestMatterJS(t *testing.T) {
	t.Parallel()
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

	// The bridge restarts, and finds both again by itself: its contacts are as they were made, and both are told so. Only then
	// is another change sure to be one to them: had it come before, they would be told that contact 3 is what it was. That
	// matter.js calls itself connected says nothing here: the farewell of the old bridge can make it say so.
	bridge.process.Signal(syscall.SIGTERM)
	bridge.process.WaitExit(t, limit)
	bridge, again := startBridge(t, home, state, 3)
	if again.Fabrics != 2 || again.Passcode != codes.Passcode {
		t.Fatalf("after a restart %+v", again)
	}
	first.contact(t, 3, "false")
	second.contact(t, 3, "false")
	bridge.say(t, "toggle 1")
	first.contact(t, 3, "true")
	second.contact(t, 3, "true")

	// One leaves, the other stays.
	second.must(t, "leave", nil)
	if left := first.fabrics(t); len(left) != 1 || left[0].Label != "first" {
		t.Errorf("after one left: %+v", left)
	}
	bridge.say(t, "toggle 0")
	first.contact(t, 2, "true")
	first.must(t, "leave", nil)
	for _, p := range []*phone{first, second} {
		p.must(t, "end", nil)
	}
}
