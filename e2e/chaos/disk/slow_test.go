package disk

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

// asSlow turns this test binary into a house whose every sync is slow. It names a file: what to do.
const asSlow = "LOQUET_SLOW"

// slowly is what a house on a slow disk is to do.
type slowly struct {
	State, Run string
	Who        *haptest.Controller
	Bridge     *haptest.Accessory
	Commands   int
}

// strace has every sync of a program, which stays the child of this process, return late. Nothing else is traced, so nothing else is slower. A
// file system of our own cannot do this: the kernel lets nobody write to a file that it is syncing there.
func strace(t *testing.T, stall time.Duration) []string {
	t.Helper()
	e2e.NeedCommand(t, "strace", "apt-get install strace")
	return []string{"strace", "-D", "-f", "--seccomp-bpf", "-qqq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync",
		"-e", "inject=fsync,fdatasync:delay_exit=" + strconv.FormatInt(stall.Microseconds(), 10)}
}

// TestRelayNeverWaits has phones open the door while every sync takes 150 ms, or 2 s, settings are edited
// and other doors are moved by hand besides: from the command to the relay it must take as long as ever.
func TestRelayNeverWaits(t *testing.T) {
	lab.NeedMounts(t)
	dir := e2e.TempDir(t)
	disk := newDisk(t)
	settled := settledHouse(t, disk)
	for _, stall := range []time.Duration{150 * time.Millisecond, 2 * time.Second} {
		t.Run(stall.String(), func(t *testing.T) {
			if stall > time.Second && os.Getenv("LOQUET_MISTAKES") != "all" {
				return // the start alone takes a dozen syncs
			}
			w := slowly{State: filepath.Join(dir, stall.String()), Run: e2e.TempDir(t), Commands: 60,
				Who: settled.phone.who, Bridge: settled.phone.bridge}
			if err := os.Mkdir(w.State, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := put(settled.image, w.State); err != nil {
				t.Fatal(err)
			}
			took := w.run(t, stall)
			half, most := took[len(took)/2], took[len(took)*9/10]
			t.Logf("from the command to the relay while every sync takes %v: half within %v, 9 of 10 within %v, the slowest %v",
				stall, half, most, took[len(took)-1])
			if most > stall/2 {
				t.Errorf("the relay waits for the disk: 1 command in 10 took more than %v", most)
			}
		})
	}
}

// run has a process of its own do it and returns how long each command took, the quickest first.
func (w slowly) run(t *testing.T, stall time.Duration) []time.Duration {
	t.Helper()
	text, err := json.Marshal(w)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.Run, "slow.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := append(strace(t, stall), self)
	out := e2e.Run(t, e2e.Command{Name: command[0], Args: command[1:],
		Env: []string{asSlow + "=" + file, "LOQUET_SEEDED=" + os.Getenv("LOQUET_SEEDED")}}, 5*time.Minute)
	var took []time.Duration
	if err := json.Unmarshal([]byte(out), &took); err != nil || len(took) < w.Commands/4 {
		t.Fatalf("it says %q: %v", out, err)
	}
	slices.Sort(took)
	return took
}

// enough is for how long commands are given: where the relay does wait, they would take minutes.
const enough = 20 * time.Second

// live is the process on the slow disk. It ends without a word to the disk: that would take long.
func live(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var w slowly
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	ctx := context.Background()
	h, err := openHouse(ctx, w.State, options(w.Run))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var took []time.Duration
	h.lives, h.relay = "slow", func(d time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		took = append(took, d)
	}
	if err := h.start(ctx); err != nil {
		return err
	}
	session, err := h.session(ctx, &phone{who: w.Who, bridge: w.Bridge})
	if err != nil {
		return err
	}
	go func() {
		for h.apply(spaceSettings, someChanges()) == nil { // loquet.db waits for the disk, each time
		}
	}()
	go func() { // sensors tell of other doors: whoever wants to write next waits for whoever does
		for {
			if _, err := h.row(ctx, device.Entry{Kind: device.EntryObserved, State: "open"}); err != nil {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}()
	for i, end := 0, time.Now().Add(enough); i < w.Commands && (i < w.Commands/4 || time.Now().Before(end)); i++ {
		if err := unlock(session, i%2); err != nil {
			return err
		}
	}
	mu.Lock()
	defer mu.Unlock()
	return json.NewEncoder(os.Stdout).Encode(took)
}

// TestBridgeOnASlowDisk is the same with the built binary and relays in a world of their own.
func TestBridgeOnASlowDisk(t *testing.T) {
	const stall = 150 * time.Millisecond
	prefix := strace(t, stall)
	house := sim.Size(5, 4) // more in a moment are refused: somebody plays
	w := world.Start(t, house, 20)
	o := e2e.Options{State: filepath.Join(e2e.TempDir(t), "state"), Args: []string{"--doors", "5", "--locks", "4", "--world", w.Socket}}
	lab.Start(t, o).Stop(t) // what a first start writes is not what is measured
	o.Prefix = prefix
	q := lab.Start(t, o)
	var took []time.Duration
	for _, d := range q.Devices(t) {
		action := map[string]string{"closed": "open", "secured": "unlock"}[d.At()]
		if action == "" {
			continue
		}
		began := time.Now()
		q.Must(t, d.ID, action)
		took = append(took, time.Unix(0, w.Status(t, d.ID).LastEdgeUnixNS).Sub(began))
	}
	slices.Sort(took)
	if len(took) < 9 {
		t.Fatalf("only %d commands", len(took))
	}
	t.Logf("%d relays while every sync takes %v: half within %v, the slowest %v", len(took), stall, took[len(took)/2], took[len(took)-1])
	if most := took[len(took)*3/4]; most > stall/2 {
		t.Errorf("the relay waits for the disk: 1 command in 4 took more than %v (%s)", most, strings.Join(texts(took), " "))
	}
}

func texts(took []time.Duration) []string {
	var out []string
	for _, d := range took {
		out = append(out, fmt.Sprint(d.Round(time.Millisecond)))
	}
	return out
}
