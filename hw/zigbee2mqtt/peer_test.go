package zigbee2mqtt

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// packet is one message between the fake broker and its client.
type packet struct {
	Topic    string
	Payload  string
	Retained bool
}

// peer is a broker with Zigbee2MQTT and one lock behind it, at the other end of a wire.
type peer struct {
	wire *hwtest.Wire

	sent, taken atomic.Int64 // messages to it, and those that it has worked through

	mu       sync.Mutex
	conns    map[net.Conn]*json.Encoder
	retained map[string]string
	state    map[string]any // what Zigbee2MQTT has heard of the lock: it is in every message
	bolt     string         // where the lock's bolt is: locked, unlocked, not_fully_locked
	codes    map[string]string
	disabled map[string]bool
	last     int64
	orders   int
	gets     int
	deaf     bool // the lock does not answer
	heard    []packet
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{wire: hwtest.NewWire(ln), conns: map[net.Conn]*json.Encoder{}, bolt: "locked", codes: map[string]string{}, disabled: map[string]bool{},
		retained: map[string]string{"zigbee2mqtt/bridge/state": `{"state":"online"}`}, state: map[string]any{"battery": 93, "linkquality": 120}}
	go p.accept()
	t.Cleanup(func() { _ = p.wire.Close(); p.wire.Cut() })
	return p
}

func (p *peer) accept() {
	for {
		c, err := p.wire.Accept()
		if err != nil {
			return
		}
		go p.serve(c)
	}
}

func (p *peer) serve(c net.Conn) {
	defer c.Close()
	p.mu.Lock()
	p.conns[c] = json.NewEncoder(c)
	for topic, payload := range p.retained {
		_ = p.conns[c].Encode(packet{topic, payload, true})
	}
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var q packet
		if json.Unmarshal(lines.Bytes(), &q) != nil {
			return
		}
		p.take(q)
		p.taken.Add(1)
	}
}

// take is what Zigbee2MQTT does with a message.
func (p *peer) take(q packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// pin is called with mu held.
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

// report is the lock's own report, called with mu held.
func (p *peer) report() {
	if p.deaf {
		return
	}
	p.state["lock_state"] = p.bolt
	p.state["state"] = map[bool]string{true: "LOCK", false: "UNLOCK"}[p.bolt == "locked"]
	p.publish(nil)
}

// publish tells all that was heard of the lock, as Zigbee2MQTT does, called with mu held.
func (p *peer) publish(more map[string]any) {
	all := map[string]any{}
	for k, v := range p.state {
		all[k] = v
	}
	for k, v := range more {
		all[k] = v
	}
	b, _ := json.Marshal(all)
	p.send(packet{"zigbee2mqtt/hall/front door", string(b), false})
}

func (p *peer) send(q packet) {
	for _, to := range p.conns {
		_ = to.Encode(q)
	}
}

// says sends something as it is.
func (p *peer) says(topic, payload string, retained bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if retained {
		p.retained[topic] = payload
	}
	p.send(packet{topic, payload, false})
}

// turn is a turn that nobody here asked for; who is what the lock says of it, before or after the report.
func (p *peer) turn(bolt string, who map[string]any, before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bolt = bolt
	if who != nil && before {
		p.publish(who)
	}
	p.report()
	if who != nil && !before {
		p.publish(who)
	}
}

func (p *peer) change(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// count is how many orders the lock got. Messages are on their way for a moment after they were sent, and a
// lock's word about something else may come first.
func (p *peer) count() int {
	for end := time.Now().Add(time.Second); p.taken.Load() < p.sent.Load() && time.Now().Before(end); {
		runtime.Gosched()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.orders
}

// link is the house's connection to the fake broker.
type link struct {
	peer *peer
	addr string
	ctx  context.Context

	mu   sync.Mutex
	conn net.Conn // nil while there is none
	ears []chan hw.MQTTEvent
}

func (l *link) run() {
	for l.ctx.Err() == nil {
		c, err := net.Dial("tcp", l.addr)
		if err == nil {
			l.set(c)
			lines := bufio.NewScanner(c)
			for lines.Scan() {
				var q packet
				if json.Unmarshal(lines.Bytes(), &q) == nil {
					l.hear(hw.MQTTEvent{Up: true, Topic: q.Topic, Payload: []byte(q.Payload), Retained: q.Retained, Taken: time.Now()})
				}
			}
			c.Close()
			l.set(nil)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-l.ctx.Done():
		}
	}
}

func (l *link) set(c net.Conn) {
	l.mu.Lock()
	l.conn = c
	l.mu.Unlock()
	l.hear(hw.MQTTEvent{Up: c != nil})
}

func (l *link) hear(e hw.MQTTEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, ear := range l.ears {
		ear <- e
	}
}

func (l *link) Publish(ctx context.Context, topic string, payload []byte) error {
	l.mu.Lock()
	c := l.conn
	l.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%w: no broker", device.ErrUnavailable)
	}
	b, _ := json.Marshal(packet{topic, string(payload), false})
	if _, err := c.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	l.peer.sent.Add(1)
	return ctx.Err()
}

func (l *link) Listen(ctx context.Context, _ ...string) <-chan hw.MQTTEvent {
	l.mu.Lock()
	defer l.mu.Unlock()
	ear := make(chan hw.MQTTEvent, 1024)
	ear <- hw.MQTTEvent{Up: l.conn != nil}
	l.ears = append(l.ears, ear)
	return ear
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
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{peer: p, addr: p.wire.Addr().String(), ctx: ctx}
	env := hw.NewEnv(zerolog.Nop())
	env.UseMQTT(l)
	lock, err := Open(t.Context(), env.For("front"), config())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); l.run() }()
	t.Cleanup(func() {
		_ = env.Close()
		cancel()
		l.mu.Lock()
		if l.conn != nil {
			_ = l.conn.Close()
		}
		l.mu.Unlock()
		<-done
	})
	return rig{p, env, lock}
}

const patience = 30 * time.Second

// until waits for a reading, over ends of the connection.
func (r rig) until(t *testing.T, what string, ok func(device.LockReading) bool) device.LockReading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last device.LockReading
	for ctx.Err() == nil {
		for last = range r.lock.Readings(ctx) {
			if ok(last) {
				return last
			}
		}
	}
	t.Fatalf("%s does not come; the last reading is %+v", what, last)
	return last
}

func (r rig) at(t *testing.T, at device.BoltPosition) device.LockReading {
	t.Helper()
	return r.until(t, fmt.Sprint(at), func(x device.LockReading) bool { return x.Bolt == at })
}

// refuses waits until orders are refused for a reason.
func (r rig) refuses(t *testing.T, why string) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for {
		err := r.lock.ready(t.Context())
		if err != nil && strings.Contains(err.Error(), why) {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("orders are refused because %v, want %s", err, why)
		}
	}
}
