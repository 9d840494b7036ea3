package matter

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// TestCommissionersDie kills matter.js at a step of commissioning, and the bridge a moment later: nothing of the fabric is left
// in the bridge's state, and the next commissioner is served as if nothing had been. LOQUET_LONG goes through all steps.
func TestCommissionersDie(t *testing.T) {
	t.Parallel()
	steps := []string{"ArmFailsafe", "OperationalCredentials.Certificates", "Reconnect"}
	if os.Getenv("LOQUET_LONG") != "" {
		steps = []string{"GetInitialData", "ArmFailsafe", "SynchronizeTime", "DeviceAttestation", "OperationalCredentials.Certificates", "AccessControl", "Reconnect",
			"GeneralCommissioning.Complete"}
	}
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	state := filepath.Join(folder, "bridge.json")
	bridge, codes := startBridge(t, home, state, 1)
	own := map[string]any{"passcode": codes.Passcode, "discriminator": codes.Discriminator}
	for i, step := range steps {
		dying := startPhone(t, elsewhere, filepath.Join(folder, fmt.Sprint("dies ", i)))
		dying.order(t, "commission", own)
		dying.logged(t, "Executing commissioning step", step)
		dying.process.Signal(syscall.SIGKILL)
		dying.process.WaitKilled(t, limit)
		bridge.process.Signal(syscall.SIGKILL)
		bridge.process.WaitKilled(t, limit)
		var again setup
		bridge, again = startBridge(t, home, state, 1)
		if again.Fabrics == 1 && step == "GeneralCommissioning.Complete" {
			t.Log("the last step was done before the commissioner died")
			return
		}
		if again.Fabrics != 0 || again.Passcode != codes.Passcode {
			t.Errorf("%s: %+v", step, again)
		}
		b, err := os.ReadFile(state)
		if err != nil {
			t.Fatal(err)
		}
		var kept map[string][]byte
		if err := json.Unmarshal(b, &kept); err != nil {
			t.Fatal(err)
		}
		for key := range kept {
			if strings.HasPrefix(key, "fabric") || strings.HasPrefix(key, "resumption/") || strings.HasPrefix(key, "subscriptions/") {
				t.Errorf("%s: %s is left behind", step, key)
			}
		}
	}
	p := startPhone(t, elsewhere, filepath.Join(folder, "lives"))
	p.must(t, "commission", own)
	bridge.say(t, "toggle 0")
	p.contact(t, 2, "true")
	p.must(t, "leave", nil)
	p.must(t, "end", nil)
}
