package mqtt_test

import (
	"flag"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	flag.Parse()
	_ = flag.Set("test.parallel", "4") // houses wait for most of their time
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// house is a bridge at home, and devices and a phone on the other host.
type house struct {
	*e2e.Loquet
	home, yard *e2e.Host
	mosquitto  *mqtt.Mosquitto // nil with the broker in loquet
	config     string
	owner      *homekit.Controller
}

func newHouse(t *testing.T, broker, config string) *house {
	t.Helper()
	return newHouseWith(t, broker, "", config)
}

// newHouseWith has more to say of its broker.
func newHouseWith(t *testing.T, broker, more, config string) *house {
	t.Helper()
	h := &house{}
	h.home, h.yard = lab.Pair(t)
	for _, host := range []*e2e.Host{h.home, h.yard} {
		if out, err := exec.Command("ip", "-n", host.Name, "route", "show", "default").Output(); err != nil || len(out) > 0 {
			t.Fatalf("the host has a way out: %s, %v", out, err)
		}
	}
	section := mqtt.Own
	if broker == "mosquitto" {
		h.mosquitto = mqtt.StartMosquitto(t, h.home, "device")
		section = h.mosquitto.Section()
	}
	h.config = "home: {name: Villa Rose, zone: UTC}\nmqtt: " + strings.TrimSuffix(section, "}") + more + "}\n" + config
	h.Loquet = lab.Start(t, e2e.Options{Host: h.home, Config: h.config})
	return h
}

// account is how a device gets in: a kind, a topic and flags, as for `loquet adopt`.
func (h *house) account(t *testing.T, kind, topic string, flags ...string) mqtt.Account {
	t.Helper()
	if h.mosquitto != nil {
		return h.mosquitto.Account(h.yard, "device")
	}
	return mqtt.Adopt(t, lab, h.Loquet, append([]string{kind, topic}, flags...)...).Account(h.Loquet, h.yard)
}

// restart ends the bridge and starts it with the configuration as it is now.
func (h *house) restart(t *testing.T) {
	t.Helper()
	h.Stop(t)
	h.Loquet = h.Again(t, func(o *e2e.Options) { o.Config = h.config })
	if h.owner != nil {
		h.owner.Reconnect(t, nil)
	}
}

// brokerDies kills the broker, and with the one in loquet the bridge, and starts it again after between.
func (h *house) brokerDies(t *testing.T, between func()) {
	t.Helper()
	if h.mosquitto != nil {
		h.mosquitto.Kill(t)
		between()
		h.mosquitto.Start(t)
		return
	}
	h.Kill(t)
	between()
	h.Loquet = h.Again(t, func(o *e2e.Options) { o.Config = h.config })
	h.owner.Reconnect(t, nil)
}

// command runs loquet and returns what it says.
func (h *house) command(t *testing.T, args ...string) (out string, status int) {
	t.Helper()
	return e2e.Output(t, e2e.Command{Host: h.home, Name: lab.Binary(t), Args: append(args, "--state", h.Options.State)}, mqtt.Limit)
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

// tile is a door, a lock or a contact as Apple Home sees it.
type tile struct{ current, target homekit.ID }

func (h *house) tile(t *testing.T, name, service, current, target string) tile {
	t.Helper()
	a := homekit.Named(t, h.owner.Accessories(t), name)
	out := tile{current: a.Get(t, service, current).ID}
	if target != "" {
		out.target = a.Get(t, service, target).ID
	}
	return out
}

func (h *house) door(t *testing.T, name string) tile {
	t.Helper()
	return h.tile(t, name, homekit.ServiceGarage, homekit.TypeCurrentDoor, homekit.TypeTargetDoor)
}

// ask moves a device from Apple Home, as soon as it takes orders again: none within two seconds of the last one.
func (h *house) ask(t *testing.T, on tile, value int) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		w, err := h.owner.Write(on.target, value, homekit.Timed{})
		if err != nil || w.HTTP != 204 {
			return fmt.Sprintf("the order %d to be taken: %+v, %v\n%s", value, w, err, h.Log())
		}
		return ""
	})
}

// shows waits until Apple Home and the API show where a device is.
func (h *house) shows(t *testing.T, id, at string, on tile, value int) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		if d := h.Device(t, id); !d.Available || d.At() != at {
			return fmt.Sprintf("%s to be there and %s; it is %+v\n%s", id, at, d, h.Log())
		}
		return ""
	})
	e2e.Until(t, mqtt.Limit, func() string {
		all := []homekit.ID{on.current} // and the target: who was not told that a door went back says the same again in vain
		if on.target != (homekit.ID{}) {
			all = append(all, on.target)
		}
		v, err := h.owner.Read(all...)
		if err != nil || len(v) != len(all) || v[0].Status != 0 || fmt.Sprint(v[0].Value) != fmt.Sprint(value) {
			return fmt.Sprintf("Apple Home to show %d: %v, %v", value, v, err)
		}
		return ""
	})
}

// notResponding is what Apple Home is told of a device that is away (HAP R2 table 6-11).
const notResponding = -70402

// gone waits until a device is away, for the API and for Apple Home. What was not closed or locked when it was
// last heard is shown so at no moment, and an order is refused, with what to do.
func (h *house) gone(t *testing.T, id string, on tile, action string) {
	t.Helper()
	sure := []string{"closed", "secured", "no"}
	was := slices.Contains(sure, h.Device(t, id).At())
	e2e.Until(t, mqtt.Limit, func() string {
		d := h.Device(t, id)
		if !was && slices.Contains(sure, d.At()) {
			t.Errorf("nobody hears it any more, and it is shown %s", d.At())
		}
		if d.Available {
			return fmt.Sprintf("%s to be away: %+v", id, d)
		}
		return ""
	})
	if list, _ := h.command(t, "devices"); !strings.Contains(list, "not answering") {
		t.Errorf("it is away, and the list shows:\n%s", list)
	}
	if v, err := h.owner.Read(on.current); err == nil && (len(v) != 1 || v[0].Status != notResponding) {
		t.Errorf("Apple Home is told %v", v)
	}
	if action == "" {
		return
	}
	if a := h.Command(t, id, action); a.Status != 409 || a.Remedy == "" {
		t.Errorf("an order to nobody: %+v", a)
	}
}

// paste puts a section into the configuration, as its owner does: below those of its kind, with more of it.
func (h *house) paste(section, more string) {
	group, rest, _ := strings.Cut(section, "\n")
	rest = strings.TrimRight(rest, "\n") + "\n" + more
	if before, after, found := strings.Cut(h.config, "\n"+group+"\n"); found {
		h.config = before + "\n" + group + "\n" + rest + after
		return
	}
	h.config += group + "\n" + rest
}

// order is ask over the API, for what Apple Home has no word for.
func (h *house) order(t *testing.T, id, action string) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		if a := h.Command(t, id, action); a.Status != 202 {
			return fmt.Sprintf("%s to be taken: %+v", action, a)
		}
		return ""
	})
}

// trouble waits until the owner is told of a device what is wrong, in those words.
func (h *house) trouble(t *testing.T, id, words string) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		var health struct {
			Problems []struct{ Code, Subject, Detail string }
		}
		h.Do(t, "GET", "/api/v1/health", nil, &health)
		for _, p := range health.Problems {
			if p.Code == "device-unavailable" && p.Subject == id && strings.Contains(p.Detail, words) {
				return ""
			}
		}
		return fmt.Sprintf("%q to be told of %s: %+v", words, id, health.Problems)
	})
}
