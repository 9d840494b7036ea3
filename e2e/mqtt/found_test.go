package mqtt_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
)

// announced are a device's words to Home Assistant, as the tests of the driver have them: the topic, and what is
// kept there.
func announced(t *testing.T, name string) mqtt.Message {
	t.Helper()
	text, err := os.ReadFile(e2e.Folder(t, "hw", "mqtt", "discovery", "testdata", name+".msg"))
	if err != nil {
		t.Fatal(err)
	}
	topic, payload, _ := strings.Cut(string(text), "\n")
	return mqtt.Message{Topic: topic, Payload: strings.TrimSpace(payload), Retained: true}
}

// thing is a device that announces itself: a state, which it keeps at the broker, and orders that change it.
type thing struct {
	*mqtt.Device
	topic, state string // of its orders, and of its state
	say          func(state string) string
	obey         func(*thing, string) // called with mu held

	mu     sync.Mutex
	at     string
	orders []string
	kept   []string // orders that the broker had kept
	timer  *time.Timer
}

// startThing gives it power. What it says of itself is below base.
func startThing(t *testing.T, a mqtt.Account, base, at string, x *thing, announcements ...mqtt.Message) *thing {
	t.Helper()
	x.at = at
	if x.say == nil {
		x.say = func(state string) string { return state }
	}
	lwt := func(word string) mqtt.Message {
		return mqtt.Message{Topic: base + "/LWT", Payload: word, Retained: true}
	}
	o := mqtt.Options{ID: strings.ReplaceAll(base, "/", "-"), Keep: 2 * time.Second, Will: lwt("offline"), Heard: x.heard}
	if x.topic != "" {
		o.Filters = []string{x.topic}
	}
	x.Device = mqtt.Start(t, a, o, func(c *mqtt.Client) {
		for _, m := range append(announcements, lwt("online")) {
			c.Say(m)
		}
		x.mu.Lock()
		defer x.mu.Unlock()
		c.Say(mqtt.Message{Topic: x.state, Payload: x.say(x.at), Retained: true})
	})
	return x
}

func (x *thing) heard(m mqtt.Message) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if m.Retained { // a device must not take what was kept (Home Assistant, "MQTT", retain)
		x.kept = append(x.kept, m.Payload)
		return
	}
	if m.Payload == "" { // what was kept is taken away
		return
	}
	x.orders = append(x.orders, m.Payload)
	x.obey(x, m.Payload)
}

// become is called with mu held.
func (x *thing) become(at string) {
	x.at = at
	x.Say(mqtt.Message{Topic: x.state, Payload: x.say(at), Retained: true})
}

// put is a hand at the device, heard or not.
func (x *thing) put(at string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
	}
	x.become(at)
}

const serviceContact = "80" // of HAP (R2 8.9)

// unheard is a hand at a device that has no power, or nobody to tell.
func (x *thing) unheard(at string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.timer != nil {
		x.timer.Stop()
	}
	x.at = at
}

func (x *thing) keptOrders() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Clone(x.kept)
}

// travel is how long the door takes.
const travel = 2 * time.Second

// move is called with mu held: a way that ends by itself.
func (x *thing) move(way, end string) {
	x.become(way)
	x.timer = time.AfterFunc(travel, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.at == way {
			x.become(end)
		}
	})
}

// hears waits until it was given so many orders.
func (x *thing) hears(t *testing.T, n int) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		x.mu.Lock()
		defer x.mu.Unlock()
		if len(x.orders) < n {
			return fmt.Sprintf("%d orders; there are %q", n, x.orders)
		}
		return ""
	})
}

func (x *thing) told(t *testing.T, want ...string) {
	t.Helper()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !slices.Equal(x.orders, want) {
		t.Errorf("%s was told %q, want %q", x.topic, x.orders, want)
	}
}

// What announces itself for Home Assistant is listed, becomes a part of the configuration that its owner pastes,
// and is moved from Apple Home, one order each. What is away is unavailable and never closed, whoever kept what
// of it; what comes back, restarts or was cut off in the middle gets no order by that.
func TestFound(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			found(t, newHouse(t, broker, ""))
		})
	}
}

