package keys

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 60 * time.Second

// studio is the house of the example, with what is real in a process of its own.
type studio struct {
	*e2e.Loquet
	world *world.World
}

// newStudio runs the example of the documentation on a simulated world that outlives the bridge.
func newStudio(t *testing.T) *studio {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "examples", "studio-keypad.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := &studio{world: world.Start(t, sim.DemoHouse(), 1)}
	config := strings.Replace(string(text), "{driver: sim}", "{driver: sim, world: "+s.world.Socket+"}", 1)
	if config == string(text) {
		t.Fatal("the example has no simulated house")
	}
	s.Loquet = lab.Start(t, e2e.Options{Config: config})
	return s
}

// run runs a command on the bridge and requires that it succeeds.
func (s *studio) run(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	out, errs, err := s.try(t, stdin, args...)
	if err != nil {
		t.Fatalf("loquet %v: %v\n%s%s", args, err, out, errs)
	}
	return out
}

func (s *studio) try(t *testing.T, stdin string, args ...string) (out, errs string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, lab.Binary(t), append(args, "--state", s.Options.State)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// listens waits until the keypad does.
func (s *studio) listens(t *testing.T) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if d := s.Device(t, "studio-pad"); d.Kind != "keypad" || !d.Available {
			return "a keypad that listens"
		}
		return ""
	})
}

func (s *studio) strikes(t *testing.T, want int) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		switch got := s.world.Status(t, "studio").PulsesTotal; {
		case got > want:
			t.Fatalf("the strike was energised %d times, want %d", got, want)
		case got < want:
			return "a strike that is energised"
		}
		return ""
	})
}

// refusals are the reasons in the keypad's history, the oldest first; at least so many.
func (s *studio) refusals(t *testing.T, least int) []string {
	t.Helper()
	var out []string
	e2e.Until(t, limit, func() string {
		out = nil
		for _, r := range s.History(t, "studio-pad") {
			if r.Kind == "refused" {
				out = append(out, r.Code)
			}
		}
		if len(out) < least {
			return "more refusals"
		}
		return ""
	})
	return out
}

// phone is a session of a phone that hears of the studio's lock.
type phone struct {
	*haptest.Client
	lock haptest.ID
}

// pair pairs a phone over HomeKit and lets it hear of the lock.
func (s *studio) pair(t *testing.T) *phone {
	t.Helper()
	b := s.Bridge(t)
	first, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	bridge, err := first.PairSetup(b.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	who := first.Controller
	_ = first.Close()
	c, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.Controller = who
	if err := c.PairVerify(bridge); err != nil {
		t.Fatal(err)
	}
	p := &phone{Client: c, lock: currentLock(t, c)}
	if err := c.Subscribe(true, p.lock); err != nil {
		t.Fatal(err)
	}
	return p
}

// currentLock finds LockCurrentState (HAP R2 9.52), of which there is one in this house.
func currentLock(t *testing.T, c *haptest.Client) haptest.ID {
	t.Helper()
	body, err := c.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	var all struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Characteristics []struct {
					IID  uint64
					Type string
				}
			}
		}
	}
	if err := json.Unmarshal(body, &all); err != nil {
		t.Fatal(err)
	}
	for _, a := range all.Accessories {
		for _, s := range a.Services {
			for _, ch := range s.Characteristics {
				if ch.Type == "1D" {
					return haptest.ID{AID: a.AID, IID: ch.IID}
				}
			}
		}
	}
	t.Fatal("there is no lock")
	return haptest.ID{}
}

// hears waits for an event that the lock is so: 0 unsecured, 1 secured.
func (p *phone) hears(t *testing.T, want string) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for time.Now().Before(deadline) {
		event, err := p.NextEvent(time.Until(deadline))
		if err != nil {
			t.Fatal(err)
		}
		results, err := haptest.Results(event.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.AID == p.lock.AID && r.IID == p.lock.IID && string(r.Value) == want {
				return
			}
		}
	}
	t.Fatalf("the phone does not hear that the lock is %s", want)
}
