package message

import (
	"encoding/binary"
	"errors"
)

// MaxSize is the largest datagram that is sent or read, in octets (Matter 1.4 4.4.4: the IPv6 minimum MTU).
const MaxSize = 1280

// ErrHeader is returned when octets are no message of a version this package knows.
var ErrHeader = errors.New("message: invalid header")

// Kind says which keys seal a message.
type Kind uint8

// The kinds of session (Matter 1.4 4.4.1.4).
const (
	Unicast Kind = 0
	Group   Kind = 1
)

// Destination says what the header names as destination.
type Destination uint8

// The destinations (Matter 1.4 4.4.1.2).
const (
	ToNobody Destination = 0
	ToNode   Destination = 1
	ToGroup  Destination = 2
)

const (
	flagSource     = 0x04
	maskDest       = 0x03
	maskVersion    = 0xF0
	flagPrivacy    = 0x80
	flagControl    = 0x40
	flagExtensions = 0x20
	maskKind       = 0x03
)

// Header is the message header. Sessions other than 0 are sealed; session 0 with Kind Unicast is not.
type Header struct {
	SessionID uint16
	Kind      Kind
	Control   bool // counted with the control message counter
	Privacy   bool // everything from the counter on is hidden
	Counter   uint32
	HasSource bool
	Source    uint64
	Dest      Destination
	DestNode  uint64
	DestGroup uint16
}

// SecurityFlags is the octet of the header that goes into the nonce.
func (h Header) SecurityFlags() byte {
	f := byte(h.Kind)
	if h.Privacy {
		f |= flagPrivacy
	}
	if h.Control {
		f |= flagControl
	}
	return f
}

// Append writes the header after dst.
func (h Header) Append(dst []byte) []byte {
	le := binary.LittleEndian
	flags := byte(h.Dest)
	if h.HasSource {
		flags |= flagSource
	}
	dst = append(dst, flags)
	dst = le.AppendUint16(dst, h.SessionID)
	dst = append(dst, h.SecurityFlags())
	dst = le.AppendUint32(dst, h.Counter)
	if h.HasSource {
		dst = le.AppendUint64(dst, h.Source)
	}
	switch h.Dest {
	case ToNode:
		dst = le.AppendUint64(dst, h.DestNode)
	case ToGroup:
		dst = le.AppendUint16(dst, h.DestGroup)
	case ToNobody:
	}
	return dst
}

// PrivateSize is the number of octets that privacy hides in a message with these first octets, beginning with the
// fifth. ok is false if b is too short to say.
func PrivateSize(b []byte) (n int, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	n = 4
	if b[0]&flagSource != 0 {
		n += 8
	}
	switch Destination(b[0] & maskDest) {
	case ToNode:
		n += 8
	case ToGroup:
		n += 2
	case ToNobody:
	}
	return n, len(b) >= 4+n
}

// ParseHeader reads the header of a message and returns how many octets it takes, its extensions (skipped) among
// them. A header under privacy must have been shown before: only its first four octets mean something else.
func ParseHeader(b []byte) (h Header, size int, err error) {
	if len(b) < 8 || len(b) > MaxSize || b[0]&maskVersion != 0 {
		return Header{}, 0, ErrHeader
	}
	le := binary.LittleEndian
	flags, security := b[0], b[3]
	h = Header{SessionID: le.Uint16(b[1:]), Kind: Kind(security & maskKind), Privacy: security&flagPrivacy != 0,
		Control: security&flagControl != 0, HasSource: flags&flagSource != 0, Dest: Destination(flags & maskDest)}
	if h.Kind > Group || h.Dest > ToGroup {
		return Header{}, 0, ErrHeader
	}
	private, ok := PrivateSize(b)
	if !ok {
		return Header{}, 0, ErrHeader
	}
	h.Counter = le.Uint32(b[4:])
	at := 8
	if h.HasSource {
		h.Source = le.Uint64(b[at:])
		at += 8
	}
	switch h.Dest {
	case ToNode:
		h.DestNode = le.Uint64(b[at:])
	case ToGroup:
		h.DestGroup = le.Uint16(b[at:])
	case ToNobody:
	}
	at = 4 + private
	if security&flagExtensions != 0 {
		if at, ok = skipExtension(b, at); !ok {
			return Header{}, 0, ErrHeader
		}
	}
	return h, at, nil
}

// skipExtension goes past a length of two octets and as many octets.
func skipExtension(b []byte, at int) (int, bool) {
	if len(b) < at+2 {
		return 0, false
	}
	at += 2 + int(binary.LittleEndian.Uint16(b[at:]))
	return at, at <= len(b)
}

// Nonce makes the nonce of a sealed message. The source is the sender's operational node id; 0 on a session without
// one (Matter 1.4 4.8.1.1).
func Nonce(securityFlags byte, counter uint32, source uint64) [13]byte {
	var n [13]byte
	n[0] = securityFlags
	binary.LittleEndian.PutUint32(n[1:], counter)
	binary.LittleEndian.PutUint64(n[5:], source)
	return n
}
