package garadget

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

const boardID = "2f0036000000000000000001"

// house is a bridge at home, a board with a door and a phone on the other host, and a broker.
type house struct {
	*e2e.Loquet
	home, yard     *e2e.Host
	broker         string // address and port
	user, password string
	owner          *homekit.Controller
}

// brokers are the two kinds of houses: with the broker in loquet, and with mosquitto.
func brokers() []string { return []string{"own", "mosquitto"} }

func configuration(mqtt string) string {
	return `
home: {name: Villa Rose}
mqtt: ` + mqtt + `
doors:
  workshop:
    name: Workshop
    kind: sectional
    opener: {driver: garadget, id: "` + boardID + `"}
    remote_close: owner-declares-protected
    travel: 4s
`
}

// newHouse starts bridge and broker. The board is the test's to start.
func newHouse(t *testing.T, broker string) *house {
	t.Helper()
	h := &house{}
	h.home, h.yard = lab.Pair(t)
	if out, err := exec.Command("ip", "-n", h.home.Name, "route", "show", "default").Output(); err != nil || len(out) > 0 {
		t.Fatalf("the host has a way out: %s, %v", out, err)
	}
	if broker == "mosquitto" {
		h.mosquitto(t)
	} else {
		h.broker = h.home.Addr.String() + ":1883"
		h.Loquet = lab.Start(t, e2e.Options{Host: h.home, Config: configuration(`{listen: ":1883"}`)})
		n := h.adopt(t)
		h.user, h.password = n.User, n.Password
	}
	return h
}

// adoption is what `loquet adopt` says.
type adoption struct {
	User     string   `json:"user"`
	Password string   `json:"password"`
	Hosts    []string `json:"hosts"`
	Port     int      `json:"port"`
	Name     string   `json:"name"`
}

func (h *house) adopt(t *testing.T, flags ...string) adoption {
	t.Helper()
	args := append([]string{"adopt", "garadget", "--json", "--state", h.Options.State}, flags...)
	var n adoption
	if err := json.Unmarshal([]byte(e2e.Run(t, e2e.Command{Host: h.home, Name: lab.Binary(t), Args: args}, limit)), &n); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(n.Hosts, h.home.Addr.String()) || n.Port != 1883 {
		t.Errorf("%+v, want the address at which boards find this machine", n)
	}
	return n
}

// mosquitto starts one with an account for the bridge and one for the board.
func (h *house) mosquitto(t *testing.T) {
	t.Helper()
	for _, name := range []string{"mosquitto", "mosquitto_passwd"} {
		e2e.NeedCommand(t, name, "apt-get install mosquitto mosquitto-clients")
	}
	folder := e2e.TempDir(t)
	passwords, secret := filepath.Join(folder, "passwords"), filepath.Join(folder, "secret")
	for i, user := range []string{"loquet", "board"} {
		args := []string{"-b", passwords, user, "secret-" + user}
		if i == 0 {
			args = append([]string{"-c"}, args...)
		}
		e2e.Run(t, e2e.Command{Name: "mosquitto_passwd", Args: args}, limit)
	}
	if err := os.WriteFile(secret, []byte("secret-loquet\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.broker, h.user, h.password = h.home.Addr.String()+":18831", "board", "secret-board"
	file := filepath.Join(folder, "mosquitto.conf")
	text := fmt.Sprintf("user root\nlistener 18831 %s\nallow_anonymous false\npassword_file %s\n", h.home.Addr, passwords)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	e2e.Start(t, e2e.Command{Host: h.home, Name: "mosquitto", Args: []string{"-c", file}})
	h.Loquet = lab.Start(t, e2e.Options{Host: h.home, Config: configuration(
		`{url: "mqtt://` + h.broker + `", user: loquet, password_file: "` + secret + `"}`)})
}

// board starts a board whose name is its number's end.
func (h *house) board(t *testing.T, o emulator.Options) *board {
	t.Helper()
	o.Broker = h.broker
	if o.ID == "" {
		o.ID = boardID
	}
	if o.Settings.Name == "" {
		o.Settings.Name = "Barn"
	}
	if o.User == "" {
		o.User, o.Password = h.user, h.password
	}
	return startBoard(t, h.yard, o)
}

// pair adds a phone.
func (h *house) pair(t *testing.T) {
	t.Helper()
	phone := homekit.NewPhone(t, h.yard)
	bridge := h.Bridge(t)
	owner, err := phone.Pair("owner", phone.Find(t, bridge.DeviceID).Where(), bridge.SetupCode)
	if err != nil {
		t.Fatal(err)
	}
	h.owner = owner
}

func (h *house) available(t *testing.T, want bool) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if d := h.Device(t, "workshop"); d.Available != want {
			return fmt.Sprintf("available %v: %+v", want, d)
		}
		return ""
	})
}

func (h *house) problem(t *testing.T, code string) {
	t.Helper()
	e2e.Until(t, limit, func() string {
		if all := h.Problems(t); !slices.Contains(all, code) {
			return code + " among the problems: " + strings.Join(all, " ")
		}
		return ""
	})
}
