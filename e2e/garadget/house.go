package garadget

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// BoardID is the number of the board in the house.
const BoardID = "2f0036000000000000000001"

// House is a bridge at home, a board with a door and a phone on the other host, and a broker.
type House struct {
	*e2e.Loquet
	Home, Yard     *e2e.Host
	Broker         string // address and port
	User, Password string // of the board
	Owner          *homekit.Controller
	Mosquitto      *mqtt.Mosquitto // nil with the broker in loquet
}

func configuration(broker string) string {
	return `
home: {name: Villa Rose, zone: UTC}
mqtt: ` + broker + `
doors:
  workshop:
    name: Workshop
    kind: sectional
    opener: {driver: garadget, id: "` + BoardID + `"}
    remote_close: owner-declares-protected
    travel: 2500ms
`
}

// NewHouse starts bridge and broker, after change (which may be nil) had its say. The board is the test's to
// start.
func NewHouse(t testing.TB, lab *e2e.Lab, broker string, change func(*House, *e2e.Options)) *House {
	t.Helper()
	h := &House{}
	h.Home, h.Yard = lab.Pair(t)
	if out, err := exec.Command("ip", "-n", h.Home.Name, "route", "show", "default").Output(); err != nil || len(out) > 0 {
		t.Fatalf("the host has a way out: %s, %v", out, err)
	}
	o := e2e.Options{Host: h.Home}
	if broker == "mosquitto" {
		h.Mosquitto = mqtt.StartMosquitto(t, h.Home, "board", "program")
		h.Broker, h.User, h.Password = h.Mosquitto.Addr, "board", h.Mosquitto.Password("board")
		o.Config = configuration(h.Mosquitto.Section())
	} else {
		h.Broker = h.Home.Addr.String() + ":1883"
		o.Config = configuration(mqtt.Own)
	}
	if change != nil {
		change(h, &o)
	}
	h.Loquet = lab.Start(t, o)
	if broker != "mosquitto" {
		n := h.Adopt(t, lab, "garadget")
		h.User, h.Password = n.User, n.Password
	}
	return h
}

// Adopt makes an account at loquet's own broker: garadget, or device and a topic, and flags.
func (h *House) Adopt(t testing.TB, lab *e2e.Lab, what ...string) mqtt.Adoption {
	t.Helper()
	return mqtt.Adopt(t, lab, h.Loquet, what...)
}

// Board starts a board named Barn, unless it has another name.
func (h *House) Board(t testing.TB, o emulator.Options) *Board {
	t.Helper()
	o.Broker = h.Broker
	if o.ID == "" {
		o.ID = BoardID
	}
	if o.Settings.Name == "" {
		o.Settings.Name = "Barn"
	}
	if o.User == "" {
		o.User, o.Password = h.User, h.Password
	}
	return StartBoard(t, h.Yard, o)
}

// Pair adds a phone.
func (h *House) Pair(t testing.TB) {
	t.Helper()
	phone := homekit.NewPhone(t, h.Yard)
	bridge := h.Bridge(t)
	owner, err := phone.Pair("owner", phone.Find(t, bridge.DeviceID).Where(), bridge.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	h.Owner = owner
}

// Order asks the door to act as soon as it takes orders again: none within two seconds of the last one.
func (h *House) Order(t testing.TB, action string) {
	t.Helper()
	if a := h.Ask(t, action); a.Status != 202 {
		t.Fatalf("%s: status %d %s: %s", action, a.Status, a.Code, a.Detail)
	}
}

// Ask is Order on a machine so busy that the board's answer may come too late, or that the board must be
// asked again where it is: then nobody knows, or nothing was sent.
func (h *House) Ask(t testing.TB, action string) (a e2e.Answer) {
	t.Helper()
	e2e.Until(t, Limit, func() string {
		switch a = h.Command(t, "workshop", action); {
		case a.Status == 202, a.Code == "outcome-unsure":
			return ""
		case a.Code == "too-soon":
		default:
			t.Logf("%s: %+v", action, a)
		}
		return action + ": " + a.Detail
	})
	return a
}

// AwaitAvailable waits until the door is there, or is not.
func (h *House) AwaitAvailable(t testing.TB, want bool) {
	t.Helper()
	e2e.Until(t, Limit, func() string {
		if d := h.Device(t, "workshop"); d.Available != want {
			return fmt.Sprintf("available %v: %+v", want, d)
		}
		return ""
	})
}

// AwaitProblem waits until something is wrong.
func (h *House) AwaitProblem(t testing.TB, code string) {
	t.Helper()
	e2e.Until(t, Limit, func() string {
		if all := h.Problems(t); !slices.Contains(all, code) {
			return code + " among the problems: " + strings.Join(all, " ")
		}
		return ""
	})
}
