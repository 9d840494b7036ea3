package zigbee2mqtt

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e/mqtt"
)

const topic = "zigbee2mqtt/Front door"

// peer is a lock behind Zigbee2MQTT.
type peer struct {
	*mqtt.Device

	mu     sync.Mutex
	bolt   string // locked, unlocked, not_fully_locked
	orders []string
	codes  map[int]string
	saved  int64
}

func startPeer(t *testing.T, a mqtt.Account) *peer {
	t.Helper()
	p := &peer{bolt: "locked", codes: map[int]string{}}
	p.Device = mqtt.Start(t, a, mqtt.Options{ID: "mqttjs_front", Filters: []string{topic + "/set", topic + "/get"}, Heard: p.take}, nil)
	return p
}

func (p *peer) take(m mqtt.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	verb := strings.TrimPrefix(m.Topic, topic+"/")
	var o struct {
		State *string
		Pin   *struct {
			User int
			Code *string `json:"pin_code"`
		} `json:"pin_code"`
	}
	if json.Unmarshal([]byte(m.Payload), &o) != nil {
		return
	}
	if o.Pin != nil {
		p.pin(verb, o.Pin.User, o.Pin.Code)
		return
	}
	if o.State == nil {
		return
	}
	if m.Retained {
		p.orders = append(p.orders, "retained")
	}
	if verb == "set" {
		p.orders = append(p.orders, *o.State)
		p.bolt = map[string]string{"LOCK": "locked", "UNLOCK": "unlocked"}[*o.State]
	}
	p.report(nil)
}

// pin is a slot that is read, written or cleared, called with mu held. The digits are shown (expose_pin).
func (p *peer) pin(verb string, user int, code *string) {
	switch {
	case verb == "get":
		one := map[string]any{"status": "available"}
		if has := p.codes[user]; has != "" {
			one = map[string]any{"status": "enabled", "pin_code": has}
		}
		p.report(map[string]any{"users": map[string]any{fmt.Sprint(user): one}})
		return
	case code == nil:
		delete(p.codes, user)
	default:
		p.codes[user] = *code
	}
	p.saved = max(p.saved+1, time.Now().UnixMilli())
	p.report(map[string]any{map[bool]string{true: "last_successful_pincode_clear", false: "last_successful_pincode_save"}[code == nil]: p.saved})
}

// typed puts a code into a slot at the lock itself.
func (p *peer) typed(n int, code string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[n] = code
}

// slot is the one that holds a code; 0 for none.
func (p *peer) slot(code string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n, has := range p.codes {
		if has == code {
			return n
		}
	}
	return 0
}

// report tells of the lock, called with mu held.
func (p *peer) report(more map[string]any) {
	all := map[string]any{"battery": 93, "linkquality": 120, "lock_state": p.bolt, "state": map[bool]string{true: "LOCK", false: "UNLOCK"}[p.bolt == "locked"]}
	for k, v := range more {
		all[k] = v
	}
	b, _ := json.Marshal(all)
	p.Say(mqtt.Message{Topic: topic, Payload: string(b)})
}

// turn is a turn that nobody in the house asked for.
func (p *peer) turn(bolt string, who map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = bolt
	p.report(who)
}

// unheard is a turn that the radio lost.
func (p *peer) unheard(bolt string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = bolt
}

func (p *peer) told() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.orders, " ")
}
