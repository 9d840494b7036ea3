package state

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// kinds are the disks that are filled: one that every namespace may mount, and the one of most machines.
func kinds() []string { return []string{"tmpfs", "ext4"} }

func requireNone(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there (%v)", path, err)
	}
}

// onDisk puts a golden folder on a disk of its own. The reserve is left for the bridge to make: that of the
// folder takes no room.
func onDisk(t *testing.T, kind string, g *golden) (d *disk, state string) {
	t.Helper()
	d = newDisk(t, kind)
	state = filepath.Join(d.path, "state")
	if err := g.files.without("reserve", "loquet.sock").write(state); err != nil {
		t.Fatal(err)
	}
	return d, state
}

// TestDiskFull fills the disk to the last byte while the bridge runs, twice, because it has room of its own
// to give back the first time, and keeps it full over a restart.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			stopped, _ := goldens.get(t)
			d, state := onDisk(t, kind, stopped)
			r := stopped.run(t, state)
			r.isWell()
			before := r.last()

			d.fill(t)
			r.opens("garage")
			r.says("disk-full", "Free some space")
			r.nothingCanChange("the disk is full", "make room")
			r.moved()

			d.fill(t) // what the bridge gave back
			r.opens("front")
			r.closeByHand("garage")
			r.opens("garage")
			r.says("disk-full", "Free some space")
			r.nothingCanChange("the disk is full", "make room")
			if rows := r.Since(t, before); len(rows) < 6 {
				t.Errorf("only %d rows tell of three moves: %+v", len(rows), rows)
			}
			r.Stop(t)

			r.again() // on a disk that is full before the start
			r.closeByHand("garage")
			r.opens("garage")
			r.says("disk-full", "Free some space")
			r.nothingCanChange("the disk is full", "make room")
			r.Stop(t)

			d.relieve(t)
			r.again()
			r.isWell()
			r.closeByHand("garage")
			r.opens("garage")
			r.hasGap(before)
			r.Stop(t)
			if st, err := os.Stat(filepath.Join(state, "reserve")); err != nil || st.Size() != sizeOfReserve {
				t.Errorf("no room is kept back again: %v", err)
			}
		})
	}
}

// TestDiskFullEndsWithoutARestart frees the disk under a running bridge: nothing that happened meanwhile is
// missing, and the history says that it was kept elsewhere.
func TestDiskFullEndsWithoutARestart(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	d, state := onDisk(t, "tmpfs", stopped)
	r := stopped.run(t, state)
	before := r.last()
	d.fill(t)
	r.opens("garage")
	d.fill(t)
	r.opens("front")
	d.relieve(t)
	e2e.Until(t, 3*moveLimit, func() string { // the disk is looked at every 10 s
		if text, _, _ := r.ask("doctor"); strings.Contains(text, "The disk is full") {
			return "doctor to see that there is room: " + text
		}
		return ""
	})
	r.isWell()
	r.hasGap(before)
	intents := map[string]int{}
	for _, row := range r.Since(t, before) {
		if row.Kind == "intent" {
			intents[row.Device]++
		}
	}
	if intents["garage"] != 1 || intents["front"] != 1 {
		t.Errorf("the history has the intents %v, want one for each move", intents)
	}
	r.Stop(t)
}

// TestKilledOnAFullDisk is the worst: what was only in memory is gone. Nothing moves because of it.
func TestKilledOnAFullDisk(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	d, state := onDisk(t, "tmpfs", stopped)
	r := stopped.run(t, state)
	before := r.last()
	d.fill(t)
	r.opens("garage")
	d.fill(t)
	r.opens("gate")
	r.Kill(t)
	r.again()
	r.opens("front")
	r.Kill(t)
	d.relieve(t)
	r.again()
	r.isWell()
	r.hasGap(before)
	r.Stop(t)
}

