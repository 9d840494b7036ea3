package mqtt_test

import (
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
	"github.com/loquet/loquet/e2e/mqtt"
)

// plug is a switch of no particular make at the button of the opener. It keeps its state at the broker, as most do.
type plug struct {
	*thing
	gate   *gate
	clicks int  // of its relay; guarded by thing.mu, as what follows
	stays  bool // nobody set its timer
}

// ownTimer is when it switches off by itself: well within what its owner wrote (auto_off: 1s), for a busy machine.
const ownTimer = 600 * time.Millisecond

func startPlug(t *testing.T, a mqtt.Account, g *gate) *plug {
	t.Helper()
	p := &plug{gate: g}
	p.thing = startThing(t, a, "home/relay", "OFF", &thing{topic: "home/relay/set", state: "home/relay/state", obey: p.obey})
	return p
}

// obey is called with mu held. A switch that is told ON again counts its timer from then on, and does not click.
func (p *plug) obey(x *thing, order string) {
	if x.timer != nil {
		x.timer.Stop()
	}
	if order == "ON" && x.at != "ON" {
		p.clicks++
		p.gate.door.Click()
	}
	x.become(order)
	if order != "ON" || p.stays {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(ownTimer, func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.timer == timer && x.at == "ON" {
			x.become("OFF")
		}
	})
	x.timer = timer
}

func (p *plug) clicked(t *testing.T, n int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clicks != n {
		t.Errorf("the relay clicked %d times, want %d; it was told %q", p.clicks, n, p.orders)
	}
}

// awaits waits for the click of an order that was taken.
func (p *plug) awaits(t *testing.T, n int) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.clicks < n {
			return fmt.Sprintf("click %d; there were %d", n, p.clicks)
		}
		return ""
	})
}

// rests waits until the relay is off.
func (p *plug) rests(t *testing.T) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.at != "OFF" {
			return "the relay to be off"
		}
		return ""
	})
}

// sets is its owner at its settings: whether it switches off by itself.
func (p *plug) sets(stays bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stays = stays
}

// told is every order so far.
func (p *plug) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.orders)
}

// A gate behind a switch of no particular make, moved from Apple Home: each order is one click. The first pulse is
// left to the device's own timer, and so is the one in which the broker dies; an order that somebody keeps at the
// broker, or gives again, states that come twice, and a device that comes back move nothing. A device that does not
// switch off by itself is found out with the first pulse, told, and not used again before its owner confirms.
func TestSwitch(t *testing.T) {
	t.Parallel()
	for _, broker := range mqtt.Brokers() {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			switched(t, newHouse(t, broker, `boards:
  contacts: {driver: tasmota, topic: garage, relays: 0, switches: 2}
  button:
    driver: mqtt
    command: home/relay/set
    state: home/relay/state
    availability: home/relay/LWT
    auto_off: 1s
doors:
  gate:
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, relay: "button:relay-1", pulse: 400ms, cycle: reverses-on-close}
    closed: "contacts:switch-1"
    open: "contacts:switch-2"
    remote_close: owner-declares-protected
    travel: 2s
`))
		})
	}
}

