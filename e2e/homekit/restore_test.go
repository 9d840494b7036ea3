package homekit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/e2e"
)

// TestARestoredHouseNeedsNoPairing puts a backup of the running house into a second folder. While the
// first house announces itself the copy does not start; when it is off, the controller goes on with the
// copy without pairing again, and nothing moved because of any of it.
func TestARestoredHouseNeedsNoPairing(t *testing.T) {
	t.Parallel()
	const limit = 30 * time.Second
	h := newHouse(t, setup{})
	numbers := Numbers(h.owner.Accessories(t))
	folder := e2e.TempDir(t)
	phrase, file, state := filepath.Join(folder, "phrase"), filepath.Join(folder, "house.backup"), filepath.Join(folder, "state")
	if err := os.WriteFile(phrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"backup", file, "--state", h.Options.State, "--passphrase-file", phrase}}, limit)
	e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"restore", file, "--state", state, "--passphrase-file", phrase}}, limit)

	clone := e2e.Start(t, e2e.Command{Host: h.elsewhere, Name: lab.Binary(t),
		Args: []string{"demo", "--interface", h.elsewhere.Device, "--state", state}}) // a house of its own: it must not reach ours
	if status := clone.WaitExit(t, limit); status != 1 || !strings.Contains(clone.Log(), "is announced by another bridge already") {
		t.Fatalf("the clone ended with %d:\n%s", status, clone.Log())
	}
	h.owner.MustRead(t, h.door(t, "garage").current) // the first house was not disturbed

	id := h.Bridge(t).DeviceID
	h.Stop(t)
	h.again(t, func(o *e2e.Options) { o.State = state })
	if b := h.Bridge(t); b.DeviceID != id || !b.Paired || b.SetupCode != "" {
		t.Errorf("the restored bridge is %+v, want %s, paired, without a code", b, id)
	}
	if diff := cmp.Diff(numbers, Numbers(h.owner.Accessories(t))); diff != "" {
		t.Errorf("accessories after the restore (-want +got):\n%s", diff)
	}
	for _, d := range h.Devices(t) {
		if n := h.pulses(t, d.ID); n != 0 {
			t.Errorf("%s got %d pulses from a backup and a restore", d.ID, n)
		}
	}
	h.owner.MustWrite(t, h.door(t, "garage").target, DoorOpen)
	h.wantPulses(t, "garage", 1)
}
