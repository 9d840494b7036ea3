package lan

import (
	"bufio"
	"encoding/binary"
	"io"
	"math"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flynn/noise"
)

// ratgdo is a board with ESPHome's native API at a door that takes a second to travel.
type ratgdo struct {
	address string
	key     []byte

	mu       sync.Mutex
	position float64 // 0 closed, 1 open
	target   float64
	orders   int
	visits   int  // connections that asked for states
	loses    bool // it falls silent with the next order
	deaf     bool // it does what it is told and says nothing more
	conns    map[*board]struct{}
}

// board is one encrypted connection.
type board struct {
	net.Conn
	mu            sync.Mutex
	send, receive *noise.CipherState
}

func startRatgdo(t *testing.T, address string, key []byte) *ratgdo {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	r := &ratgdo{address: listener.Addr().String(), key: key, conns: map[*board]struct{}{}}
	var group sync.WaitGroup
	stop := make(chan struct{})
	group.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			group.Go(func() { r.serve(conn) })
		}
	})
	group.Go(func() { r.move(stop) })
	t.Cleanup(func() {
		close(stop)
		listener.Close()
		r.cut()
		group.Wait()
	})
	return r
}

// cut ends all connections, as a router that starts again does.
func (r *ratgdo) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		c.Close()
	}
}

func (r *ratgdo) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.orders
}

// wall is somebody at the wall button.
func (r *ratgdo) wall(target float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// move is the physics: each tick a twentieth of the way, told to everybody who subscribed.
func (r *ratgdo) move(stop chan struct{}) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	moved := false
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		before := r.position
		r.position += min(max(r.target-r.position, -0.05), 0.05)
		if math.Abs(r.position-r.target) < 0.01 {
			r.position = r.target
		}
		moving := r.position != before
		if moving || moved {
			r.tell(moving)
		}
		moved = moving
		r.mu.Unlock()
	}
}

// tell sends the state to everybody. The caller holds mu.
func (r *ratgdo) tell(moving bool) {
	if r.deaf {
		return
	}
	operation := uint64(0)
	switch {
	case moving && r.target > r.position || moving && r.target == 1:
		operation = 1
	case moving:
		operation = 2
	}
	state := binary.LittleEndian.AppendUint32([]byte{1<<3 | 5}, 77)
	if r.position != 0 {
		state = binary.LittleEndian.AppendUint32(append(state, 3<<3|5), math.Float32bits(float32(r.position)))
	}
	if operation != 0 {
		state = append(state, 5<<3, byte(operation))
	}
	for c := range r.conns {
		_ = c.write(22, state)
	}
}

func text(n int, s string) []byte { return append([]byte{byte(n<<3 | 2), byte(len(s))}, s...) }

func readFrame(r *bufio.Reader) ([]byte, error) {
	var head [3]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	content := make([]byte, binary.BigEndian.Uint16(head[1:]))
	_, err := io.ReadFull(r, content)
	return content, err
}

func frame(content []byte) []byte {
	return append(binary.BigEndian.AppendUint16([]byte{1}, uint16(len(content))), content...)
}

func (b *board) write(kind uint16, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	open := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, kind), uint16(len(data)))
	closed, err := b.send.Encrypt(nil, nil, append(open, data...))
	if err != nil {
		return err
	}
	_, err = b.Write(frame(closed))
	return err
}

func (r *ratgdo) serve(conn net.Conn) {
	defer conn.Close()
	reader := bufio.NewReader(conn)
	hello, err := readFrame(reader)
	if err != nil || len(hello) != 0 {
		return
	}
	first, err := readFrame(reader)
	if err != nil || len(first) == 0 {
		return
	}
	state, err := noise.NewHandshakeState(noise.Config{CipherSuite: noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256),
		Pattern: noise.HandshakeNN, Prologue: []byte("NoiseAPIInit\x00\x00"), PresharedKey: r.key})
	if err != nil {
		return
	}
	if _, _, _, err := state.ReadMessage(nil, first[1:]); err != nil {
		_, _ = conn.Write(append(frame([]byte("\x01ratgdo\x00\x00")), frame([]byte("\x01Handshake MAC failure"))...))
		return
	}
	second, receive, send, err := state.WriteMessage(nil, nil)
	if err != nil {
		return
	}
	if _, err := conn.Write(append(frame([]byte("\x01ratgdo\x00\x00")), frame(append([]byte{0}, second...))...)); err != nil {
		return
	}
	b := &board{Conn: conn, send: send, receive: receive}
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.conns, b)
	}()
	for {
		closed, err := readFrame(reader)
		if err != nil {
			return
		}
		open, err := b.receive.Decrypt(nil, nil, closed)
		if err != nil || len(open) < 4 {
			return
		}
		if r.hear(b, binary.BigEndian.Uint16(open), open[4:]) != nil {
			return
		}
	}
}

func (r *ratgdo) hear(b *board, kind uint16, data []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch kind {
	case 1:
		return b.write(2, append([]byte{1 << 3, 1, 2 << 3, 12}, text(3, "ratgdo (esphome)")...))
	case 9:
		return b.write(10, append(text(2, "ratgdo"), text(3, "A8:03:2A:B1:23:45")...))
	case 11:
		cover := binary.LittleEndian.AppendUint32(append(text(1, "door"), 2<<3|5), 77)
		cover = append(append(cover, text(3, "Door")...), 6<<3, 1, 12<<3, 1)
		if err := b.write(13, cover); err != nil {
			return err
		}
		return b.write(19, nil)
	case 20:
		r.visits++
		r.conns[b] = struct{}{}
		r.tell(r.position != r.target)
	case 30: // CoverCommand: with a position, or stop
		r.orders++
		r.deaf = r.loses
		switch {
		case slices.Contains(data, 8<<3):
			r.target = r.position
		case len(data) > 7: // 5: position, left out when it is 0
			r.target = 1
		default:
			r.target = 0
		}
	case 7:
		if !r.deaf {
			return b.write(8, nil)
		}
	}
	return nil
}
