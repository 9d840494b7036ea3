package clock

import (
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// TestGuestKeys: certificates of Matter, sessions of both protocols and backups do not ask what time it is.
func TestGuestKeys(t *testing.T) {
	m := newMachine(t, time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC))
	h := newHouse(t, m)
	h.pair()
	const fabric, controller, bridge = 1, 1, 2
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := mattertest.NewControllerOn(t, conn, mattertest.NewAuthority(t, fabric, true), controller)
	at, err := net.ResolveUDPAddr("udp4", h.Ready(t).Matter.Addr)
	if err != nil {
		t.Fatal(err)
	}
	first, err := c.Commission(t.Context(), t, at, h.Ready(t).Matter.Passcode, bridge)
	if err != nil {
		t.Fatal(err)
	}
	works := func(when string, s *session.Session) {
		t.Helper()
		f, err := c.Invoke(t.Context(), s, mattertest.Command{Cluster: 0x30, Fill: func(w *tlv.Writer) { // GeneralCommissioning, ArmFailSafe
			w.Uint(tlv.Context(0), 0)
			w.Uint(tlv.Context(1), 1)
		}})
		if err != nil || f.Uint8(0) != 0 {
			t.Errorf("Matter, %s: %v", when, err)
		}
	}
	dir := e2e.TempDir(t)
	passphrase := filepath.Join(dir, "passphrase")
	if err := os.WriteFile(passphrase, []byte("a door is a door\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var files []string
	all := append(jumps(), jump{"to the truth", back, true})
	if !long() {
		all = []jump{all[2], all[4]} // 1970 and 2100
	}
	for _, j := range all {
		m.do(j)
		works(j.name, first)
		again, err := c.CASE(t.Context(), at, bridge)
		if err != nil {
			t.Fatalf("a new session of Matter, %s: %v", j.name, err)
		}
		works(j.name, again)
		if _, err := h.dial(h.owner).Get(h.owner.Targets["Garage"]); err != nil {
			t.Errorf("HomeKit, %s: %v", j.name, err)
		}
		files = append(files, filepath.Join(dir, "backup-"+m.now().Format("150405.000")))
		h.cli("backup", files[len(files)-1], "--passphrase-file", passphrase)
		e2e.Apart(t, time.Second)
	}
	h.ends()
	if !long() {
		files = files[1:] // that of 2100
	}
	for _, file := range files {
		state := filepath.Join(e2e.TempDir(t), "state")
		config := filepath.Join(filepath.Dir(state), "loquet.yaml")
		e2e.Run(t, e2e.Command{Name: guestBinary, Args: []string{"restore", file, "--state", state, "--config", config, "--passphrase-file", passphrase}}, limit)
		o := h.Options
		o.State = state
		h.Loquet = new(e2e.Lab).Start(t, o)
		h.at(true, false)
		h.Await(t, "garage", "closed", limit)
		if _, err := h.dial(h.owner).Get(h.owner.Targets["Garage"]); err != nil {
			t.Errorf("after %s was restored: %v", filepath.Base(file), err)
		}
		h.Stop(t)
	}
}
