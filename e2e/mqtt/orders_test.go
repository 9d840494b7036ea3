package mqtt_test

import (
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/mqtt"
	"github.com/loquet/loquet/e2e/world"
	"github.com/loquet/loquet/hw/sim"
)

// ordered is the configuration of a house that takes orders, with the lines of a simulated one.
const ordered = `boards:
  house: {driver: sim, world: "%s"}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "house:garage/relay", pulse: 400ms}
    closed: "house:garage/closed"
    open: "house:garage/open"
    remote_close: owner-declares-protected
    travel: 6s
  yard:
    name: Yard
    kind: sectional
    opener: {driver: lines, relay: "house:yard/relay", pulse: 400ms}
    closed: "house:yard/closed"
    open: "house:yard/open"
    travel: 1m
locks:
  studio:
    name: Studio
    bolt: {driver: strike, relay: "house:studio/relay", hold: 5s}
`

// assistant is a program that does what Home Assistant does: it finds what announces itself, and follows it.
type assistant struct {
	mqtt.Account
	house *house
	world *world.World

	mu   sync.Mutex
	kept map[string]string // by topic
}

func (a *assistant) heard(m mqtt.Message) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.kept[m.Topic] = m.Payload
}

func newAssistant(t *testing.T, broker string) *assistant {
	t.Helper()
	e2e.NeedCommand(t, "mosquitto_pub", "apt-get install mosquitto-clients")
	all := sim.DemoHouse()
	slow := all.Doors[0] // so slow that a stop finds it on its way, on any machine
	slow.ID, slow.Name, slow.Travel = "yard", "Yard", 2*time.Minute
	all.Doors = append(all.Doors, slow)
	a := &assistant{world: world.Start(t, all, 2), kept: map[string]string{}}
	more := ", publish: states-and-orders"
	if broker == "mosquitto" {
		more += ", order_topics: owner-declares-protected"
	}
	a.house = newHouseWith(t, broker, more, fmt.Sprintf(ordered, a.world.Socket))
	a.Account = a.house.account(t, "homeassistant", "--role=operate")
	a.follow(t)
	return a
}

// follow connects, also again after the broker has gone.
func (a *assistant) follow(t *testing.T) {
	t.Helper()
	c, err := a.Connect(mqtt.Options{ID: "ha", Filters: []string{"homeassistant/#", "loquet/#"}, Heard: a.heard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
}

// entity is what announces itself as a component, by the part of its topic behind the node.
func (a *assistant) entity(t *testing.T, component, object string) (e struct {
	Command string `json:"command_topic"`
	State   string `json:"state_topic"`
	Retain  bool   `json:"retain"`
}) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		for topic, payload := range a.kept {
			if strings.HasPrefix(topic, "homeassistant/"+component+"/") && strings.HasSuffix(topic, "/"+object+"/config") && json.Unmarshal([]byte(payload), &e) == nil {
				return ""
			}
		}
		return fmt.Sprintf("a %s %s among %q", component, object, a.kept)
	})
	return e
}

// shows waits until a field of a state says so.
func (a *assistant) shows(t *testing.T, topic, field, want string) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		a.mu.Lock()
		defer a.mu.Unlock()
		var state map[string]any
		if json.Unmarshal([]byte(a.kept[topic]), &state) != nil || state[field] != want {
			return fmt.Sprintf("%s to be %s: %s\n%s", field, want, a.kept[topic], a.house.Log())
		}
		return ""
	})
}

// publish gives an order as a program of mosquitto does.
func (a *assistant) publish(t *testing.T, topic, order string) {
	t.Helper()
	host, port, err := net.SplitHostPort(a.Addr)
	if err != nil {
		t.Fatal(err)
	}
	e2e.Run(t, e2e.Command{Host: a.Host, Name: "mosquitto_pub", Args: []string{"-h", host, "-p", port, "-u", a.User, "-P", a.Password, "-t", topic, "-m", order}}, mqtt.Limit)
}

// moves gives an order until it is done: none is taken within two seconds of the last click.
func (a *assistant) moves(t *testing.T, id, topic, order string, pulses int) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		a.publish(t, topic, order)
		if s := a.world.Status(t, id); s.PulsesTotal != pulses {
			return fmt.Sprintf("%d pulses after %s: %+v\n%s", pulses, order, s, a.house.Log())
		}
		return ""
	})
}

// still requires that nothing moves for a while.
func (a *assistant) still(t *testing.T, span time.Duration, id string, pulses int) {
	t.Helper()
	e2e.Always(t, span, func() string {
		if s := a.world.Status(t, id); s.PulsesTotal != pulses {
			return fmt.Sprintf("%d pulses, want %d\n%s", s.PulsesTotal, pulses, a.house.Log())
		}
		return ""
	})
}

