package esphome

import (
	"encoding/binary"
	"errors"
	"math"
)

// Limits of a message.
const (
	maxMessage = 32 << 10 // the largest that is used lists an entity: some hundred bytes
	maxFields  = 512
)

var errProto = errors.New("a message that cannot be read")

// fields are the fields of a protobuf message by their number, the last of each: no message here repeats
// one that is used.
type fields map[int]field

// field is a value: a number (varint or fixed), or bytes.
type field struct {
	number uint64
	bytes  []byte
}

// parse reads a protobuf message (protobuf.dev/programming-guides/encoding).
func parse(data []byte) (fields, error) {
	if len(data) > maxMessage {
		return nil, errProto
	}
	out := fields{}
	for count := 0; len(data) > 0; count++ {
		key, n := binary.Uvarint(data)
		if n <= 0 || key>>3 == 0 || key>>3 > 1<<16 || count == maxFields {
			return nil, errProto
		}
		data = data[n:]
		var f field
		switch key & 7 {
		case 0:
			if f.number, n = binary.Uvarint(data); n <= 0 {
				return nil, errProto
			}
		case 1:
			if n = 8; len(data) < n {
				return nil, errProto
			}
			f.number = binary.LittleEndian.Uint64(data)
		case 2:
			size, head := binary.Uvarint(data)
			if head <= 0 || size > uint64(len(data)-head) {
				return nil, errProto
			}
			n = head + int(size)
			f.bytes = data[head:n]
		case 5:
			if n = 4; len(data) < n {
				return nil, errProto
			}
			f.number = uint64(binary.LittleEndian.Uint32(data))
		default:
			return nil, errProto
		}
		data = data[n:]
		out[int(key>>3)] = f
	}
	return out, nil
}

func (f fields) text(n int) string  { return string(f[n].bytes) }
func (f fields) flag(n int) bool    { return f[n].number != 0 }
func (f fields) key() uint32        { return uint32(f[1].number) } // in every message about an entity but its listing
func (f fields) real(n int) float32 { return math.Float32frombits(uint32(f[n].number)) }

// message is one being written. Fields with their zero value are left out, as protobuf 3 has it.
type message []byte

func (m message) varint(n int, v uint64) message {
	if v == 0 {
		return m
	}
	return binary.AppendUvarint(binary.AppendUvarint(m, uint64(n)<<3), v)
}

func (m message) flag(n int, v bool) message {
	if !v {
		return m
	}
	return m.varint(n, 1)
}

func (m message) fixed(n int, v uint32) message {
	if v == 0 {
		return m
	}
	return binary.LittleEndian.AppendUint32(binary.AppendUvarint(m, uint64(n)<<3|5), v)
}

func (m message) real(n int, v float32) message { return m.fixed(n, math.Float32bits(v)) }

func (m message) text(n int, v string) message {
	if v == "" {
		return m
	}
	return append(binary.AppendUvarint(binary.AppendUvarint(m, uint64(n)<<3|2), uint64(len(v))), v...)
}
