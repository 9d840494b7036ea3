package sim

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// The protocol between a world and a bridge: frames of a length (four bytes, big-endian) and that many
// bytes of JSON. The client sends requests with a number, the world answers each with the same number,
// and pushes the levels of inputs that are watched, with the number 0. The first request is hello.
const (
	wireVersion = 1
	maxFrame    = 64 << 10
	maxLines    = 4096 // requested by one client
	maxTaps     = 64
	helloWithin = 5 * time.Second
)

// request is what a client asks for.
type request struct {
	ID      uint64   `json:"id"`
	Op      string   `json:"op"`
	Line    string   `json:"line,omitempty"`
	Level   bool     `json:"level,omitempty"` // high; output: the rest level, set: the order
	Lines   []string `json:"lines,omitempty"`
	Tap     int      `json:"tap,omitempty"`
	Only    *bool    `json:"only,omitempty"` // edges: only those to this voltage
	Device  string   `json:"device,omitempty"`
	Event   *Event   `json:"event,omitempty"`
	Holder  string   `json:"holder,omitempty"`
	Version int      `json:"version,omitempty"`
}

// Operations of a request.
const (
	opHello   = "hello"
	opOutput  = "output" // request a line with its rest level
	opSet     = "set"
	opFree    = "free"
	opRead    = "read"
	opWatch   = "watch"
	opUnwatch = "unwatch"
	opEdges   = "edges"
	opUnedges = "unedges"
	opDevices = "devices"
	opStatus  = "status"
	opEvent   = "event"
)

// reply answers a request, or is pushed with ID 0.
type reply struct {
	ID      uint64     `json:"id"`
	Error   string     `json:"error,omitempty"`
	Code    string     `json:"code,omitempty"`
	Line    string     `json:"line,omitempty"` // push of a level
	Level   bool       `json:"level,omitempty"`
	Seq     uint64     `json:"seq,omitempty"`
	Tap     int        `json:"tap,omitempty"` // push of an edge
	Edge    *edgeWords `json:"edge,omitempty"`
	Devices []string   `json:"devices,omitempty"`
	Status  *Status    `json:"status,omitempty"`
}

type edgeWords struct {
	Line  int           `json:"line"`
	Level bool          `json:"level"`
	At    time.Duration `json:"at"`
	Seq   uint32        `json:"seq"`
}

// codes carry the sentinels over the wire.
var codes = []struct {
	code string
	err  error
}{
	{"in-use", hw.ErrInUse},
	{"no-line", hw.ErrNoLine},
	{"no-device", ErrNoDevice},
	{"no-event", ErrNoEvent},
	{"impossible", ErrImpossible},
	{"unavailable", device.ErrUnavailable},
}

func codeOf(err error) string {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return "failed"
}

// err is the error of an answer, with its sentinel.
func (r reply) err() error {
	if r.Error == "" {
		return nil
	}
	for _, c := range codes {
		if c.code == r.Code {
			return &worldError{r.Error, c.err}
		}
	}
	return &worldError{r.Error, nil}
}

// worldError has the world's words and our sentinel.
type worldError struct {
	text     string
	sentinel error
}

func (e *worldError) Error() string { return e.text }
func (e *worldError) Unwrap() error { return e.sentinel }

var errFrame = errors.New("not a frame of a simulated world")

// readFrame reads one frame into v. The buffer is used again for the next one.
func readFrame(r *bufio.Reader, buf *[]byte, v any) error {
	head, err := r.Peek(4)
	if err != nil {
		if len(head) > 0 && errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	n := binary.BigEndian.Uint32(head)
	if n == 0 || n > maxFrame {
		return fmt.Errorf("%w: length %d", errFrame, n)
	}
	if _, err := r.Discard(4); err != nil {
		return err
	}
	if cap(*buf) < int(n) {
		*buf = make([]byte, n)
	}
	body := (*buf)[:n]
	if _, err := io.ReadFull(r, body); err != nil {
		if errors.Is(err, io.EOF) {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

// frameWriter writes frames from several goroutines, each with one write.
type frameWriter struct {
	mu   sync.Mutex
	conn net.Conn
}

// write returns how many bytes went out: less than a frame is nothing to the other side.
func (w *frameWriter) write(v any, within time.Duration) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(body) > maxFrame {
		return fmt.Errorf("%w: it would be %d bytes long", errFrame, len(body))
	}
	frame := make([]byte, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	copy(frame[4:], body)
	w.mu.Lock()
	defer w.mu.Unlock()
	if within > 0 {
		if err := w.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
			return err
		}
	}
	_, err = w.conn.Write(frame)
	return err
}
