package gpio

import (
	"bytes"
	"unsafe"
)

// The structures of linux/gpio.h, version 2. The kernel aligns 64-bit fields to 8 bytes on every machine;
// here that holds by their order, and the sizes below prove it where Go aligns them to 4 (arm).

type chipInfo struct {
	Name, Label [32]byte
	Lines       uint32
}

type lineAttr struct {
	ID    uint32
	_     uint32
	Value uint64
}

type lineInfo struct {
	Name, Consumer   [32]byte
	Offset, NumAttrs uint32
	Flags            uint64
	Attrs            [10]lineAttr
	_                [4]uint32
}

type configAttr struct {
	Attr lineAttr
	Mask uint64 // of lines, by their index in the request
}

type lineConfig struct {
	Flags    uint64
	NumAttrs uint32
	_        [5]uint32
	Attrs    [10]configAttr
}

type lineRequest struct {
	Offsets               [64]uint32
	Consumer              [32]byte
	Config                lineConfig
	NumLines, EventBuffer uint32
	_                     [5]uint32
	FD                    int32 // the kernel's answer
}

type lineValues struct{ Bits, Mask uint64 }

type lineEvent struct {
	Time    uint64 // ns of CLOCK_MONOTONIC
	ID      uint32
	Offset  uint32
	Seq     uint32 // counts the events of all lines of the request, from 1
	LineSeq uint32 // counts those of this line, from 1
	_       [6]uint32
}

// These do not compile unless the sizes are those of the kernel.
var (
	_ [68]byte  = [unsafe.Sizeof(chipInfo{})]byte{}
	_ [256]byte = [unsafe.Sizeof(lineInfo{})]byte{}
	_ [272]byte = [unsafe.Sizeof(lineConfig{})]byte{}
	_ [592]byte = [unsafe.Sizeof(lineRequest{})]byte{}
	_ [16]byte  = [unsafe.Sizeof(lineValues{})]byte{}
	_ [48]byte  = [unsafe.Sizeof(lineEvent{})]byte{}
)

// Flags of a line (enum gpio_v2_line_flag).
const (
	flagUsed         = 1 << 0
	flagActiveLow    = 1 << 1
	flagInput        = 1 << 2
	flagOutput       = 1 << 3
	flagRising       = 1 << 4
	flagFalling      = 1 << 5
	flagPullUp       = 1 << 8
	flagPullDown     = 1 << 9
	flagBiasDisabled = 1 << 10
	flagEdges        = flagRising | flagFalling
	flagBias         = flagPullUp | flagPullDown | flagBiasDisabled
)

// Attributes of a request (enum gpio_v2_line_attr_id).
const (
	attrValues   = 2
	attrDebounce = 3 // µs
)

// Events (enum gpio_v2_line_event_id). They speak of logical levels.
const (
	eventRising  = 1
	eventFalling = 2
)

const (
	maxLines    = 64
	eventBuffer = 256 // the kernel's default of 16 a line loses the first bits of a card with 34
)

// newRequest asks for lines of one chip. A consumer that is too long for the kernel is cut.
func newRequest(offsets []uint32, consumer string, flags uint64) lineRequest {
	r := lineRequest{NumLines: uint32(len(offsets))}
	copy(r.Offsets[:], offsets)
	copy(r.Consumer[:len(r.Consumer)-1], consumer)
	r.Config.Flags = flags
	if flags&flagEdges != 0 {
		r.EventBuffer = eventBuffer
	}
	return r
}

// with adds an attribute for all lines of the request.
func (r lineRequest) with(id uint32, value uint64) lineRequest {
	r.Config.Attrs[r.Config.NumAttrs] = configAttr{Attr: lineAttr{ID: id, Value: value}, Mask: r.mask()}
	r.Config.NumAttrs++
	return r
}

// without takes all attributes of one kind away.
func (r lineRequest) without(id uint32) lineRequest {
	attrs, n := r.Config.Attrs, r.Config.NumAttrs
	r.Config.Attrs, r.Config.NumAttrs = [10]configAttr{}, 0
	for _, a := range attrs[:n] {
		if a.Attr.ID != id {
			r.Config.Attrs[r.Config.NumAttrs] = a
			r.Config.NumAttrs++
		}
	}
	return r
}

func (r lineRequest) mask() uint64 { return 1<<r.NumLines - 1 }

// text is a string of the kernel, which ends at the first NUL.
func text(b [32]byte) string {
	s, _, _ := bytes.Cut(b[:], []byte{0})
	return string(s)
}
