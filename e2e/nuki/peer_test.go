package nuki

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e/mqtt"
)

const (
	lockID = "2BB28570"
	topic  = "nuki/" + lockID + "/"
)

// peer is a lock. It has the lock's will, and says nothing when it connects: see connect.
type peer struct {
	*mqtt.Device

	mu     sync.Mutex
	orders []string
	door   string
	bolt   string
}

func startPeer(t *testing.T, a mqtt.Account, bolt string) *peer {
	t.Helper()
	p := &peer{door: "2", bolt: bolt}
	p.Device = mqtt.Start(t, a, mqtt.Options{ID: "Nuki_" + lockID, Keep: 5 * time.Second, Will: mqtt.Message{Topic: topic + "connected", Payload: "false", Retained: true},
		Filters: []string{topic + "lockAction", topic + "lock", topic + "unlock"}, Heard: p.take}, nil)
	return p
}

func (p *peer) tell(what, payload string, retain bool) {
	p.Say(mqtt.Message{Topic: topic + what, Payload: payload, Retained: retain})
}

// connect is what a lock says when it comes: everything.
func (p *peer) connect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, v := range [][2]string{{"connected", "true"}, {"mode", "2"}, {"state", p.bolt}, {"doorsensorState", p.door}, {"batteryCritical", "false"}, {"batteryChargeState", "80"}} {
		p.tell(v[0], v[1], true)
	}
}

// take obeys an order.
func (p *peer) take(m mqtt.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	order := strings.TrimPrefix(m.Topic, topic) + " " + m.Payload
	if m.Retained {
		order += " kept"
	}
	p.orders = append(p.orders, order)
	p.tell("lockActionEvent", m.Payload+",172,0,0,0", false)
	for _, state := range map[string][]string{"1": {"2", "3"}, "2": {"4", "1"}, "3": {"7", "5"}}[m.Payload] {
		p.tell("state", state, true)
		p.bolt = state
	}
	p.tell("commandResponse", "0", false)
}

// turn is a turn that nobody in the house asked for; who is what the lock announces, empty for a key.
func (p *peer) turn(state, who string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if who != "" {
		p.tell("lockActionEvent", who, false)
	}
	p.bolt = state
	p.tell("state", state, true)
}

// unheard is a turn while nobody listens.
func (p *peer) unheard(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = state
}

func (p *peer) told() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.orders)
}