func switched(t *testing.T, h *house) {
	g := startGate(t, h.account(t, "tasmota", "garage"))
	p := startPlug(t, h.account(t, "device", "home/relay"), g)
	h.pair(t)
	gate := h.door(t, "Gate")
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	p.clicked(t, 0)
	h.ask(t, gate, homekit.DoorOpen)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	p.rests(t)
	if got := p.told(); !slices.Equal(got, []string{"ON"}) {
		t.Errorf("the first pulse is left to the device; it was told %q", got)
	}
	h.ask(t, gate, homekit.DoorClosed)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	if got := p.told(); !slices.Equal(got, []string{"ON", "ON", "OFF"}) {
		t.Errorf("its timer was seen, and the second pulse has its length; it was told %q", got)
	}
	p.clicked(t, 2)

	t.Log("it says its state twice, somebody keeps orders at the broker, and it comes back")
	someone := h.account(t, "device", "home")
	p.put("OFF")
	someone.Tell(t, mqtt.Message{Topic: "home/relay/state", Payload: "OFF"}, mqtt.Message{Topic: "home/relay/state", Payload: "OFF", Retained: true},
		mqtt.Message{Topic: "home/relay/set", Payload: "OFF", Retained: true}, mqtt.Message{Topic: "home/relay/set", Payload: "ON", Retained: true})
	if h.mosquitto != nil { // which keeps what it is told to, and passes it on: the device obeys that once
		p.awaits(t, 3)
		visits := p.Visits()
		p.Cut()
		p.Await(t, visits+1)
		h.restart(t)
		h.trouble(t, "gate", "publish an empty message")
		h.gone(t, "gate", gate, "close")
		someone.Tell(t, mqtt.Message{Topic: "home/relay/set", Retained: true})
		h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	} else { // which neither keeps an order nor passes one on that is to be kept
		visits := p.Visits()
		p.Cut()
		p.Await(t, visits+1)
		h.restart(t)
		h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
		h.ask(t, gate, homekit.DoorOpen)
		h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	}
	p.rests(t)
	p.clicked(t, 3)

	t.Log("the broker dies in the middle of a pulse, and somebody uses the button at the gate")
	h.ask(t, gate, homekit.DoorClosed)
	p.awaits(t, 4)
	h.brokerDies(t, func() {
		p.rests(t) // by itself
		e2e.Until(t, mqtt.Limit, func() string {
			if w := g.door.Look(); w.Moving != 0 || w.At != 0 {
				return fmt.Sprintf("the gate to be closed: %+v", w)
			}
			return ""
		})
		g.door.Wall()
	})
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	p.clicked(t, 4)
	h.ask(t, gate, homekit.DoorClosed)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	p.clicked(t, 5)

	t.Log("it comes back without its timer: the first pulse tells")
	p.sets(true)
	visits := p.Visits()
	p.Cut()
	p.Await(t, visits+1)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	h.ask(t, gate, homekit.DoorOpen)
	word := h.confirm(t)
	p.rests(t) // it was told to
	h.trouble(t, "gate", "did not come back by itself")
	h.gone(t, "gate", gate, "close")
	h.restart(t)
	h.trouble(t, "gate", "did not come back by itself")
	h.gone(t, "gate", gate, "close")
	p.clicked(t, 6)

	t.Log("its owner sets the timer, and says so")
	p.sets(false)
	h.config = regexp.MustCompile(`(?m)^    auto_off: 1s$`).ReplaceAllString(h.config, "$0\n    confirmed: \""+word+"\"")
	h.restart(t)
	h.shows(t, "gate", "open", gate, homekit.DoorOpen)
	p.clicked(t, 6)
	h.ask(t, gate, homekit.DoorClosed)
	h.shows(t, "gate", "closed", gate, homekit.DoorClosed)
	p.rests(t)
	p.clicked(t, 7)
	if all := h.Problems(t); slices.Contains(all, "mqtt-auto-off") {
		t.Errorf("it is set right, and the owner is told %q", all)
	}
}

// confirm waits until the owner is told of a relay that did not come back, and is the word that answers it.
func (h *house) confirm(t *testing.T) (word string) {
	t.Helper()
	e2e.Until(t, mqtt.Limit, func() string {
		var health struct {
			Problems []struct{ Code, Subject, Detail string }
		}
		h.Do(t, "GET", "/api/v1/health", nil, &health)
		for _, p := range health.Problems {
			if found := regexp.MustCompile(`confirmed: "(\d{8}-\d{6})"`).FindStringSubmatch(p.Detail); p.Code == "mqtt-auto-off" && found != nil {
				word = found[1]
				return ""
			}
		}
		return fmt.Sprintf("mqtt-auto-off, with a word to confirm: %+v", health.Problems)
	})
	return word
}
