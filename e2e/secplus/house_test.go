package secplus

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/hw/secplus/emulator"
	"github.com/loquet/loquet/hw/secplus/frames"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "18") // doors and warnings take their time, and nothing else
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = time.Minute

// travel is how long a door takes from end to end: longer than the two seconds between two presses.
const travel = 5 * time.Second

// kind is a kind of opener, with the settings for it.
type kind struct {
	name     string
	options  emulator.Options
	settings string
}

func kinds() []kind {
	return []kind{
		{"2.0", emulator.Options{Version: 2, Echo: true}, ""},
		{"1.0 alone", emulator.Options{Version: 1, Echo: true}, "protocol: security+1.0, wall_panel: none, "},
		{"1.0 beside a panel", emulator.Options{Version: 1, Echo: true, Panel: frames.AskDoor, Every: 150 * time.Millisecond}, "protocol: security+1.0, wall_panel: digital, "},
	}
}

// every runs a test for each kind of opener, side by side.
func every(t *testing.T, test func(t *testing.T, k kind)) {
	t.Parallel()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(t, k)
		})
	}
}

// opener is an opener at a serial port that can be pulled out.
type opener struct {
	*emulator.Opener
	port string

	mu    sync.Mutex
	plugs map[net.Conn]struct{}
}

func startOpener(t *testing.T, o emulator.Options) *opener {
	t.Helper()
	o.Travel = travel
	socket := filepath.Join(e2e.TempDir(t), "wire")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	p := &opener{Opener: emulator.New(o), plugs: map[net.Conn]struct{}{}}
	var group sync.WaitGroup
	group.Go(func() { p.Run(t.Context()) })
	group.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			group.Go(func() { p.plug(c) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		p.unplug()
		group.Wait()
	})
	p.port = serialtest.Cable(t, "unix", socket)
	return p
}

func (p *opener) plug(c net.Conn) {
	p.mu.Lock()
	p.plugs[c] = struct{}{}
	p.mu.Unlock()
	p.Serve(c)
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.plugs, c)
}

// unplug pulls the port out. It is plugged in again at once.
func (p *opener) unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.plugs {
		_ = c.Close()
	}
}

// house is a bridge with one door.
type house struct {
	*e2e.Loquet
	opener *opener
}

func newHouse(t *testing.T, k kind) *house {
	t.Helper()
	p := startOpener(t, k.options)
	q := lab.Start(t, e2e.Options{Config: `
home: {name: Villa Rose, zone: UTC}
boards:
  lamps: {driver: sim}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: secplus, ` + k.settings + `port: "` + p.port + `"}
    travel: ` + travel.String() + `
    remote_close: warned
    warning: {light: "lamps:garage/lamp", beeper: "lamps:garage/beeper", time: 5s}
`})
	h := &house{q, p}
	h.await(t, "closed")
	return h
}

// await waits until the door is there, and the opener answers.
func (h *house) await(t *testing.T, at string) e2e.Device {
	t.Helper()
	var d e2e.Device
	e2e.Until(t, limit, func() string {
		if d = h.Device(t, "garage"); !d.Available || d.At() != at {
			return fmt.Sprintf("the door to be there and %s; it is %+v, the opener %+v\n%s", at, d, h.opener.Look(), h.Log())
		}
		return ""
	})
	return d
}

// away waits until the opener does not answer.
func (h *house) away(t *testing.T) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if d := h.Device(t, "garage"); d.Available {
			return fmt.Sprintf("the opener to be away: %+v, it is %+v", d, h.opener.Look())
		}
		return ""
	})
}

// order asks the door to act as soon as it takes orders: no two presses come within two seconds, and a door that was not
// seen to leave is not stopped. On a busy machine the opener's answer may come too late: then the press was one as well.
func (h *house) order(t *testing.T, action string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		a := h.Command(t, "garage", action)
		switch {
		case a.Status == 202, a.Code == "outcome-unsure":
			return ""
		case a.Code != "too-soon" && a.Code != "unknown-position":
			t.Fatalf("%s: %+v, the opener %+v\n%s", action, a, h.opener.Look(), h.Log())
		}
		return action + " to be taken: " + a.Detail
	})
}

// sees waits until something is so at the opener itself.
func (h *house) sees(t *testing.T, what string, ok func(emulator.State) bool) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if s := h.opener.Look(); !ok(s) {
			return fmt.Sprintf("%s; the opener is %+v", what, s)
		}
		return ""
	})
}

// pressed checks how often the button was pressed since the house was built, and that nothing else was asked of the
// opener: no frame with an old code, no light, no lock, no remote.
func (h *house) pressed(t *testing.T, times int) {
	t.Helper()
	s := h.opener.Look()
	if len(s.Presses) != times || s.Dropped != 0 || s.Others != 0 || s.Senders > 1 {
		t.Errorf("want %d presses and nothing else: the opener saw %+v", times, s)
	}
}

// phone pairs a phone and returns the characteristic for where the door is to go.
func (h *house) phone(t *testing.T) (*homekit.Controller, homekit.ID) {
	t.Helper()
	bridge := h.Bridge(t)
	addr, err := netip.ParseAddrPort(bridge.Addr)
	if err != nil {
		t.Fatal(errors.Join(err, errors.New(bridge.Addr)))
	}
	owner, err := homekit.NewPhone(t, nil).Pair("owner", homekit.Where{ID: bridge.DeviceID, Address: addr.Addr().String(), Port: int(addr.Port())}, bridge.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	garage := homekit.Named(t, owner.Accessories(t), "Garage")
	return owner, garage.Get(t, homekit.ServiceGarage, homekit.TypeTargetDoor).ID
}
