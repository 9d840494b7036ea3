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
	"testing"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
	"github.com/rs/zerolog"
)

// fake is the state of a simulated board of four relays, by the board's numbers.
type fake struct {
	mu     sync.Mutex
	on     map[int]bool
	rest   map[int]bool // what each relay was lent with, told by the rig
	clicks int
	deaf   bool // it answers and does not obey
	heard  []string
	order  chan struct{} // has room for one: an order came
}

func newFake() *fake {
	return &fake{on: make(map[int]bool), rest: make(map[int]bool), order: make(chan struct{}, 1)}
}

func (f *fake) set(channel int, on bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, fmt.Sprintf("%d %v", channel, on))
	select {
	case f.order <- struct{}{}:
	default:
	}
	if f.deaf {
		return
	}
	if on != f.on[channel] && on != f.rest[channel] {
		f.clicks++
	}
	f.on[channel] = on
}

func (f *fake) get(channel int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.on[channel]
}

func (f *fake) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clicks
}

func (f *fake) orders() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.heard, ",")
}

func (f *fake) setDeaf(deaf bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.deaf = deaf
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
				fmt.Fprintf(&answer, "CH%d: %s\r\n", c, map[bool]string{true: "ON", false: "OFF"}[f.get(c)])
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
				answer += map[bool]string{true: "on", false: "off"}[f.get(channel)] + "\n\r"
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
	b := Open(hw.NewEnv(zerolog.Nop()), c)
	if c.Kind == LCUS && !c.Readback {
		b.Close()
		b = newBoard(zerolog.Nop(), 1, c.Relays, func(context.Context) (relays, error) {
			l, err := newLink(c.Port, c.Baud)
			if err != nil {
				return nil, err
			}
			return obeyed{lcus{l, c.Relays, false}, f.order}, nil
		})
	}
	t.Cleanup(func() { b.Close() })
	return rig{f, b, wire}
}

// lent tells the simulated board which level is rest, as the wiring of a relay does.
type lent struct {
	*Board
	fake *fake
}

func (l lent) Output(ctx context.Context, line string, o hw.OutputOptions) (hw.Output, error) {
	if channel, err := l.channel(line); err == nil && l.free(channel) == nil {
		l.fake.mu.Lock()
		l.fake.rest[channel] = o.Rest != o.ActiveLow
		l.fake.mu.Unlock()
	}
	out, err := l.Board.Output(ctx, line, o)
	if err == nil {
		connected(ctx, out)
	}
	return out, err
}

// connected waits until a line is there: a board may still be connecting.
func connected(ctx context.Context, out hw.Output) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	<-out.Watch(ctx)
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
		case <-o.gone():
		case <-ctx.Done():
		}
	}
	return err
}
