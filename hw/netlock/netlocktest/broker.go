// Package netlocktest is what the tests of locks over MQTT share: a broker at the other end of a wire, the house's
// connection to it, and the waiting.
package netlocktest

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
)

// Packet is one message between the broker and the house.
type Packet struct {
	Topic     string
	Payload   string
	Retained  bool
	Duplicate bool
}

// Broker is one with a lock on it, at the other end of a wire.
type Broker struct {
	Wire *hwtest.Wire

	take        func(Packet)
	sent, taken atomic.Int64 // messages to it, and those that it has worked through

	mu    sync.Mutex
	conns map[net.Conn]*json.Encoder
	kept  map[string]string
}

// New is a broker that hands what the house sends to take, as in Do.
func New(t *testing.T, take func(Packet)) *Broker {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &Broker{Wire: hwtest.NewWire(ln), take: take, conns: map[net.Conn]*json.Encoder{}, kept: map[string]string{}}
	go func() {
		for {
			c, err := b.Wire.Accept()
			if err != nil {
				return
			}
			go b.serve(c)
		}
	}()
	t.Cleanup(func() { _ = b.Wire.Close(); b.Wire.Cut() })
	return b
}

func (b *Broker) serve(c net.Conn) {
	defer c.Close()
	b.Do(func() {
		b.conns[c] = json.NewEncoder(c)
		for topic, payload := range b.kept {
			_ = b.conns[c].Encode(Packet{Topic: topic, Payload: payload, Retained: true})
		}
	})
	defer b.Do(func() { delete(b.conns, c) })
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		var q Packet
		if json.Unmarshal(lines.Bytes(), &q) != nil {
			return
		}
		b.Do(func() { b.take(q) })
		b.taken.Add(1)
	}
}

// Do is something that happens, one at a time.
func (b *Broker) Do(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
}

// Send tells the house something, within Do.
func (b *Broker) Send(topic, payload string) {
	for _, to := range b.conns {
		_ = to.Encode(Packet{Topic: topic, Payload: payload})
	}
}

// Keep tells the house something and keeps it for later connections, within Do.
func (b *Broker) Keep(topic, payload string) {
	b.kept[topic] = payload
	b.Send(topic, payload)
}

// Forget takes away what it keeps, within Do.
func (b *Broker) Forget(topic string) { delete(b.kept, topic) }

// Says is Send, or Keep, by itself.
func (b *Broker) Says(topic, payload string, retained bool) {
	b.Do(func() {
		if retained {
			b.kept[topic] = payload
		}
		b.Send(topic, payload)
	})
}

// Connected reports whether the house is.
func (b *Broker) Connected() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns) > 0
}

// Settle waits until all that was sent to it is worked through: messages are on their way for a moment, and a lock's word
// about something else may come first.
func (b *Broker) Settle() {
	for end := time.Now().Add(time.Second); b.taken.Load() < b.sent.Load() && time.Now().Before(end); {
		runtime.Gosched()
	}
}

// house is the house's connection to the broker.
type house struct {
	broker *Broker
	ctx    context.Context

	mu   sync.Mutex
	conn net.Conn // nil while there is none
	ears []chan hw.MQTTEvent
}

// Join gives env a connection to the broker, which begins with the returned function and ends after env was closed.
func (b *Broker) Join(t *testing.T, env *hw.Env) (begin func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &house{broker: b, ctx: ctx}
	env.UseMQTT(h)
	var all sync.WaitGroup
	t.Cleanup(func() {
		_ = env.Close()
		cancel()
		h.mu.Lock()
		if h.conn != nil {
			_ = h.conn.Close()
		}
		h.mu.Unlock()
		all.Wait()
	})
	return func() { all.Go(h.run) }
}

func (h *house) run() {
	for h.ctx.Err() == nil {
		c, err := new(net.Dialer).DialContext(h.ctx, "tcp", h.broker.Wire.Addr().String())
		if err == nil {
			h.set(c)
			lines := bufio.NewScanner(c)
			for lines.Scan() {
				var q Packet
				if json.Unmarshal(lines.Bytes(), &q) == nil {
					h.hear(hw.MQTTEvent{Up: true, Topic: q.Topic, Payload: []byte(q.Payload), Retained: q.Retained, Duplicate: q.Duplicate, Taken: time.Now()})
				}
			}
			c.Close()
			h.set(nil)
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-h.ctx.Done():
		}
	}
}

func (h *house) set(c net.Conn) {
	h.mu.Lock()
	h.conn = c
	if c != nil && h.ctx.Err() != nil {
		_ = c.Close() // it came about while the house ended, which saw none to close
	}
	h.mu.Unlock()
	h.hear(hw.MQTTEvent{Up: c != nil})
}

func (h *house) hear(e hw.MQTTEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, ear := range h.ears {
		ear <- e
	}
}

// Publish implements hw.MQTT.
func (h *house) Publish(ctx context.Context, topic string, payload []byte) error {
	h.mu.Lock()
	c := h.conn
	h.mu.Unlock()
	if c == nil {
		return fmt.Errorf("%w: no broker", device.ErrUnavailable)
	}
	b, _ := json.Marshal(Packet{Topic: topic, Payload: string(payload)})
	if _, err := c.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	h.broker.sent.Add(1)
	return ctx.Err()
}

// Listen implements hw.MQTT.
func (h *house) Listen(context.Context, ...string) <-chan hw.MQTTEvent {
	h.mu.Lock()
	defer h.mu.Unlock()
	ear := make(chan hw.MQTTEvent, 1024)
	ear <- hw.MQTTEvent{Up: h.conn != nil}
	h.ears = append(h.ears, ear)
	return ear
}