// Home Assistant opens, closes and stops a door and opens a strike, one click each, and history knows who it was. What
// was kept, sent again, left as a will, or said by others or while loquet was away moves nothing.
func TestOrders(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			a := newAssistant(t, broker)
			garage, yard, studio := a.entity(t, "cover", "garage-cover"), a.entity(t, "cover", "yard-cover"), a.entity(t, "lock", "studio-lock")
			a.shows(t, garage.State, "cover", "closed")
			none(t, a, garage.Command)
			a.moves(t, "garage", garage.Command, "OPEN", 1)
			a.shows(t, garage.State, "cover", "open")
			a.moves(t, "garage", garage.Command, "CLOSE", 2)
			a.shows(t, garage.State, "cover", "closed")
			a.moves(t, "yard", yard.Command, "OPEN", 1)
			a.shows(t, yard.State, "cover", "opening")
			a.moves(t, "yard", yard.Command, "STOP", 2)
			a.shows(t, yard.State, "position", "stopped")
			a.shows(t, yard.State, "cover", "open")
			a.moves(t, "studio", studio.Command, "UNLOCK", 1)
			a.shows(t, studio.State, "lock", "UNLOCKED")
			a.shows(t, studio.State, "lock", "LOCKED")
			actor, name := a.User, "Home Assistant"
			if broker == "mosquitto" {
				actor, name = "unverified", "unverified account"
			}
			a.house.remembers(t, "who it was", func(r e2e.Row) bool {
				return r.Kind == "started" && r.Cause.Kind == "mqtt" && r.Cause.Actor == actor && r.Cause.Name == name
			})
			a.still(t, time.Second, "garage", 2)
			a.still(t, time.Second, "yard", 2)
		})
	}
}

// remembers waits until the history of the garage has a row: a refusal is written after it was decided.
func (h *house) remembers(t *testing.T, what string, is func(e2e.Row) bool) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		if all := h.History(t, "garage"); !slices.ContainsFunc(all, is) {
			return fmt.Sprintf("history to know %s: %+v", what, all)
		}
		return ""
	})
}

// none says much that is no order.
func none(t *testing.T, a *assistant, topic string) {
	t.Helper()
	h := a.house
	h.Kill(t)
	if h.mosquitto != nil { // it keeps what it was told while nobody listened
		a.Tell(t, mqtt.Message{Topic: topic, Payload: "OPEN"}, mqtt.Message{Topic: topic, Payload: "OPEN", Retained: true})
	}
	h.Loquet = h.Again(t, nil)
	if h.mosquitto == nil {
		a.follow(t)
	}
	h.Await(t, "garage", "closed", mqtt.Limit)
	a.Tell(t, mqtt.Message{Topic: topic, Payload: "OPEN", Retained: true}, mqtt.Message{Topic: topic, Payload: "open"}, mqtt.Message{Topic: topic})
	if h.mosquitto == nil {
		stranger := h.account(t, "device", "yard")
		if err := stranger.Try(mqtt.Message{Topic: topic, Payload: "OPEN"}); err == nil {
			t.Error("a device may give orders")
		}
		conn, err := a.Open("again", time.Minute, mqtt.Message{Topic: topic, Payload: "OPEN"}) // and a will
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(mqtt.Packet(0x3a, mqtt.Text(topic), []byte{0, 9}, []byte("OPEN"))) // sent again, as it says
		answer := make([]byte, 4)
		if _, err := conn.Read(answer); err != nil {
			t.Error(err)
		}
		_ = conn.Close()
		h.remembers(t, "the stranger", func(r e2e.Row) bool {
			return r.Kind == "refused" && r.Code == "not-permitted" && r.Cause.Kind == "mqtt" && r.Cause.Actor == stranger.User
		})
	}
	e2e.Until(t, mqtt.Limit, func() string {
		if all := h.Problems(t); !slices.Contains(all, "mqtt-order") {
			return fmt.Sprintf("mqtt-order among the problems: %q", all)
		}
		return ""
	})
	a.still(t, 2*time.Second, "garage", 0)
}

// An order that the network held up for longer than an order lives never comes.
func TestAnOrderThatWasHeldUp(t *testing.T) {
	t.Parallel()
	e2e.NeedCommand(t, "iptables", "apt-get install iptables")
	a := newAssistant(t, "own")
	garage := a.entity(t, "cover", "garage-cover")
	a.shows(t, garage.State, "cover", "closed")
	c, err := a.Connect(mqtt.Options{ID: "late", Filters: []string{"homeassistant/status"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// What is dropped on its way, and not refused: both ends believe in their connection.
	drop := func(flag string) {
		e2e.Run(t, e2e.Command{Host: a.house.home, Name: "iptables", Args: []string{flag, "INPUT", "-i", a.house.home.Device, "-j", "DROP"}}, mqtt.Limit)
	}
	e2e.Apart(t, time.Second) // both have confirmed all: an end that waits for that would give up by itself
	drop("-A")
	c.Say(mqtt.Message{Topic: garage.Command, Payload: "OPEN"})
	e2e.Apart(t, 9*time.Second)
	drop("-D")
	a.still(t, 8*time.Second, "garage", 0) // TCP tries again within it
	a.moves(t, "garage", garage.Command, "OPEN", 1)
}
