package machines

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
)

// TestEachMachineOpensADoor runs the demo of every machine loquet is built for, the foreign ones under
// user-mode emulation: its database opens, a phone pairs, the gate moves, and a crash loses none of it.
func TestEachMachineOpensADoor(t *testing.T) {
	for _, m := range []struct {
		arch string
		run  []string // what runs a foreign binary
	}{
		{"amd64", []string{"qemu-x86_64"}},
		{"arm64", []string{"qemu-aarch64"}},
		{"arm", []string{"qemu-arm", "-cpu", "arm1176"}}, // the ARMv6 of the first Raspberry Pi and the Zero
	} {
		t.Run(m.arch, func(t *testing.T) {
			if m.arch == runtime.GOARCH {
				m.run = nil
			} else {
				e2e.NeedCommand(t, m.run[0], "apt-get install qemu-user")
			}
			first := lab.Start(t, e2e.Options{Binary: binaryFor(t, m.arch), Prefix: m.run})
			bridge := first.Bridge(t)
			phone, err := haptest.Dial(t.Context(), bridge.Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer phone.Close()
			if _, err := phone.PairSetup(bridge.SetupCode); err != nil {
				t.Fatal(err)
			}
			first.Must(t, "gate", "open")
			e2e.Until(t, time.Minute, func() string {
				if n := first.Sim(t, "gate").Pulses; n != 1 {
					return "one pulse at the gate"
				}
				return ""
			})
			rows := len(first.History(t, "gate"))
			first.Kill(t)

			again := first.Again(t, nil)
			after := again.Bridge(t)
			if after.DeviceID != bridge.DeviceID || !after.Paired {
				t.Errorf("after a crash the bridge %s (paired: %v) is %s (paired: %v)", bridge.DeviceID, true, after.DeviceID, after.Paired)
			}
			if n := again.Sim(t, "gate").Pulses; n != 0 {
				t.Errorf("%d pulses because of a start", n)
			}
			if n := len(again.History(t, "gate")); n < rows {
				t.Errorf("history had %d rows of the gate, now %d", rows, n)
			}
			again.Stop(t)
		})
	}
}

// binaryFor builds loquet for a machine.
func binaryFor(t *testing.T, arch string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "loquet-"+arch)
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./cmd/loquet")
	cmd.Dir = e2e.Folder(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOARM=6")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}
