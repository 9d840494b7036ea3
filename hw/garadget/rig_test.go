package garadget

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/broker"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/garadget/emulator"
	"github.com/loquet/loquet/hw/hwtest"
)

const boardID = "2f0036000000000000000001"

// nowhere keeps accounts of nobody.
type nowhere struct{}

func (nowhere) List(string) (map[string][]byte, error) { return nil, nil }
func (nowhere) Apply(map[string][]byte) error          { return nil }

// house is a broker, its client and an Env.
type house struct {
	t      *testing.T
	env    *hw.Env
	addr   string
	user   string
	pass   string
	client *broker.Client
	// accounts are those of the broker.
	accounts *broker.Accounts

	mu       sync.Mutex
	problems map[hw.Problem]string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	accounts, err := broker.OpenAccounts(nowhere{})
	if err != nil {
		t.Fatal(err)
	}
	rights := broker.Rights{Write: []string{"garadget/%c/LWT", "garadget/%c/status", "garadget/%c/config"},
		Read: []string{"garadget/%c/command", "garadget/%c/set-config"}, Packet: 1024}
	one, password, err := accounts.Make("garadget", rights, false, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	server := broker.NewServer(broker.ServerOptions{Listen: "127.0.0.1:0", Accounts: accounts, Log: zerolog.Nop()})
	h := &house{t: t, env: hw.NewEnv(zerolog.Nop()), user: one.User, pass: password, accounts: accounts, problems: map[hw.Problem]string{}}
	h.client = broker.NewClient(broker.ClientOptions{Dial: server.Dial, ID: "loquet", Log: zerolog.Nop()})
	h.env.Report = func(p hw.Problem, detail string, on bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if delete(h.problems, p); on {
			h.problems[p] = detail
		}
	}
	h.env.UseMQTT(h.client)
	ctx, cancel := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() { _ = server.Run(ctx) })
	all.Go(func() { h.client.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		all.Wait()
	})
	wait(t, "the broker listens", func() bool { return server.Addr() != nil })
	h.addr = server.Addr().String()
	return h
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never comes to this: %s", what)
		}
	}
}

// pipe carries a board's connection over a wire on which answers can be lost: the board is the device, and
// what it writes are the answers.
func (h *house) pipe(wire *hwtest.Wire) string {
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	outside, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = outside.Close(); _ = wire.Close() })
	go func() {
		for {
			board, err := outside.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = board.Close() }()
				near, err := net.Dial("tcp", wire.Addr().String())
				if err != nil {
					return
				}
				defer func() { _ = near.Close() }()
				far, err := wire.Accept()
				if err != nil {
					return
				}
				defer func() { _ = far.Close() }()
				up, err := net.Dial("tcp", h.addr)
				if err != nil {
					return
				}
				defer func() { _ = up.Close() }()
				context.AfterFunc(ctx, func() { _ = up.Close() })
				var both sync.WaitGroup
				carry := func(to, from net.Conn) {
					both.Go(func() {
						_, _ = io.Copy(to, from)
						for _, c := range []net.Conn{board, near, far, up} {
							_ = c.Close()
						}
					})
				}
				carry(up, near)   // answers, after the wire
				carry(far, board) // answers, into the wire
				carry(board, up)  // orders
				both.Wait()
			}()
		}
	}()
	return outside.Addr().String()
}

// powered runs a board until the test ends.
func (h *house) powered(o emulator.Options) *emulator.Board {
	if o.Broker == "" {
		o.Broker = h.addr
	}
	if o.User == "" {
		o.User, o.Password = h.user, h.pass
	}
	if o.Back == 0 {
		o.Back = 50 * time.Millisecond
	}
	b := emulator.New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.Run(ctx)
	}()
	h.t.Cleanup(func() { cancel(); <-done })
	return b
}

func (h *house) open(c Config) *Board {
	h.t.Helper()
	if c.ID == "" {
		c.ID = boardID
	}
	b, err := Open(h.t.Context(), h.env.For("workshop"), c)
	if err != nil {
		h.t.Fatal(err)
	}
	return b
}

func quick(name string) emulator.Settings {
	return emulator.Settings{Name: name, Scan: 20, Travel: 400, Pulse: 30, Gap: 50}
}

func TestGaradget(t *testing.T) {
	hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
		h := newHouse(t)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		wire := hwtest.NewWire(ln)
		door := emulator.NewDoor(time.Hour) // it is moved by the test
		board := h.powered(emulator.Options{Broker: h.pipe(wire), ID: boardID, Settings: quick("Workshop"), Door: door})
		b := h.open(Config{})
		until(t, b, func(r device.Reading) bool { return r.At == device.PlaceClosed })
		return hwtest.OpenerRig{
			Opener: b, Traits: Config{}.Traits(),
			Move: func(p device.Place) {
				door.Put(map[device.Place]float64{device.PlaceClosed: 0, device.PlaceBetween: 0.5, device.PlaceOpen: 1}[p])
			},
			Peer: hwtest.Peer{Device: "workshop", Clicks: func() int { return door.Look().Clicks }, Energised: board.Pulls,
				Close: func() error {
					err := h.env.Close()
					wait(t, "the board ends its pulse by itself", func() bool { return !board.Pulls() })
					return err
				}, Wire: wire},
		}
	})
}

// until waits for a reading.
func until(t *testing.T, b *Board, ok func(device.Reading) bool) device.Reading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var last device.Reading
	for ctx.Err() == nil {
		for last = range b.Readings(ctx) {
			if ok(last) {
				return last
			}
		}
	}
	t.Fatalf("the last reading is %+v", last)
	return last
}
