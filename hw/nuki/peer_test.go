package nuki

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

const lockID = "2BB28570"

// packet is one message between the fake broker and its client.
type packet struct {
	Topic     string
	Payload   string
	Retained  bool
	Duplicate bool
}

// peer is a broker with one lock on it, at the other end of a wire.
type peer struct {
	wire *hwtest.Wire

	sent, taken atomic.Int64 // messages to it, and those that it has worked through

	mu     sync.Mutex
	conns  map[net.Conn]*json.Encoder
	kept   map[string]string
	values map[string]string // what the lock tells when it connects
	orders []string
	answer string // to orders; empty: none
	deaf   bool   // orders reach nobody
	stays  bool   // it answers, and does not move
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{wire: hwtest.NewWire(ln), conns: map[net.Conn]*json.Encoder{}, kept: map[string]string{}, answer: "0",
		values: map[string]string{"deviceType": "4", "name": "Front door", "firmware": "3.5.11", "mode": "2", "state": "1", "batteryCritical": "false",
			"batteryChargeState": "80", "keypadBatteryCritical": "false", "doorsensorState": "2", "doorsensorBatteryCritical": "false",
			"timestamp": "2026-11-01T10:00:00+00:00", "serverConnected": "false"}}
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
	for topic, payload := range p.kept {
		_ = p.conns[c].Encode(packet{Topic: topic, Payload: payload, Retained: true})
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

// take is what the lock does with a message.
func (p *peer) take(q packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
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

// says sends something that is not kept, called with mu held.
func (p *peer) says(what, payload string) {
	for _, to := range p.conns {
		_ = to.Encode(packet{Topic: "nuki/" + lockID + "/" + what, Payload: payload})
	}
}

// value sends something that is kept, called with mu held.
func (p *peer) value(what, payload string) {
	p.values[what] = payload
	p.kept["nuki/"+lockID+"/"+what] = payload
	p.says(what, payload)
}

// connect is the lock coming to the broker: it tells everything.
func (p *peer) connect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.value("connected", "true")
	for what, payload := range p.values {
		p.value(what, payload)
	}
}

// do is something that happens to the lock.
func (p *peer) do(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// count is how many orders the lock got. Messages are on their way for a moment after they were sent.
func (p *peer) count() int {
	for end := time.Now().Add(time.Second); p.taken.Load() < p.sent.Load() && time.Now().Before(end); {
		runtime.Gosched()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.orders)
}

func (p *peer) told() string {
	p.count()
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.orders, " ")
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
					l.hear(hw.MQTTEvent{Up: true, Topic: q.Topic, Payload: []byte(q.Payload), Retained: q.Retained, Duplicate: q.Duplicate, Taken: time.Now()})
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
	b, _ := json.Marshal(packet{Topic: topic, Payload: string(payload)})
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

func config() Config { return Config{ID: "2bb28570", DoorSensor: true} }

func open(t *testing.T, p *peer, c Config) rig {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &link{peer: p, addr: p.wire.Addr().String(), ctx: ctx}
	env := hw.NewEnv(zerolog.Nop())
	env.UseMQTT(l)
	lock, err := Open(t.Context(), env.For("front"), c)
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
	r := rig{p, env, lock}
	r.upon(t, "the house to be connected", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.conns) > 0
	})
	return r
}

// connected is a rig whose lock came after the house did.
func connected(t *testing.T) rig {
	t.Helper()
	r := open(t, newPeer(t), config())
	r.connect()
	r.at(t, device.BoltSecured)
	return r
}

const patience = 30 * time.Second

// upon waits for something that happens soon.
func (r rig) upon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick, end := time.NewTicker(time.Millisecond), time.After(patience)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited for %s", what)
		}
	}
}

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
	r.upon(t, "orders to be refused: "+why, func() bool {
		err := r.lock.ready(t.Context())
		return err != nil && strings.Contains(err.Error(), why)
	})
}
