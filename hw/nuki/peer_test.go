package nuki

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/netlock/netlocktest"
)

const lockID = "2BB28570"

// peer is a broker with one lock on it.
type peer struct {
	*netlocktest.Broker

	// Within Do.
	values map[string]string // what the lock tells when it connects
	orders []string
	answer string // to orders; empty: none
	deaf   bool   // orders reach nobody
	stays  bool   // it answers, and does not move
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{answer: "0",
		values: map[string]string{"deviceType": "4", "name": "Front door", "firmware": "3.5.11", "mode": "2", "state": "1", "batteryCritical": "false",
			"batteryChargeState": "80", "keypadBatteryCritical": "false", "doorsensorState": "2", "doorsensorBatteryCritical": "false",
			"timestamp": "2026-11-01T10:00:00+00:00", "serverConnected": "false"}}
	p.Broker = netlocktest.New(t, p.take)
	return p
}

// take is what the lock does with a message.
func (p *peer) take(q netlocktest.Packet) {
	what, ok := strings.CutPrefix(q.Topic, "nuki/"+lockID+"/")
	if !ok || p.deaf {
		return
	}
	word := what + "=" + q.Payload
	if q.Retained {
		word += " retained"
	}
	p.orders = append(p.orders, word)
	if p.answer != "0" || p.stays {
		p.says("commandResponse", p.answer)
		return
	}
	moves := map[string][2]string{"1": {"2", "3"}, "2": {"4", "1"}, "3": {"7", "5"}}[q.Payload]
	p.says("lockActionEvent", q.Payload+",172,0,0,0")
	p.value("state", moves[0])
	p.says("commandResponse", p.answer)
	p.value("state", moves[1])
}

// says sends something that is not kept, within Do.
func (p *peer) says(what, payload string) { p.Send("nuki/"+lockID+"/"+what, payload) }

// value sends something that is kept, within Do.
func (p *peer) value(what, payload string) {
	p.values[what] = payload
	p.Keep("nuki/"+lockID+"/"+what, payload)
}

// connect is the lock coming to the broker: it tells everything.
func (p *peer) connect() {
	p.Do(func() {
		p.value("connected", "true")
		for what, payload := range p.values {
			p.value(what, payload)
		}
	})
}

// told is what the lock was ordered.
func (p *peer) told() (all string) {
	p.Settle()
	p.Do(func() { all = strings.Join(p.orders, " ") })
	return all
}

// count is how many orders the lock got.
func (p *peer) count() (n int) {
	p.Settle()
	p.Do(func() { n = len(p.orders) })
	return n
}

// rig is a lock on a peer.
type rig struct {
	*peer
	env  *hw.Env
	lock *Lock
}

func config() Config { return Config{ID: "2bb28570", DoorSensor: true} }

func open(t *testing.T, p *peer, c Config) rig {
	t.Helper()
	env := hw.NewEnv(zerolog.Nop())
	begin := p.Join(t, env)
	lock, err := Open(t.Context(), env.For("front"), c)
	if err != nil {
		t.Fatal(err)
	}
	begin()
	netlocktest.Upon(t, "the house to be connected", p.Connected)
	return rig{p, env, lock}
}

// connected is a rig whose lock came after the house did.
func connected(t *testing.T) rig {
	t.Helper()
	r := open(t, newPeer(t), config())
	r.connect()
	r.at(t, device.BoltSecured)
	return r
}

func (r rig) at(t *testing.T, at device.BoltPosition) device.LockReading {
	t.Helper()
	return netlocktest.At(t, r.lock, at)
}
