package broker

import (
	"errors"
	"net"
	"sync"
	"time"
)

// MaxPacket is the largest packet that client and broker take: Zigbee2MQTT tells of all its devices in one.
const MaxPacket = 512 << 10

// writeTime is how long one packet may take to leave.
const writeTime = 2 * time.Second

var errTooLarge = errors.New("a packet is larger than any that is expected")

// wire is the client's side of a connection: packets are written whole or not at all, and one that is too
// large to be true ends the connection before room is made for it.
type wire struct {
	net.Conn
	sync.Mutex // held by the library for each packet
	frame      frame
}

func newWire(c net.Conn) *wire { return &wire{Conn: c} }

func (w *wire) Write(b []byte) (int, error) {
	if err := w.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Write(b)
	if err != nil {
		_ = w.Close() // the rest must not follow
	}
	return n, err
}

func (w *wire) Read(b []byte) (int, error) {
	n, err := w.Conn.Read(b)
	if w.frame.over(b[:n], MaxPacket) {
		_ = w.Close()
		return 0, errTooLarge
	}
	return n, err
}

// frame follows where packets begin and end (MQTT 5 2.1).
type frame struct {
	left   int // bytes of the body to come
	length int
	shift  int
	inside bool // the length is being read
}

// over reports whether a packet in b says that it is larger than limit, or than any can be.
func (f *frame) over(b []byte, limit int) bool {
	for len(b) > 0 {
		switch {
		case f.left > 0:
			n := min(f.left, len(b))
			f.left, b = f.left-n, b[n:]
		case !f.inside:
			f.inside, f.length, f.shift, b = true, 0, 0, b[1:]
		default:
			f.length |= int(b[0]&0x7f) << f.shift
			f.shift += 7
			if f.length > limit || f.shift > 28 {
				return true
			}
			if b[0]&0x80 == 0 {
				f.inside, f.left = false, f.length
			}
			b = b[1:]
		}
	}
	return false
}
