package modbus

import (
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

// fake is a simulated board of eight relays and eight inputs, which are numbered from 1.
type fake struct {
	boardtest.Relays
	unit byte

	mu   sync.Mutex
	deaf bool // it obeys and does not answer
	code byte // it refuses everything with this exception
	slow chan struct{}
}

func newFake(unit byte) *fake { return &fake{unit: unit} }

// hear carries out a question and returns the answer; nil for none.
func (f *fake) hear(p pdu) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	first, value := int(binary.BigEndian.Uint16(p[1:])), binary.BigEndian.Uint16(p[3:])
	answer := []byte(p)
	switch {
	case f.code != 0:
		answer = []byte{p[0] | exception, f.code}
	case p[0] == readCoils:
		answer = bits(p[0], f.High, first, int(value))
	case p[0] == readInputs:
		answer = bits(p[0], f.Input, first, int(value))
	case p[0] == readRegisters && first+int(value) <= 9:
		answer = []byte{p[0], byte(2 * value)}
		for i := range int(value) {
			answer = append(answer, 0, map[bool]byte{true: 1}[f.High(first+i)])
		}
	case p[0] == writeCoil && first < 8:
		f.Order(first+1, value == coilOn, 0)
	case p[0] == writeCoil && first >= flashOn && first < flashOn+8:
		f.Order(first-flashOn+1, true, time.Duration(value)*flashUnit)
	case p[0] == writeCoil && first >= flashOff && first < flashOff+8:
		f.Order(first-flashOff+1, false, time.Duration(value)*flashUnit)
	case p[0] == writeRegister && first >= 1 && first <= 8 && (value == registerOn || value == registerOff):
		f.Order(first, value == registerOn, 0)
	default:
		answer = []byte{p[0] | exception, 2}
	}
	if f.deaf {
		return nil
	}
	return answer
}

func bits(function byte, high func(n int) bool, first, count int) []byte {
	if first+count > 8 {
		return []byte{function | exception, 2}
	}
	answer := make([]byte, 2+(count+7)/8)
	answer[0], answer[1] = function, byte(len(answer)-2)
	for i := range count {
		if high(first + i + 1) {
			answer[2+i/8] |= 1 << (i % 8)
		}
	}
	return answer
}

// do changes or reads the board from outside.
func do[T any](f *fake, what func() T) T {
	f.mu.Lock()
	defer f.mu.Unlock()
	return what()
}

// serve speaks for the boards on one line. A board answers in two pieces, and slow ones when they may.
func serve(conn net.Conn, numbered bool, boards []*fake) {
	for {
		var head, frame []byte
		var err error
		if numbered {
			head = make([]byte, header)
			if _, err = io.ReadFull(conn, head); err == nil {
				frame = make([]byte, binary.BigEndian.Uint16(head[4:])-1)
				_, err = io.ReadFull(conn, frame)
				frame = append([]byte{head[6]}, frame...)
			}
		} else {
			frame = make([]byte, 8)
			_, err = io.ReadFull(conn, frame)
		}
		if err != nil {
			return
		}
		i := slices.IndexFunc(boards, func(f *fake) bool { return f.unit == frame[0] })
		if i < 0 || !numbered && checksum(frame[:6]) != binary.LittleEndian.Uint16(frame[6:]) {
			continue
		}
		answer := boards[i].hear(pdu(frame[1:6]))
		if answer == nil {
			continue
		}
		if slow := do(boards[i], func() chan struct{} { return boards[i].slow }); slow != nil {
			<-slow
		}
		out := append([]byte{frame[0]}, answer...)
		if numbered {
			binary.BigEndian.PutUint16(head[4:], uint16(len(out)))
			out = append(head[:6:6], out...)
		} else {
			out = binary.LittleEndian.AppendUint16(out, checksum(out))
		}
		if _, err := conn.Write(out[:3]); err != nil {
			return
		}
		if _, err := conn.Write(out[3:]); err != nil {
			return
		}
	}
}

// plug is a simulated line with boards on it, and its url.
func plug(t *testing.T, scheme string, boards ...*fake) (*hwtest.Wire, string) {
	t.Helper()
	network, place := "tcp", "127.0.0.1:0"
	if scheme == schemeRTU {
		network, place = "unix", filepath.Join(t.TempDir(), "line.sock")
	}
	ln, err := net.Listen(network, place)
	if err != nil {
		t.Fatal(err)
	}
	wire := hwtest.NewWire(ln)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := wire.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer conn.Close()
				serve(conn, scheme == schemeTCP, boards)
			})
		}
	})
	url := scheme + "://" + ln.Addr().String()
	if scheme == schemeRTU {
		url = "rtu://" + serialtest.Cable(t, network, place)
	}
	t.Cleanup(func() {
		wire.Close()
		wire.Cut()
		wg.Wait()
	})
	return wire, url
}

// open opens a board and closes it at the end.
func open(t *testing.T, env *hw.Env, c Config) *Board {
	t.Helper()
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	b, err := Open(t.Context(), env, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = env.Close() })
	return b
}

// rig is a board with a simulated one on a line of its own.
type rig struct {
	*fake
	board *Board
	env   *hw.Env
	wire  *hwtest.Wire
}

func (r rig) common() boardtest.Rig {
	return boardtest.Rig{Board: r.board, Env: r.env, Wire: r.wire, Peer: r.fake, Relays: "relay-", Inputs: "input-", Second: 2}
}

func newRig(t *testing.T, scheme string, kind Kind) rig {
	t.Helper()
	f := newFake(1)
	wire, url := plug(t, scheme, f)
	env := hw.NewEnv(zerolog.Nop())
	return rig{f, open(t, env, settings(url, kind)), env, wire}
}

func settings(url string, kind Kind) Config {
	c := defaults()
	c.URL, c.Kind, c.Relays, c.Inputs, c.Poll = url, kind, 8, 8, 50*time.Millisecond
	if kind == Registers {
		c.FirstRelay = 1
	}
	return c
}

// variants are the ways to reach and to switch a board.
func variants() map[string]struct {
	scheme string
	kind   Kind
} {
	return map[string]struct {
		scheme string
		kind   Kind
	}{
		"tcp coils":            {schemeTCP, Coils},
		"tcp waveshare":        {schemeTCP, Waveshare},
		"serial coils":         {schemeRTU, Coils},
		"serial waveshare":     {schemeRTU, Waveshare},
		"serial server":        {schemeOver, Waveshare},
		"serial with register": {schemeRTU, Registers},
	}
}
