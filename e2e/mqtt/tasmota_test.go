package mqtt_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
	garage "github.com/loquet/loquet/hw/garadget/emulator"
	"github.com/loquet/loquet/hw/tasmota/emulator"
)

// gate is a device with Tasmota at the button of an opener, with a contact at each end of the way.
type gate struct {
	*mqtt.Device
	tasmota *emulator.Device
	door    *garage.Door
	mute    atomic.Bool // the next order is obeyed, and the connection is gone before anybody hears of it
}

const gateTravel = 2 * time.Second

func startGate(t *testing.T, a mqtt.Account) *gate {
	t.Helper()
	g := &gate{door: garage.NewDoor(gateTravel)}
	g.tasmota = emulator.New("garage", 1, 2, func(m emulator.Message) { g.Say(mqtt.Message(m)) })
	will := g.tasmota.Will()
	g.Device = mqtt.NewDevice(t, a, mqtt.Options{ID: "DVES_12AB34", Keep: 2 * time.Second, Will: mqtt.Message(will), Filters: g.tasmota.Topics(),
		Heard: g.heard}, func(*mqtt.Client) { g.tasmota.Connected() })
	g.look()
	var all sync.WaitGroup
	over := make(chan struct{})
	all.Go(func() { g.wire(over) })
	t.Cleanup(func() {
		close(over)
		all.Wait()
	})
	g.On(t)
	return g
}

// heard is a message to the device. It starts anew when it is told to (tasmota.github.io/docs, "Restart").
func (g *gate) heard(m mqtt.Message) {
	if strings.HasSuffix(m.Topic, "/Restart") && m.Payload == "1" {
		g.tasmota.Boot()
		g.Cut()
		return
	}
	if strings.Contains(m.Topic, "/POWER") && m.Payload != "" && g.mute.Swap(false) {
		g.Hush()
		defer g.Cut()
	}
	g.tasmota.Take(m.Topic, m.Payload)
}

// look moves the contacts with the door.
func (g *gate) look() {
	w := g.door.Look()
	g.tasmota.Turn(1, w.At == 0)
	g.tasmota.Turn(2, w.At == 1)
}

// wire lets each click of the relay press the opener's button.
func (g *gate) wire(over chan struct{}) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for pressed := 0; ; {
		select {
		case <-tick.C:
		case <-over:
			return
		}
		for ; pressed < g.tasmota.Clicks(); pressed++ {
			g.door.Click()
		}
		g.look()
	}
}

// dies is a power cut: the relay falls off with it.
func (g *gate) dies() {
	g.Off()
	g.tasmota.Boot()
}

func (g *gate) clicked(t *testing.T, n int) {
	t.Helper()
	if got := g.tasmota.Clicks(); got != n {
		t.Errorf("the relay clicked %d times, want %d; it was told %s", got, n, g.tasmota.Orders())
	}
}

// halfWay waits until the gate is on its way, away from both ends.
func (g *gate) halfWay(t *testing.T) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		if w := g.door.Look(); w.Moving == 0 || w.At < 0.2 || w.At > 0.8 {
			return fmt.Sprintf("the gate half way: %+v", w)
		}
		return ""
	})
}

// A gate on a relay with Tasmota, moved from Apple Home: each order is one click. A board whose power is cut in
// the middle of a move, that starts anew because somebody told it to, that loses its connection with the order,
// and a broker that dies: none of it is a click, and the gate is never shown closed meanwhile.
func TestTasmota(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			tasmota(t, newHouse(t, broker, `
boards:
  relay: {driver: tasmota, topic: garage, relays: 1, switches: 2}
doors:
  gate:
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, relay: "relay:relay-1", pulse: 400ms, cycle: reverses-on-close}
    closed: "relay:switch-1"
    open: "relay:switch-2"
    remote_close: owner-declares-protected
    travel: 2s
`))
		})
	}
}

func tasmota(t *testing.T, h *house) {
	g := startGate(t, h.account(t, "tasmota", "garage"))
	h.pair(t)
	gate := h.door(t, "Gate")
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	g.clicked(t, 0)
	h.ask(t, gate, homekit.DoorOpen)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	g.clicked(t, 1)
	h.ask(t, gate, homekit.DoorClosed)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	g.clicked(t, 2)

	t.Log("its power is cut on the way, and comes back")
	h.ask(t, gate, homekit.DoorOpen)
	g.halfWay(t)
	g.dies()
	h.gone(t, "gate", gate, "close")
	g.On(t)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	g.clicked(t, 3)

	t.Log("it loses its connection with an order that it obeys")
	g.mute.Store(true)
	e2e.Until(t, mqtt.Limit, func() string {
		a := h.Command(t, "gate", "close")
		if g.mute.Load() {
			return fmt.Sprintf("an order to arrive: %+v", a)
		}
		return ""
	})
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	g.clicked(t, 4)

	t.Log("it falls silent, without a word to the network")
	g.Freeze()
	h.gone(t, "gate", gate, "open")
	g.dies()
	g.On(t)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)

	t.Log("somebody tells it to start anew on its way, and plants an order")
	someone := h.account(t, "device", "cmnd/garage")
	h.ask(t, gate, homekit.DoorOpen)
	g.halfWay(t)
	visits := g.Visits()
	someone.Tell(t, mqtt.Message{Topic: "cmnd/garage/Restart", Payload: "1"}, mqtt.Message{Topic: "cmnd/garage/POWER2", Payload: "ON", Retained: true})
	g.Await(t, visits+1)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	g.clicked(t, 5)
	h.restart(t)
	if h.mosquitto != nil { // which keeps what it is told to
		h.trouble(t, "gate", "publish an empty message")
		h.gone(t, "gate", gate, "close")
		someone.Tell(t, mqtt.Message{Topic: "cmnd/garage/POWER2", Retained: true})
	}
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	g.clicked(t, 5)

	t.Log("the broker dies, and somebody uses the button at the gate")
	h.brokerDies(t, g.door.Wall)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	g.clicked(t, 5)
	h.ask(t, gate, homekit.DoorOpen)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	g.clicked(t, 6)
}
