package gpio

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/internal/gpiolab"
)

// Where the guest finds what was packed for it.
const (
	guestBinary  = "/bin/loquet"
	guestExample = "/etc/loquet/garage-pi.yaml"
)

func TestMain(m *testing.M) { os.Exit(gpiolab.Main(m, os.Stdout)) }

// TestBridgeOnARealKernel boots the kernel with the built bridge; the tests named TestGuest run in it.
func TestBridgeOnARealKernel(t *testing.T) {
	gpiolab.Host(t)
	lab := gpiolab.New(t, map[string]string{guestBinary: e2e.Build(t), guestExample: e2e.Folder(t, "examples", "garage-pi.yaml")})
	lab.Boot(t, 9*time.Minute, "^TestGuest", "mem=512M")
}

// start starts the bridge with a configuration.
func start(t *testing.T, text, state string) *e2e.Loquet {
	t.Helper()
	return new(e2e.Lab).Start(t, e2e.Options{Binary: guestBinary, Config: text, State: state})
}

// report prints the latencies of a way through the house.
func report(t *testing.T, what string, took []time.Duration) {
	t.Helper()
	slices.Sort(took)
	n := len(took)
	if n == 0 {
		t.Errorf("%s: nothing was measured", what)
		return
	}
	t.Logf("%s: %d times, p50 %v, p99 %v, worst %v", what, n, took[n/2].Round(time.Microsecond), took[(n*99+99)/100-1].Round(time.Microsecond),
		took[n-1].Round(time.Microsecond))
}

// phone is a paired controller.
type phone struct {
	t    *testing.T
	addr string
	acc  *haptest.Accessory
	who  *haptest.Controller
}

// pair pairs the first controller of a bridge.
func pair(t *testing.T, q *e2e.Loquet) *phone {
	t.Helper()
	b := q.Bridge(t)
	c, err := haptest.Dial(t.Context(), b.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.Timeout = time.Minute
	acc, err := c.PairSetup(b.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	return &phone{t: t, addr: b.Addr, acc: acc, who: c.Controller}
}

// open opens a session.
func (p *phone) open() *haptest.Client {
	p.t.Helper()
	c, err := haptest.Dial(p.t.Context(), p.addr)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { c.Close() })
	c.Controller, c.Timeout = p.who, time.Minute
	if err := c.PairVerify(p.acc); err != nil {
		p.t.Fatal(err)
	}
	return c
}

// more adds a controller.
func (p *phone) more(c *haptest.Client) *phone {
	p.t.Helper()
	who := haptest.NewController()
	if err := c.AddPairing(who.ID, who.Public(), true); err != nil {
		p.t.Fatal(err)
	}
	return &phone{t: p.t, addr: p.addr, acc: p.acc, who: who}
}

// find returns the characteristics of one type, by the name of their accessory.
func find(t *testing.T, c *haptest.Client, kind string) map[string]haptest.ID {
	t.Helper()
	body, err := c.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Characteristics []struct {
					IID   uint64
					Type  string
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatal(err)
	}
	found := map[string]haptest.ID{}
	for _, a := range list.Accessories {
		name := ""
		for _, s := range a.Services {
			for _, ch := range s.Characteristics {
				switch {
				case ch.Type == typeName && name == "":
					name, _ = ch.Value.(string)
				case ch.Type == kind:
					found[name] = haptest.ID{AID: a.AID, IID: ch.IID}
				}
			}
		}
	}
	return found
}

// Types of characteristics (HAP R2, chapter 9).
const (
	typeName         = "23"
	typeLockTarget   = "1E"
	typeContact      = "6A"
	typeDoorPosition = "E"
)
