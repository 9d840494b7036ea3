package matter

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
)

// TestRestoredHouse puts a backup back in another folder: while the house is open at its old place the copy does not start; when that
// one has ended, the ecosystem goes on with it by the certificates of before, without adding anything, under the same endpoints.
func TestRestoredHouse(t *testing.T) {
	t.Parallel()
	home, elsewhere := lab.Pair(t)
	folder := e2e.TempDir(t)
	phrase, file, state := filepath.Join(folder, "phrase"), filepath.Join(folder, "house.backup"), filepath.Join(folder, "new")
	if err := os.WriteFile(phrase, []byte("correct horse battery staple\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	q := lab.Start(t, e2e.Options{Host: home, Args: []string{"--speed", "20"}})
	p := startPhone(t, elsewhere, filepath.Join(folder, "phone"))
	add(t, q, p)
	front := p.named(t, "Front door", doorLock, lockState)
	own := func(args ...string) {
		t.Helper()
		e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: append(args, "--passphrase-file", phrase)}, limit)
	}
	own("backup", file, "--state", q.Options.State)
	own("restore", file, "--state", state)

	// The other machine is where the phone is: its Matter port is free there.
	second := e2e.Start(t, e2e.Command{Host: elsewhere, Name: lab.Binary(t), Args: []string{"demo", "--interface", elsewhere.Device, "--state", state}})
	if status := second.WaitExit(t, limit); status != 1 || !strings.Contains(second.Log(), "is announced by another bridge already") {
		t.Fatalf("beside the first one it ended with %d:\n%s", status, second.Log())
	}
	if err := p.lock(t, front, "unlockDoor"); err != nil {
		t.Errorf("the first one was disturbed: %v", err)
	}
	q.Await(t, "front", "unsecured", limit)

	q.Stop(t)
	p.logs = nil
	again := q.Again(t, func(o *e2e.Options) { o.State = state })
	if m := again.Ready(t).Matter; m != nil {
		t.Errorf("a stranger can add the restored house: %+v", m)
	}
	again.Await(t, "front", "secured", limit)           // a new simulated world: everything is at rest in it
	p.told(t, front, doorLock, "lockState", lockLocked) // by the house itself, which looks for its controllers
	if err := p.lock(t, front, "unlockDoor"); err != nil {
		t.Fatal(err)
	}
	again.Await(t, "front", "unsecured", limit)
	p.never(t, "Executing commissioning step")

	// A controller that comes anew finds the same fabric by CASE.
	p.must(t, "end", nil)
	p = startPhone(t, elsewhere, filepath.Join(folder, "phone"))
	p.must(t, "connect", nil)
	if got := p.named(t, "Front door", doorLock, lockState); got != front {
		t.Errorf("the front door was endpoint %d and is %d", front, got)
	}
	if list := p.fabrics(t); len(list) != 1 || list[0].Label != "phone" {
		t.Errorf("fabrics %+v", list)
	}
	if err := p.lock(t, front, "lockDoor"); err != nil {
		t.Fatal(err)
	}
	again.Await(t, "front", "secured", limit)
	p.must(t, "end", nil)
}
