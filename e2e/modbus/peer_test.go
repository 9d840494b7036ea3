package modbus

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

var lab *e2e.Lab

func TestMain(m *testing.M) {
	lab = e2e.Open()
	defer lab.Close()
	m.Run()
}

// limit is far above what anything here takes, for a machine that is busy.
const limit = 30 * time.Second

// pymodbus is a board served by pymodbus.
type pymodbus struct{ *e2e.Process }

// python is Debian's, which alone has Debian's packages.
const python = "/usr/bin/python3"

func startBoard(t *testing.T, args ...string) pymodbus {
	t.Helper()
	const remedy = "apt-get install python3-pymodbus python3-serial python3-serial-asyncio"
	e2e.NeedCommand(t, python, remedy)
	if _, status := e2e.Output(t, e2e.Command{Name: python, Args: []string{"-c", "import pymodbus, serial_asyncio"}}, limit); status != 0 {
		e2e.Skip(t, "pymodbus is not installed ("+remedy+")")
	}
	return pymodbus{e2e.Start(t, e2e.Command{Name: python, Args: append([]string{e2e.Folder(t, "e2e", "modbus", "peer.py")}, args...)})}
}

// writes counts what was written to a coil.
func (p pymodbus) writes(coil int, on bool) int {
	want := fmt.Sprintf("coil %d %s\n", coil, map[bool]string{true: "True", false: "False"}[on])
	return strings.Count(p.Log(), want)
}

// input sets an input and waits until that is done.
func (p pymodbus) input(t *testing.T, n int, on bool) {
	t.Helper()
	value := map[bool]int{true: 1}[on]
	before := strings.Count(p.Log(), fmt.Sprintf("input %d %d\n", n, value))
	if _, err := fmt.Fprintf(p.Stdin(), "input %d %d\n", n, value); err != nil {
		t.Fatal(err)
	}
	e2e.Until(t, limit, func() string {
		if strings.Count(p.Log(), fmt.Sprintf("input %d %d\n", n, value)) > before {
			return ""
		}
		return "the board to set its input"
	})
}

// port is a free TCP port.
func port(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// cable is a serial line between two ports: the board's, and ours, which is gone while the cable is unplugged.
type cable struct{ board, ours, socket string }

func newCable(t *testing.T) *cable {
	t.Helper()
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(e2e.TempDir(t), "line")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	hub := &hub{far: far}
	var wg sync.WaitGroup
	wg.Go(func() { hub.speak() })
	wg.Go(func() { hub.accept(ln) })
	c := &cable{board: near.Name(), ours: serialtest.Cable(t, "unix", socket), socket: socket}
	t.Cleanup(func() {
		ln.Close()
		hub.set(nil)
		far.Close()
		near.Close()
		wg.Wait()
	})
	return c
}

// hub joins the board's port to whoever is plugged in.
type hub struct {
	far io.ReadWriteCloser
	mu  sync.Mutex
	now net.Conn
}

func (h *hub) set(c net.Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now != nil {
		h.now.Close()
	}
	h.now = c
}

func (h *hub) accept(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		h.set(c)
		go func() { _, _ = io.Copy(h.far, c) }()
	}
}

func (h *hub) speak() {
	b := make([]byte, 256)
	for {
		n, err := h.far.Read(b)
		if err != nil {
			return
		}
		h.mu.Lock()
		if h.now != nil {
			_, _ = h.now.Write(b[:n])
		}
		h.mu.Unlock()
	}
}

// relays is a Modbus TCP board with eight relays, eight inputs and a timer of its own, as the example wants it.
type relays struct {
	mu     sync.Mutex
	on     [8]bool
	timers [8]*time.Timer // their own, for a pulse
	inputs byte
	orders []string
}

func (r *relays) serve(conn net.Conn) {
	defer conn.Close()
	for {
		var q [12]byte
		if _, err := io.ReadFull(conn, q[:]); err != nil {
			return
		}
		address, value := int(binary.BigEndian.Uint16(q[8:])), binary.BigEndian.Uint16(q[10:])
		answer := q[7:]
		switch q[7] {
		case 1:
			answer = []byte{1, 1, r.coils()}
		case 2:
			r.mu.Lock()
			answer = []byte{2, 1, r.inputs}
			r.mu.Unlock()
		case 5:
			r.order(address, value)
		}
		out := append(q[:7:7], answer...)
		binary.BigEndian.PutUint16(out[4:], uint16(len(answer)+1))
		if _, err := conn.Write(out); err != nil {
			return
		}
	}
}

func (r *relays) coils() (bits byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, on := range r.on {
		if on {
			bits |= 1 << i
		}
	}
	return bits
}

// order switches a relay; above 0200 for a time.
func (r *relays) order(address int, value uint16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	relay := address & 7
	if timer := r.timers[relay]; timer != nil {
		timer.Stop()
	}
	if address&0x200 != 0 {
		r.orders = append(r.orders, fmt.Sprintf("relay-%d for %v", relay+1, time.Duration(value)*100*time.Millisecond))
		r.on[relay] = true
		var timer *time.Timer
		timer = time.AfterFunc(time.Duration(value)*100*time.Millisecond, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.timers[relay] == timer {
				r.on[relay] = false
			}
		})
		r.timers[relay] = timer
		return
	}
	r.timers[relay] = nil
	r.on[relay] = value == 0xFF00
	if r.on[relay] {
		r.orders = append(r.orders, fmt.Sprintf("relay-%d on", relay+1))
	}
}

// given are the orders that energised something.
func (r *relays) given() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.orders, ", ")
}

func (r *relays) set(inputs byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inputs = inputs
}

func startRelays(t *testing.T) (*relays, string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	r := &relays{inputs: 1}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r, ln.Addr().String()
}
