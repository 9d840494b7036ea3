package tasmota

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/tasmota/emulator"
)

const relays, switches = 2, 2

// packet is a message between the broker and the device.
type packet struct {
	Topic, Payload string
	Retained       bool
}

// broker is one in memory with the device behind a wire. Like every broker it says so when the device is gone.
type broker struct {
	device *emulator.Device
	wire   *hwtest.Wire
	addr   string

	ctx  context.Context
	all  sync.WaitGroup
	here chan struct{} // closed when the device has said hello
	once sync.Once

	mu   sync.Mutex
	conn net.Conn // the broker's end; nil while the device is away
	out  net.Conn // the device's end
	down bool     // the broker itself
	ears map[chan hw.MQTTEvent]struct{}
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b := &broker{wire: hwtest.NewWire(ln), addr: ln.Addr().String(), ctx: ctx, here: make(chan struct{}), ears: map[chan hw.MQTTEvent]struct{}{}}
	saying := make(chan packet, 256)
	b.device = emulator.New("garage", relays, switches, func(m emulator.Message) {
		select {
		case saying <- packet(m):
		case <-ctx.Done():
		}
	})
	b.all.Go(func() { b.speak(saying) })
	b.all.Go(b.serveDevice)
	b.all.Go(b.serveBroker)
	t.Cleanup(func() {
		cancel()
		_ = b.wire.Close()
		b.mu.Lock()
		for _, c := range []net.Conn{b.conn, b.out} {
			if c != nil {
				_ = c.Close()
			}
		}
		b.mu.Unlock()
		b.all.Wait()
	})
	select {
	case <-b.here:
	case <-time.After(20 * time.Second):
		t.Fatal("the device does not come")
	}
	return b
}

// speak is the device's way out: what nobody can hear is gone.
func (b *broker) speak(saying chan packet) {
	for {
		select {
		case p := <-saying:
			b.mu.Lock()
			out := b.out
			b.mu.Unlock()
			if out != nil {
				line, _ := json.Marshal(p)
				_, _ = out.Write(append(line, '\n'))
			}
		case <-b.ctx.Done():
			return
		}
	}
}

// serveDevice is the device: it takes what comes over the wire.
func (b *broker) serveDevice() {
	for {
		conn, err := b.wire.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		b.out = conn
		b.mu.Unlock()
		b.all.Go(b.device.Connected)
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			var p packet
			if json.Unmarshal(lines.Bytes(), &p) == nil {
				b.device.Take(p.Topic, p.Payload)
			}
		}
		b.mu.Lock()
		if b.out == conn {
			b.out = nil
		}
		b.mu.Unlock()
		_ = conn.Close()
	}
}

// serveBroker is the broker: it keeps a connection to the device, and says when there is none.
func (b *broker) serveBroker() {
	for b.ctx.Err() == nil {
		conn, err := net.Dial("tcp", b.addr)
		if err != nil {
			return
		}
		b.mu.Lock()
		b.conn = conn
		b.mu.Unlock()
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			var p packet
			if json.Unmarshal(lines.Bytes(), &p) == nil {
				b.deliver(hw.MQTTEvent{Up: true, Topic: p.Topic, Payload: []byte(p.Payload), Taken: time.Now()})
				if strings.HasPrefix(p.Topic, "stat/") {
					b.once.Do(func() { close(b.here) })
				}
			}
		}
		b.mu.Lock()
		b.conn = nil
		b.mu.Unlock()
		will := b.device.Will()
		b.deliver(hw.MQTTEvent{Up: true, Topic: will.Topic, Payload: []byte(will.Payload), Taken: time.Now()})
		select {
		case <-time.After(5 * time.Millisecond):
		case <-b.ctx.Done():
		}
	}
}

func (b *broker) deliver(e hw.MQTTEvent) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for ear := range b.ears {
		select {
		case ear <- e:
		case <-b.ctx.Done():
		}
	}
}

// Listen implements hw.MQTT.
func (b *broker) Listen(ctx context.Context, _ ...string) <-chan hw.MQTTEvent {
	ear := make(chan hw.MQTTEvent, 1024)
	ear <- hw.MQTTEvent{Up: true}
	b.mu.Lock()
	b.ears[ear] = struct{}{}
	b.mu.Unlock()
	context.AfterFunc(ctx, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.ears, ear)
		close(ear)
	})
	return ear
}

// Publish implements hw.MQTT. A broker takes what is for nobody.
func (b *broker) Publish(ctx context.Context, topic string, payload []byte) error {
	b.mu.Lock()
	conn, down := b.conn, b.down
	b.mu.Unlock()
	if down {
		return device.ErrUnavailable
	}
	if conn != nil {
		line, _ := json.Marshal(packet{Topic: topic, Payload: string(payload)})
		_, _ = conn.Write(append(line, '\n'))
	}
	return ctx.Err()
}

// turnOff ends the connection to the broker itself, or begins it again.
func (b *broker) turnOff(down bool) {
	b.mu.Lock()
	b.down = down
	b.mu.Unlock()
	b.deliver(hw.MQTTEvent{Up: !down})
}

// rig is a board with a device behind it.
type rig struct {
	*broker
	env   *hw.Env
	board *Board
}

func newRig(t *testing.T) rig {
	t.Helper()
	b := newBroker(t)
	c := defaults()
	c.Topic, c.Relays, c.Switches, c.Poll = "garage", relays, switches, 250*time.Millisecond
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	r := rig{broker: b, env: hw.NewEnv(zerolog.Nop()), board: newBoard(zerolog.New(zerolog.NewTestWriter(t)), c, b)}
	t.Cleanup(func() {
		_ = r.board.Close()
		_ = r.env.Close()
	})
	return r
}

func (r rig) common() boardtest.Rig {
	return boardtest.Rig{Board: r.board, Env: r.env, Wire: r.wire, Peer: peer{r.device}, Relays: "relay-", Inputs: "switch-", Second: 2, Networked: true}
}

// peer is the device as its owner has set it up, who follows the remedies.
type peer struct{ *emulator.Device }

func (p peer) High(relay int) bool        { return p.Relay(relay) }
func (p peer) Drive(input int, high bool) { p.Turn(input, high) }

func (p peer) Wired(relay int, rest bool, longest time.Duration) {
	if relay < 1 || relay > relays {
		return
	}
	p.Set(func(s *emulator.Setup) {
		s.Pulses[relay-1], s.PowerOn = pulseFor(longest), map[bool]int{true: 5, false: 0}[rest]
	})
	p.Power(relay, rest)
}