// announceTasmota is a device with Tasmota that announces its relay as its firmware does (SetOption19 1,
// xdrv_12_home_assistant.ino), and one of somebody else that says it is that lock.
func announceTasmota(t *testing.T, h *house) {
	t.Helper()
	say := func(node, name string) mqtt.Message {
		return mqtt.Message{Topic: "homeassistant/switch/" + node + "/config", Retained: true, Payload: `{"name":"` + name + `","stat_t":"tele/garage/STATE",` +
			`"avty_t":"tele/garage/LWT","pl_avail":"Online","pl_not_avail":"Offline","cmd_t":"cmnd/garage/POWER","pl_off":"OFF","pl_on":"ON",` +
			`"val_tpl":"{{value_json.POWER}}","uniq_id":"` + node + `","dev":{"ids":["12AB34"]}}`}
	}
	mqtt.Start(t, h.account(t, "tasmota", "garage"), mqtt.Options{ID: "DVES_12AB34"}, func(c *mqtt.Client) {
		c.Say(mqtt.Message{Topic: "homeassistant/light/12AB34_LI_1/config", Retained: true})
		c.Say(say("front_2", "Front door of a stranger"))
		c.Say(say("12AB34_RL_1", "Garage relay"))
	})
}

func found(t *testing.T, h *house) {
	cover := startThing(t, h.account(t, "device", "home/garage"), "home/garage", "closed", &thing{topic: "home/garage/set", state: "home/garage/state",
		obey: func(x *thing, order string) {
			switch order {
			case "OPEN":
				x.move("opening", "open")
			case "CLOSE":
				x.move("closing", "closed")
			case "STOP":
				x.become("stopped")
			}
		}}, announced(t, "cover-full"))
	lock := startThing(t, h.account(t, "device", "front"), "front", "locked", &thing{topic: "front/set", state: "front/state",
		say:  func(state string) string { return `{"state":"` + state + `"}` },
		obey: func(x *thing, order string) { x.become(order + "ed") }}, announced(t, "lock"))
	contact := startThing(t, h.account(t, "device", "w", "--node=hall"), "w", "closed", &thing{state: "w/contact"}, announced(t, "contact-good"))
	announceTasmota(t, h)

	list, status := h.command(t, "adopt", "found")
	for _, id := range []string{"cover/garage", "lock/front", "binary_sensor/hall", "switch/12AB34_RL_1"} {
		if status != 0 || !strings.Contains(list, id) {
			t.Fatalf("%s is not found:\n%s", id, list)
		}
	}
	if strings.Contains(list, "Front door of a stranger") != (h.mosquitto != nil) {
		t.Errorf("what a device says of another:\n%s", list)
	}
	if out, status := h.command(t, "adopt", "found", "switch/12AB34_RL_1"); status != 1 || out != "" || !strings.Contains(list, "it is a Tasmota") {
		t.Errorf("a bare switch, that is a Tasmota: %d\n%s\n%s", status, out, list)
	}
	for id, more := range map[string]string{"cover/garage": "    kind: sectional\n    remote_close: owner-declares-protected\n    travel: 2s\n", "lock/front": "", "binary_sensor/hall": ""} {
		section, status := h.command(t, "adopt", "found", id)
		if status != 0 {
			t.Fatalf("%s: %s", id, section)
		}
		h.paste(section, more)
	}
	h.restart(t)
	h.pair(t)
	garage, front := h.door(t, "Garage"), h.tile(t, "Front", homekit.ServiceLock, homekit.TypeCurrentLock, homekit.TypeTargetLock)
	hall := h.tile(t, "Hall", serviceContact, homekit.TypeContactState, "")
	h.shows(t, "garage", "closed", garage, homekit.DoorClosed)
	h.shows(t, "front", "secured", front, homekit.LockSecured)
	h.shows(t, "hall", "no", hall, 0)
	cover.told(t)
	lock.told(t)

	h.ask(t, garage, homekit.DoorOpen)
	h.ask(t, front, homekit.LockUnsecured)
	contact.put("open")
	h.shows(t, "garage", "open", garage, homekit.DoorOpen)
	h.shows(t, "front", "unsecured", front, homekit.LockUnsecured)
	h.shows(t, "hall", "yes", hall, 1)
	h.ask(t, front, homekit.LockSecured)
	h.shows(t, "front", "secured", front, homekit.LockSecured)
	h.ask(t, garage, homekit.DoorClosed)
	h.Await(t, "garage", "closing", mqtt.Limit)
	h.order(t, "garage", "stop")
	h.shows(t, "garage", "stopped", garage, homekit.DoorStopped)
	h.ask(t, garage, homekit.DoorClosed)
	h.shows(t, "garage", "closed", garage, homekit.DoorClosed)
	cover.told(t, "OPEN", "CLOSE", "STOP", "CLOSE")
	lock.told(t, "unlock", "lock")

	t.Log("the cover and the lock lose power, and somebody plants orders and a lie")
	cover.Off()
	lock.Off()
	contact.Off()
	h.gone(t, "garage", garage, "open")
	h.gone(t, "front", front, "unlock")
	h.gone(t, "hall", hall, "")
	stranger := h.account(t, "device", "home")
	stranger.Tell(t, mqtt.Message{Topic: "home/garage/state", Payload: "closed", Retained: true}, mqtt.Message{Topic: "home/garage/set", Payload: "OPEN", Retained: true})
	if h.mosquitto != nil {
		stranger.Tell(t, mqtt.Message{Topic: "front/state", Payload: `{"state":"locked"}`, Retained: true}, mqtt.Message{Topic: "front/set", Payload: "unlock", Retained: true})
	}
	h.gone(t, "garage", garage, "open")
	h.gone(t, "front", front, "unlock")
	cover.unheard("open")
	lock.unheard("unlocked")
	contact.unheard("closed")
	cover.On(t)
	lock.On(t)
	contact.On(t)
	h.shows(t, "garage", "open", garage, homekit.DoorOpen)
	h.shows(t, "front", "unsecured", front, homekit.LockUnsecured)
	h.shows(t, "hall", "no", hall, 0)
	if kept := cover.keptOrders(); len(kept) != 0 && h.mosquitto == nil {
		t.Errorf("the broker kept orders: %q", kept)
	}
	if h.mosquitto != nil { // taken away: an empty message
		stranger.Tell(t, mqtt.Message{Topic: "home/garage/set", Retained: true}, mqtt.Message{Topic: "front/set", Retained: true})
	}

	t.Log("the door dies on its way, without a word to anybody")
	h.ask(t, garage, homekit.DoorClosed)
	cover.hears(t, 5)
	h.Await(t, "garage", "closing", mqtt.Limit)
	cover.Freeze()
	h.gone(t, "garage", garage, "close")
	cover.Off()
	cover.unheard("stopped")
	cover.On(t)
	h.shows(t, "garage", "stopped", garage, homekit.DoorStopped)

	t.Log("it starts again, as after an update, and the broker dies; a hand is at the door meanwhile")
	cover.Cut()
	cover.Await(t, 4)
	h.shows(t, "garage", "stopped", garage, homekit.DoorStopped)
	h.brokerDies(t, func() {
		cover.unheard("closed")
		lock.unheard("locked")
	})
	h.shows(t, "garage", "closed", garage, homekit.DoorClosed)
	h.shows(t, "front", "secured", front, homekit.LockSecured)
	h.shows(t, "hall", "no", hall, 0)
	cover.told(t, "OPEN", "CLOSE", "STOP", "CLOSE", "CLOSE")
	lock.told(t, "unlock", "lock")
	h.ask(t, garage, homekit.DoorOpen)
	h.shows(t, "garage", "open", garage, homekit.DoorOpen)
	cover.told(t, "OPEN", "CLOSE", "STOP", "CLOSE", "CLOSE", "OPEN")
}
