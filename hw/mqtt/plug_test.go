package mqtt

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/netlock/netlocktest"
)

// plug is a switch in software that goes back by itself. Its fields are the broker's affair (Do).
type plug struct {
	*netlocktest.Broker
	relay *relay

	silent bool // it has no state topic
	back   time.Duration
	high   bool
	rest   bool
	clicks int
	orders []string
	timer  *time.Timer
}

// take is an order, with the broker's lock held.
func (p *plug) take(m netlocktest.Packet) {
	if m.Topic != "plug/set" || m.Payload != "ON" && m.Payload != "OFF" {
		return
	}
	p.orders = append(p.orders, m.Payload)
	high := m.Payload == "ON"
	if high != p.high && high != p.rest {
		p.clicks++
	}
	p.turn(high)
}

func (p *plug) turn(high bool) {
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.high = high
	if !p.silent {
		p.Keep("plug/state", map[bool]string{true: "ON", false: "OFF"}[high])
	}
	if high == p.rest || p.back <= 0 {
		return
	}
	var timer *time.Timer
	timer = time.AfterFunc(p.back, func() {
		p.Do(func() {
			if p.timer == timer {
				p.turn(p.rest)
			}
		})
	})
	p.timer = timer
}

// High implements boardtest.Peer.
func (p *plug) High(int) bool {
	p.Settle()
	var high bool
	p.Do(func() { high = p.high })
	return high
}

// Clicks implements boardtest.Peer.
func (p *plug) Clicks() int {
	p.Settle()
	var n int
	p.Do(func() { n = p.clicks })
	return n
}

// Drive implements boardtest.Peer: it has no inputs.
func (p *plug) Drive(int, bool) {}

// Wired implements boardtest.Peer: its owner sets its timer, and says so in the configuration.
func (p *plug) Wired(_ int, rest bool, longest time.Duration) {
	p.Do(func() { p.rest, p.back = rest, longest })
	p.relay.mu.Lock()
	defer p.relay.mu.Unlock()
	p.relay.config.AutoOff = longest
}

func switchConfig() SwitchConfig {
	return SwitchConfig{Command: "plug/set", State: "plug/state", AutoOff: time.Second, Source: Source{Availability: "plug/LWT"}}
}

// newPlug is a board with a plug behind a wire. Machines are busy: how late its word may be is not judged here.
func newPlug(t *testing.T, silent bool) boardtest.Rig {
	t.Helper()
	p := &plug{silent: silent}
	p.Broker = netlocktest.New(t, p.take)
	p.Says("plug/LWT", "online", true)
	c := switchConfig()
	if silent {
		c.State = ""
	} else {
		p.Says("plug/state", "OFF", true)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.New(zerolog.NewTestWriter(t)))
	begin := p.Join(t, env)
	s, err := OpenSwitch(t.Context(), env, c)
	if err != nil {
		t.Fatal(err)
	}
	s.relay.mu.Lock()
	s.relay.grace = 10 * time.Second
	s.relay.mu.Unlock()
	p.relay = s.relay
	begin()
	t.Cleanup(func() {
		p.Do(func() {
			if p.timer != nil {
				p.timer.Stop()
			}
		})
	})
	rig := boardtest.Rig{Board: s, Env: env, Wire: p.Wire, Peer: p, Relays: "relay-", Second: 1, Networked: true}
	if silent {
		rig.Wire = nil // an order that the network loses is lost, and nobody hears of it
	}
	return rig
}

func TestSwitch(t *testing.T) {
	t.Parallel()
	boardtest.Test(t, func(t *testing.T) boardtest.Rig { return newPlug(t, false) })
}

func TestSilentSwitch(t *testing.T) {
	t.Parallel()
	boardtest.TestLines(t, func(t *testing.T) boardtest.Rig { return newPlug(t, true) })
}
