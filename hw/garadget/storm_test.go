package garadget

import (
	"context"
	"encoding/binary"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/garadget/emulator"
)

// The broker is restarted again and again. The board is back within five seconds each time, and nothing
// clicks; then an order is one click.
func TestABrokerThatRestarts(t *testing.T) {
	restarts := 100
	if testing.Short() {
		restarts = 10
	}
	accounts, err := broker.OpenAccounts(nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	one, password, err := accounts.Make("garadget", broker.Rights{Write: []string{"garadget/#"}, Read: []string{"garadget/#"}, Packet: 1024}, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	address := "127.0.0.1:0"
	var server atomic.Pointer[broker.Server]
	start := func() (stop func()) {
		s := broker.NewServer(broker.ServerOptions{Listen: address, Accounts: accounts, Log: zerolog.Nop()})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.Run(ctx)
		}()
		server.Store(s)
		wait(t, "the broker listens", func() bool { return s.Addr() != nil })
		address = s.Addr().String()
		return func() { cancel(); <-done }
	}
	stop := start()
	defer func() { stop() }()
	client := broker.NewClient(broker.ClientOptions{ID: "loquet", Log: zerolog.Nop(),
		Dial: func(ctx context.Context) (net.Conn, error) { return server.Load().Dial(ctx) }})
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { client.Run(ctx) })
	defer func() { cancel(); all.Wait() }()
	h := &house{t: t, env: hw.NewEnv(zerolog.Nop()), addr: address, user: one.User, pass: password}
	h.env.UseMQTT(client)
	door := emulator.NewDoor(time.Second)
	h.powered(emulator.Options{ID: boardID, Settings: quick("Barn"), Door: door})
	b := h.open(Config{})
	t.Cleanup(func() { _ = h.env.Close() })
	closed := func(r device.Reading) bool { return r.At == device.PlaceClosed }
	until(t, b, closed)
	var worst time.Duration
	for range restarts {
		stop()
		down := time.Now()
		stop = start()
		until(t, b, func(r device.Reading) bool { return closed(r) && r.Taken.After(down) })
		worst = max(worst, time.Since(down))
	}
	t.Logf("%d restarts, back after %v at the latest", restarts, worst)
	if worst > 5*time.Second {
		t.Errorf("the board was away for %v", worst)
	}
	if n := door.Look().Clicks; n != 0 {
		t.Fatalf("%d clicks that nobody asked for", n)
	}
	orderSoon(t, b)
	wait(t, "the order is a click", func() bool { return door.Look().Clicks > 0 })
	until(t, b, func(r device.Reading) bool { return !closed(r) })
	if n := door.Look().Clicks; n != 1 {
		t.Errorf("%d clicks, want one", n)
	}
}

// orderSoon opens, as soon as the board answers.
func orderSoon(t *testing.T, b *Board) {
	t.Helper()
	if err := b.Trigger(t.Context(), device.TargetOpen); err != nil {
		t.Fatal(err)
	}
}

// peer is somebody else with an account, who knows how to be a nuisance.
func (h *house) peer(user, password string) net.Conn {
	h.t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Write(frame(0x10, text("MQTT"), []byte{4, 0xc2, 0, 30}, text("nuisance"), text(user), text(password))); err != nil {
		h.t.Fatal(err)
	}
	answer := make([]byte, 4)
	if _, err := c.Read(answer); err != nil || answer[3] != 0 {
		h.t.Fatalf("% x, %v", answer, err)
	}
	return c
}

func text(s string) []byte { return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...) }

func frame(kind byte, parts ...[]byte) []byte {
	var body []byte
	for _, p := range parts {
		body = append(body, p...)
	}
	return append(binary.AppendUvarint([]byte{kind}, uint64(len(body))), body...)
}

// Orders that are to be kept, or that were sent before, are none, also from a peer who may write them; and
// a board that comes later does not find one.
func TestPlantedOrders(t *testing.T) {
	h := newHouse(t)
	door := emulator.NewDoor(time.Second)
	all, password, err := h.accounts.Make("device", broker.Rights{Write: []string{"garadget/#"}, Packet: 1024}, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	c := h.peer(all.User, password)
	plant := func() {
		for _, topic := range []string{"garadget/nuisance/command", "garadget/Barn/command"} {
			if _, err := c.Write(frame(0x31, text(topic), []byte("open"))); err != nil {
				t.Fatal(err)
			}
			for range 5 {
				if _, err := c.Write(frame(0x3a, text(topic), []byte{0, 9}, []byte("open"))); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	plant()
	h.powered(emulator.Options{ID: boardID, Settings: quick("Barn"), Door: door})
	b := h.open(Config{})
	defer func() { _ = h.env.Close() }()
	until(t, b, func(r device.Reading) bool { return r.At == device.PlaceClosed })
	plant()
	if _, err := b.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := door.Look().Clicks; n != 0 {
		t.Errorf("%d clicks", n)
	}
}
