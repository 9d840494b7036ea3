package zigbee2mqtt

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock/netlocktest"
)

// peer is a broker with Zigbee2MQTT and one lock behind it.
type peer struct {
	*netlocktest.Broker

	// Within Do.
	state    map[string]any // what Zigbee2MQTT has heard of the lock: it is in every message
	bolt     string         // where the lock's bolt is: locked, unlocked, not_fully_locked
	codes    map[string]string
	disabled map[string]bool
	last     int64
	orders   int
	gets     int
	deaf     bool // the lock does not answer
	heard    []netlocktest.Packet
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{bolt: "locked", codes: map[string]string{}, disabled: map[string]bool{}, state: map[string]any{"battery": 93, "linkquality": 120}}
	p.Broker = netlocktest.New(t, p.take)
	p.Says("zigbee2mqtt/bridge/state", `{"state":"online"}`, true)
	return p
}

// take is what Zigbee2MQTT does with a message.
func (p *peer) take(q netlocktest.Packet) {
	p.heard = append(p.heard, q)
	verb, ok := strings.CutPrefix(q.Topic, "zigbee2mqtt/hall/front door/")
	if !ok {
		return
	}
	var o struct {
		State *string `json:"state"`
		Pin   *struct {
			User int     `json:"user"`
			Code *string `json:"pin_code"`
		} `json:"pin_code"`
	}
	if json.Unmarshal([]byte(q.Payload), &o) != nil {
		return
	}
	switch {
	case verb == "get" && o.State != nil:
		p.gets++
		p.report()
	case verb == "set" && o.State != nil:
		p.orders++
		p.bolt = map[string]string{"LOCK": "locked", "UNLOCK": "unlocked"}[*o.State]
		p.report()
	case o.Pin != nil && !p.deaf:
		p.pin(verb, fmt.Sprint(o.Pin.User), o.Pin.Code)
	}
}

// pin is within Do.
func (p *peer) pin(verb, user string, code *string) {
	switch {
	case verb == "get":
		status := "available"
		if p.codes[user] != "" {
			status = "enabled"
		}
		if p.disabled[user] {
			status = "disabled"
		}
		one := map[string]any{"status": status}
		if p.codes[user] != "" {
			one["pin_code"] = p.codes[user]
		}
		p.state["users"] = map[string]any{user: one}
	case code == nil:
		delete(p.codes, user)
		p.state["last_successful_pincode_clear"] = p.stamp()
	default:
		for other, has := range p.codes {
			if has == *code && other != user {
				return // nothing is said of a code that a lock refuses
			}
		}
		p.codes[user] = *code
		p.state["last_successful_pincode_save"] = p.stamp()
	}
	p.publish(nil)
}

// stamp is the time in milliseconds. No lock is written to twice within one.
func (p *peer) stamp() int64 {
	p.last = max(p.last+1, time.Now().UnixMilli())
	return p.last
}

// report is the lock's own report, within Do.
func (p *peer) report() {
	if p.deaf {
		return
	}
	p.state["lock_state"] = p.bolt
	p.state["state"] = map[bool]string{true: "LOCK", false: "UNLOCK"}[p.bolt == "locked"]
	p.publish(nil)
}

// publish tells all that was heard of the lock, as Zigbee2MQTT does, within Do.
func (p *peer) publish(more map[string]any) {
	all := maps.Clone(p.state)
	maps.Copy(all, more)
	b, _ := json.Marshal(all)
	p.Send("zigbee2mqtt/hall/front door", string(b))
}

// turn is a turn that nobody here asked for; who is what the lock says of it, before or after the report.
func (p *peer) turn(bolt string, who map[string]any, before bool) {
	p.Do(func() {
		p.bolt = bolt
		if who != nil && before {
			p.publish(who)
		}
		p.report()
		if who != nil && !before {
			p.publish(who)
		}
	})
}

// count is how many orders the lock got.
func (p *peer) count() (n int) {
	p.Settle()
	p.Do(func() { n = p.orders })
	return n
}

// rig is a lock on a peer.
type rig struct {
	*peer
	env  *hw.Env
	lock *Lock
}

func config() Config {
	c := defaults()
	c.Name = "hall/front door"
	return c
}

func open(t *testing.T, p *peer) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	begin := p.Join(t, env)
	lock, err := Open(t.Context(), env.For("front"), config())
	if err != nil {
		t.Fatal(err)
	}
	begin()
	return rig{p, env, lock}
}

func (r rig) at(t *testing.T, at device.BoltPosition) device.LockReading {
	t.Helper()
	return netlocktest.At(t, r.lock, at)
}
