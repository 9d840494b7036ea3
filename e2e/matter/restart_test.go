package matter

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// TestRestarts ends and kills the bridge, ends the controller, and both. What matter.js logs is the proof that the session was resumed
// without certificates, and that a subscription of before a restart of the bridge goes on: the controller did not ask again. LOQUET_LONG restarts the bridge 20 times in
// a row instead of 3.
func TestRestarts(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	state := filepath.Join(folder, "bridge.json")
	bridge, codes := startBridge(t, home, state, 2)
	p := startPhone(t, elsewhere, filepath.Join(folder, "phone"))
	p.must(t, "commission", map[string]any{"passcode": codes.Passcode, "discriminator": codes.Discriminator})
	p.logged(t, "CaseClient", "New session")
	p.logged(t, "Subscription successful")

	stop := map[string]func(){
		"asked to end": func() { bridge.process.Signal(syscall.SIGTERM); bridge.process.WaitExit(t, limit) },
		"killed":       func() { bridge.process.Signal(syscall.SIGKILL); bridge.process.WaitKilled(t, limit) },
	}
	ways := []string{"asked to end", "killed", "killed"}
	if os.Getenv("LOQUET_LONG") != "" {
		for i := range 17 {
			ways = append(ways, ways[i%2])
		}
	}
	for _, how := range ways {
		bridge.say(t, "toggle 1")
		p.contact(t, 3, "true")
		p.logs = nil
		stop[how]()
		bridge, _ = startBridge(t, home, state, 2)
		p.logged(t, "CaseServer", "Resumed session")
		p.contact(t, 3, "false") // what changed meanwhile
		bridge.say(t, "toggle 0")
		p.contact(t, 2, "true")
		bridge.say(t, "toggle 0")
		p.contact(t, 2, "false")
		p.never(t, "New session", "Subscribe »", "Replacing subscription")
		t.Logf("the bridge was %s: %q", how, p.logs)
	}

	again := func() {
		t.Helper()
		p = startPhone(t, elsewhere, filepath.Join(folder, "phone"))
		p.must(t, "connect", nil)
		p.logged(t, "Subscription successful")
		bridge.say(t, "toggle 1")
		p.contact(t, 3, "true")
		bridge.say(t, "toggle 1")
		p.contact(t, 3, "false")
	}
	// The controller is not killed: its files then miss what it had not written yet, which is its own affair.
	end := func() {
		t.Helper()
		p.must(t, "end", nil)
		p.process.WaitExit(t, limit)
	}
	end()
	again()
	p.logged(t, "Case", "Resumed session")
	p.never(t, "New session")
	t.Logf("the controller ended: %q", p.logs)

	end()
	stop["killed"]()
	bridge, _ = startBridge(t, home, state, 2)
	again()
	p.logged(t, "Case", "Resumed session")
	p.never(t, "New session")
	t.Logf("the controller ended, the bridge was killed: %q", p.logs)
	p.must(t, "leave", nil)
	p.must(t, "end", nil)
}
