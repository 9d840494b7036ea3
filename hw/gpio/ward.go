package gpio

import (
	"encoding/binary"
	"time"
)

// The guard is a second process that has the daemon's output lines, too (docs/adr/0009). The daemon sends
// it messages of one size over a socket of its own that keeps messages apart, so that the end of the
// daemon is the end of the socket. A line comes with its message, as a descriptor.

// wardOp is what the daemon tells the guard, and what the guard answers.
type wardOp uint8

const (
	wardAdd  wardOp = iota + 1 // here is a line, and its rest level
	wardArm                    // it goes to rest after that time, unless told otherwise before
	wardCalm                   // it is at rest
	wardDrop                   // give it back, and say so
	wardPing                   // say that you live
)

// wardMessage is one message. Answers repeat what they answer.
type wardMessage struct {
	op    wardOp
	rest  bool
	id    uint32
	after time.Duration
}

const (
	wardSize = 16
	// maxWards is more lines than any machine has relays on.
	maxWards = 1024
	// guardFD is where the guard finds its socket: the first descriptor behind stdin, stdout and stderr.
	guardFD = 3
)

func (m wardMessage) bytes() []byte {
	b := make([]byte, wardSize)
	b[0] = byte(m.op)
	if m.rest {
		b[1] = 1
	}
	binary.LittleEndian.PutUint32(b[4:], m.id)
	binary.LittleEndian.PutUint64(b[8:], uint64(m.after))
	return b
}

// parseWard reads a message; false for anything else.
func parseWard(b []byte) (wardMessage, bool) {
	if len(b) != wardSize || b[0] < byte(wardAdd) || b[0] > byte(wardPing) || b[1] > 1 || b[2] != 0 || b[3] != 0 {
		return wardMessage{}, false
	}
	m := wardMessage{op: wardOp(b[0]), rest: b[1] == 1, id: binary.LittleEndian.Uint32(b[4:]), after: time.Duration(binary.LittleEndian.Uint64(b[8:]))}
	return m, m.after >= 0
}
