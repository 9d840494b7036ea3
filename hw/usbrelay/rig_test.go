package usbrelay

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
	"github.com/rs/zerolog"
)

// fake is a simulated board of four relays, by the board's numbers.
type fake struct {
	boardtest.Relays
	deaf  atomic.Bool   // it answers and does not obey
	on    atomic.Int32  // how often it heard an order to switch on
	order chan struct{} // has room for one: an order came
}

func newFake() *fake { return &fake{order: make(chan struct{}, 1)} }

func (f *fake) set(channel int, on bool) {
	if on {
		f.on.Add(1)
	}
	if !f.deaf.Load() {
		f.Order(channel, on, 0)
	}
	select {
	case f.order <- struct{}{}:
	default:
	}
}

// serveLCUS speaks as a board of four relays. A status question is answered in two pieces.
func (f *fake) serveLCUS(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		first, err := r.ReadByte()
		if err != nil {
			return
		}
		switch first {
		case 0xFF:
			var answer bytes.Buffer
			for c := 1; c <= 4; c++ {
				fmt.Fprintf(&answer, "CH%d: %s\r\n", c, map[bool]string{true: "ON", false: "OFF"}[f.High(c)])
			}
			if _, err := conn.Write(answer.Bytes()[:13]); err != nil {
				return
			}
			if _, err := conn.Write(answer.Bytes()[13:]); err != nil {
				return
			}
		case 0xA0:
			channel, _ := r.ReadByte()
			state, _ := r.ReadByte()
			if sum, err := r.ReadByte(); err == nil && sum == 0xA0+channel+state && state <= 1 {
				f.set(int(channel), state == 1)
			}
		}
	}
}

// serveNumato speaks as a board that echoes, answers and prompts.
func (f *fake) serveNumato(conn net.Conn) {
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\r')
		if err != nil {
			return
		}
		answer := line + "\n"
		var verb string
		var relay rune
		if n, _ := fmt.Sscanf(line, "relay %s %c", &verb, &relay); n == 2 {
			channel := strings.IndexRune("0123456789ABCDEFGHIJKLMNOPQRSTUV", relay)
			switch verb {
			case "on", "off":
				f.set(channel, verb == "on")
			case "read":
				answer += map[bool]string{true: "on", false: "off"}[f.High(channel)] + "\n\r"
			}
		}
		if _, err := conn.Write([]byte(answer + ">")); err != nil {
			return
		}
	}
}

// rig is a board with a simulated one behind a port.
type rig struct {
	*fake
	board *Board
	env   *hw.Env
	wire  *hwtest.Wire
}

func newRig(t *testing.T, c Config, serve func(*fake, net.Conn)) rig {
	t.Helper()
	path := filepath.Join(t.TempDir(), "device.sock")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f, wire := newFake(), hwtest.NewWire(ln)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := wire.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(f, conn)
			})
		}
	})
	c.Port = serialtest.Cable(t, "unix", path)
	t.Cleanup(func() {
		wire.Close()
		wire.Cut()
		wg.Wait()
	})
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	b := Open(env, c)
	if c.Kind == LCUS && !c.Readback {
		b.Close()
		b = newBoard(zerolog.Nop(), 1, c.Relays, func(context.Context) (relays, error) {
			l, err := newCable(c.Port, c.Baud)
			if err != nil {
				return nil, err
			}
			return obeyed{lcus{l, c.Relays, false}, f.order}, nil
		})
	}
	t.Cleanup(func() { b.Close() })
	return rig{f, b, env, wire}
}

func (r rig) common(second int) boardtest.Rig {
	return boardtest.Rig{Board: r.board, Env: r.env, Wire: r.wire, Peer: r.fake, Second: second}
}

func kinds() map[string]struct {
	config Config
	first  int
	serve  func(*fake, net.Conn)
} {
	return map[string]struct {
		config Config
		first  int
		serve  func(*fake, net.Conn)
	}{
		"lcus":              {Config{Kind: LCUS, Baud: 9600, Relays: 4}, 1, (*fake).serveLCUS},
		"lcus that answers": {Config{Kind: LCUS, Baud: 9600, Relays: 4, Readback: true}, 1, (*fake).serveLCUS},
		"numato":            {Config{Kind: Numato, Baud: 19200, Relays: 4}, 0, (*fake).serveNumato},
	}
}

// obeyed is a board that says nothing, with the milliseconds added that it takes to obey.
type obeyed struct {
	lcus
	order chan struct{}
}

func (o obeyed) set(ctx context.Context, channel int, on bool) error {
	select {
	case <-o.order:
	default:
	}
	err := o.lcus.set(ctx, channel, on)
	if err == nil {
		select {
		case <-o.order:
		case <-o.Gone():
		case <-ctx.Done():
		}
	}
	return err
}
