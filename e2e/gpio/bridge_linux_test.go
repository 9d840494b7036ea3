package gpio

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/internal/gpiolab"
)

// Lines of the house below: strikes from 0, contacts from 20.
const (
	strikes  = 10
	contacts = 4
	reeds    = 20
)

// manyDoors is a house of strikes and contacts on one chip.
func manyDoors() string {
	var b bytes.Buffer
	b.WriteString("home: {name: Lines}\nlocks:\n")
	for i := range strikes {
		fmt.Fprintf(&b, "  strike-%d:\n    name: Strike %d\n    bolt: {driver: strike, relay: \"gpio:pinctrl-sim/%d\", hold: 500ms}\n", i, i, i)
	}
	b.WriteString("contacts:\n")
	for i := range contacts {
		fmt.Fprintf(&b, "  window-%d:\n    name: Window %d\n    input: \"gpio:pinctrl-sim/%d\"\n", i, i, reeds+i)
	}
	return b.String()
}

// A controller's write moves a line, and a line's edge reaches the controller, through the whole bridge.
func TestGuestBridge(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Network, gpiolab.Tracing)
	c := gpiolab.Plug(t, "pinctrl-sim", 32, nil)
	q := start(t, manyDoors(), "")
	for i := range contacts {
		c.Drive(reeds+i, true)
		q.Await(t, fmt.Sprintf("window-%d", i), "no", time.Minute)
	}
	for i := range strikes {
		q.Await(t, fmt.Sprintf("strike-%d", i), "secured", time.Minute)
	}
	first := pair(t, q)
	admin := first.open()
	t.Run("a write moves a line", func(t *testing.T) { writes(t, first, admin) })
	t.Run("an edge is an event", func(t *testing.T) { edges(t, c, first, admin) })
	q.Stop(t)
	for i := range strikes {
		if c.High(i) {
			t.Errorf("strike %d is energised after the stop", i)
		}
	}
}

// driven is when the kernel drove a line high for the first time since it was last asked.
func driven(r *gpiolab.Trace) (time.Duration, bool) {
	for _, e := range r.Take() {
		if e.High {
			return e.At, true
		}
	}
	return 0, false
}

// writes unlocks strikes one after another, with ten controllers: one alone may ask for ten moves in ten seconds.
func writes(t *testing.T, first *phone, admin *haptest.Client) {
	lines := gpiolab.Record(t)
	locks := find(t, admin, typeLockTarget)
	var phones []*haptest.Client
	for range 10 {
		phones = append(phones, first.more(admin).open())
	}
	var took []time.Duration
	last := map[int]time.Time{}
	for round := range 10 {
		for i := range strikes {
			if wait := 2200*time.Millisecond - time.Since(last[i]); wait > 0 {
				time.Sleep(wait) // two seconds lie between two edges of one relay
			}
			id, p := locks[fmt.Sprintf("Strike %d", i)], phones[(round+i)%len(phones)]
			if err := p.Prepare(5000, 7); err != nil {
				t.Fatal(err)
			}
			lines.Take()
			began := gpiolab.Monotonic()
			if got, err := p.PutTimed(7, haptest.Put{AID: id.AID, IID: id.IID, Value: 0}); err != nil || got != nil {
				t.Fatalf("strike %d: %v %+v", i, err, got)
			}
			last[i] = time.Now()
			at, ok := driven(lines)
			if !ok {
				t.Fatalf("strike %d was written and its line was not driven", i)
			}
			took = append(took, at-began)
		}
	}
	report(t, "from a controller's write to the line", took)
}

// edges moves contacts and waits for the event at a controller of its own for each.
func edges(t *testing.T, c *gpiolab.Chip, first *phone, admin *haptest.Client) {
	ids := find(t, admin, typeContact)
	var mu sync.Mutex
	var took []time.Duration
	var wg sync.WaitGroup
	for i := range contacts {
		id := ids[fmt.Sprintf("Window %d", i)]
		p := first.open()
		if err := p.Subscribe(true, id); err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for n := range 15 {
				time.Sleep(1100 * time.Millisecond) // what follows an event within a second is told together with others
				began := gpiolab.Monotonic()
				if err := c.Pull(reeds+i, n%2 == 1); err != nil {
					t.Error(err)
					return
				}
				e, err := p.NextEvent(30 * time.Second)
				now := gpiolab.Monotonic()
				if err != nil {
					t.Errorf("window %d, edge %d: %v", i, n, err)
					return
				}
				items, err := haptest.Results(e.Body)
				if want := fmt.Sprint((n + 1) % 2); err != nil || len(items) != 1 || string(items[0].Value) != want {
					t.Errorf("window %d, edge %d: %s, want %s (%v)", i, n, e.Body, want, err)
					return
				}
				mu.Lock()
				took = append(took, now-began)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	report(t, "from an edge to the controller's event (300 ms of it a contact must be still)", took)
}

// The built bridge is killed, or stopped, in the middle of a pulse: its guard brings the line to rest, also
// where the kernel would keep it. With the guard killed first it stays on, and outputs-safe brings it to rest.
func TestGuestBridgeIsKilledInAPulse(t *testing.T) {
	gpiolab.Needs(t, gpiolab.Network, gpiolab.Sticky)
	gpiolab.KeepOutputs(t)
	const hardCap = 5 * time.Second
	const busyHost = 3 * time.Second // hw/gpio looks at the 100 ms, in virtual time
	text := "home: {name: Killed}\nlocks:\n  studio:\n    name: Studio\n    bolt: {driver: strike, relay: \"!gpio:pinctrl-sim/4\", hold: 4s, cap: 5s}\n"
	for _, how := range []string{"killed", "stopped", "killed with its guard"} {
		t.Run(how, func(t *testing.T) {
			c := gpiolab.Plug(t, "pinctrl-sim", 8, nil)
			q := start(t, text, "")
			q.Await(t, "studio", "secured", time.Minute)
			e2e.Until(t, time.Minute, func() string {
				if guardOf(t, q.PID()) == 0 {
					return "the guard"
				}
				return ""
			})
			if !c.High(4) {
				t.Fatal("it is not at rest")
			}
			guard := guardOf(t, q.PID())
			q.Must(t, "studio", "unlock")
			on := time.Now()
			if c.High(4) {
				t.Fatal("it is not energised")
			}
			switch how {
			case "killed":
				q.Kill(t)
			case "stopped":
				q.Signal(sigStop)
			default:
				q.Signal(sigStop)
				kill(t, guard)
				q.Kill(t)
			}
			limit := hardCap + busyHost
			rested := restsWithin(c, 4, true, limit-time.Since(on))
			if how != "killed with its guard" {
				if !rested {
					t.Errorf("energised %v after the order", time.Since(on))
				}
				t.Logf("at rest %v after the order", time.Since(on))
				return
			}
			if rested {
				t.Error("at rest without anybody who did it: the test proves nothing")
			}
			outputsSafe(t, text)
			if !c.High(4) {
				t.Error("outputs-safe did not bring it to rest")
			}
		})
	}
}