// TestNoRoomForAFile has room for bytes and none for another file, not even a socket.
func TestNoRoomForAFile(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	d, state := onDisk(t, "tmpfs", stopped)
	if err := unix.Mount("none", d.path, "tmpfs", unix.MS_REMOUNT, "nr_inodes=8"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.path, filler), nil, 0o600); err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if f, err := os.Create(filepath.Join(d.path, "another")); !errors.Is(err, unix.ENOSPC) {
		f.Close()
		t.Fatalf("there is room for another file (%v)", err)
	}
	r := stopped.run(t, state)
	r.opens("garage")
	r.Stop(t)
}

// TestFirstStartOnAFullDisk: a bridge without an identity has nobody to let in. It says so and leaves nothing.
func TestFirstStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, kind := range kinds() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDisk(t, kind)
			state := filepath.Join(d.path, "state")
			if err := os.Mkdir(state, 0o700); err != nil {
				t.Fatal(err)
			}
			d.fill(t)
			refused(t, state, "the disk is full", "make room on the disk")
			if left := readFolder(t, state); len(left) != 0 {
				t.Errorf("it left %v", left)
			}
			d.relieve(t)
			if q := lab.Start(t, e2e.Options{State: state}); q.Bridge(t).SetupCode == "" {
				t.Error("it cannot be paired after room was made")
			}
		})
	}
}

// TestReadOnlyWhileRunning has the disk become read-only as a worn memory card makes it: by an error of the
// file system, under the running bridge.
func TestReadOnlyWhileRunning(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	d, state := onDisk(t, "ext4", stopped)
	r := stopped.run(t, state)
	d.readOnly(t)
	r.opens("garage")
	r.opens("front")
	r.says("disk-read-only", "another disk")
	r.nothingCanChange("read-only", "mount it for writing")
	r.Stop(t)
	r.again()
	r.overConsole()
	r.opens("gate")
	r.says("disk-read-only", "another disk")
	r.nothingCanChange("read-only", "mount it for writing")
	r.Stop(t)
}

// TestReadOnlyBeforeTheStart starts on a disk that takes nothing.
func TestReadOnlyBeforeTheStart(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"stopped", "killed"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			g, killed := goldens.get(t)
			if which == "killed" {
				g = killed
			}
			d, state := onDisk(t, "tmpfs", g)
			d.readOnly(t)
			before := readFolder(t, state)
			r := g.run(t, state)
			r.overConsole()
			r.opens("garage")
			r.opens("front")
			r.says("disk-read-only", "another disk")
			r.says("no-socket", "--url and --token")
			r.nothingCanChange("read-only", "mount it for writing")
			r.Stop(t)
			if !readFolder(t, state).equal(before) {
				t.Error("a disk that is read-only was changed")
			}
		})
	}
}

// TestReadyFileOnAFullDisk: scripts that wait for a file keep nobody out of the house.
func TestReadyFileOnAFullDisk(t *testing.T) {
	t.Parallel()
	stopped, _ := goldens.get(t)
	d, state := onDisk(t, "tmpfs", stopped)
	ready := filepath.Join(d.path, "ready.json")
	if err := os.WriteFile(ready, []byte("{}"), 0o600); err != nil { // of a run that was killed
		t.Fatal(err)
	}
	d.fill(t)
	w := world.Start(t, sim.DemoHouse(), fast)
	addr := freeAddr(t)
	p := e2e.Start(t, e2e.Command{Name: lab.Binary(t), Args: []string{"demo", "--state", state, "--ready-file", ready,
		"--interface", "lo", "--homekit", addr, "--console", "127.0.0.1:0", "--world", w.Socket}})
	var client *haptest.Client
	e2e.Until(t, startLimit, func() string {
		var err error
		if client, err = stopped.owner.connect(t.Context(), addr); err != nil {
			return "the bridge: " + err.Error()
		}
		return ""
	})
	defer client.Close()
	if err := stopped.owner.write(client, "Garage", 0); err != nil {
		t.Fatal(err)
	}
	if n := w.Status(t, "garage").PulsesTotal; n != 1 {
		t.Errorf("the garage got %d pulses", n)
	}
	p.Signal(syscall.SIGTERM)
	if status := p.WaitExit(t, stopLimit); status != 0 {
		t.Errorf("ended with %d", status)
	}
	requireNone(t, ready)
}

// freeAddr is an address that nobody listens on.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
