package frames

import (
	"errors"
	"math/bits"
)

// Sizes of what is on the wire.
const (
	Size        = 19           // of a frame, in bytes
	MaxRolling  = 1<<28 - 1    // the last rolling code there is
	IDMask      = 0xF0FFFFFFFF // of the fixed part: the rest is the high digit of the command
	maxFixed    = 1<<40 - 1
	digitsThree = 18 // of a rolling code in base 3
)

// preamble begins every frame, after the wire was held low.
func preamble() [3]byte { return [3]byte{0x55, 0x01, 0x00} }

// Message is one frame of Security+ 2.0, decoded.
type Message struct {
	Rolling uint32 // 28 bits
	ID      uint64 // of the sender; bits 32 to 35 are zero
	Command uint16 // 12 bits
	Nibble  byte   // 4 bits
	Byte1   byte
	Byte2   byte
}

// ErrFrame is what Decode says of 19 bytes that are no frame.
var ErrFrame = errors.New("this is no frame of Security+ 2.0")

func (m Message) fixed() uint64 { return m.ID&IDMask | uint64(m.Command&0xF00)<<24 }

func (m Message) data() uint32 {
	d := uint32(m.Byte2)<<24 | uint32(m.Byte1)<<16 | uint32(m.Nibble&0xF)<<8 | uint32(m.Command&0xFF)
	return d | parity(m.fixed(), d)<<12
}

// parity is the sum of all digits: with it, it is zero.
func parity(fixed uint64, data uint32) uint32 {
	p := uint32(fixed>>32) & 0xF
	for range 8 {
		p ^= data & 0xF
		data >>= 4
	}
	return p
}

// Encode returns the 19 bytes of a message.
func Encode(m Message) [Size]byte {
	n := bits.Reverse32(m.Rolling) >> 4
	var b [digitsThree]byte
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(n % 3)
		n /= 3
	}
	fixed, data := m.fixed(), m.data()
	var out [Size]byte
	head := preamble()
	copy(out[:], head[:])
	put(out[3:11], half(pick(b, places1()), uint32(fixed>>20), data>>16))
	put(out[11:19], half(pick(b, places2()), uint32(fixed&0xFFFFF), data&0xFFFF))
	return out
}

// places1 and places2 are which digits of the rolling code the halves of a frame have.
func places1() [9]int { return [9]int{14, 15, 16, 17, 6, 7, 8, 9, 1} }
func places2() [9]int { return [9]int{10, 11, 12, 13, 2, 3, 4, 5, 0} }

func pick(b [digitsThree]byte, places [9]int) (r [9]byte) {
	for i, at := range places {
		r[i] = b[at]
	}
	return r
}

func put(to []byte, v uint64) {
	for i := range to {
		to[i] = byte(v >> (56 - 8*i))
	}
}

// half mixes nine digits, 20 bits of the fixed part and 16 of the data.
func half(r [9]byte, fixed, data uint32) uint64 {
	indicator := uint32(r[0])<<6 | uint32(r[1])<<4 | uint32(r[2])<<2 | uint32(r[3])
	var rest uint32
	for _, digit := range r[4:] {
		rest = rest<<2 | uint32(digit)
	}
	parts := [3]uint32{fixed>>10<<8 | data>>8, fixed&0x3FF<<8 | data&0xFF, rest<<8 | indicator}
	order, invert, _ := mixing(indicator)
	out := uint64(indicator) << 2
	for k := 17; k >= 0; k-- {
		for j := range 3 {
			bit := parts[order[j]] >> k & 1
			out = out<<1 | uint64(bit^invert[j])
		}
	}
	return out
}

// mixing is how the parts of a half are put together; not ok for digits that are none in base 3.
func mixing(indicator uint32) (order [3]int, invert [3]uint32, ok bool) {
	orders := map[uint32][3]int{0: {0, 2, 1}, 1: {2, 0, 1}, 2: {0, 1, 2}, 4: {1, 2, 0}, 5: {1, 0, 2}, 6: {2, 1, 0}, 8: {1, 2, 0}, 9: {2, 1, 0}, 10: {0, 1, 2}}
	inverts := map[uint32][3]uint32{0: {1, 1, 0}, 1: {0, 1, 0}, 2: {0, 0, 1}, 4: {1, 1, 1}, 5: {1, 0, 1}, 6: {0, 1, 1}, 8: {1, 0, 0}, 9: {0, 0, 0}, 10: {1, 0, 1}}
	order, ok = orders[indicator>>4]
	invert, also := inverts[indicator&15]
	return order, invert, ok && also
}

// Decode reads 19 bytes.
func Decode(b [Size]byte) (Message, error) {
	if [3]byte(b[:3]) != preamble() {
		return Message{}, ErrFrame
	}
	var digits [digitsThree]byte
	var fixed [2]uint64
	var data [2]uint32
	for i, places := range [][9]int{places1(), places2()} {
		r, f, d, ok := unmix(b[3+8*i : 11+8*i])
		if !ok {
			return Message{}, ErrFrame
		}
		fixed[i], data[i] = uint64(f), d
		for j, at := range places {
			digits[at] = r[j]
		}
	}
	var n uint32 // 3 to the power of 18 has 29 bits
	for _, digit := range digits {
		n = n*3 + uint32(digit)
	}
	f, d := fixed[0]<<20|fixed[1], data[0]<<16|data[1]
	if n > MaxRolling || parity(f, d) != 0 {
		return Message{}, ErrFrame
	}
	return Message{Rolling: bits.Reverse32(n << 4), ID: f & IDMask, Command: uint16(f>>24&0xF00) | uint16(d&0xFF),
		Nibble: byte(d >> 8 & 0xF), Byte1: byte(d >> 16), Byte2: byte(d >> 24)}, nil
}

func unmix(b []byte) (r [9]byte, fixed, data uint32, ok bool) {
	var v uint64
	for _, one := range b {
		v = v<<8 | uint64(one)
	}
	indicator := uint32(v >> 56)
	order, invert, ok := mixing(indicator)
	if !ok || v>>54&3 != 0 {
		return r, 0, 0, false
	}
	var parts [3]uint32
	for k := range 18 {
		for j := range 3 {
			bit := uint32(v>>(53-3*k-j)) & 1
			parts[order[j]] = parts[order[j]]<<1 | bit ^ invert[j]
		}
	}
	if parts[2]&0xFF != indicator {
		return r, 0, 0, false
	}
	for i := range 4 {
		r[i] = byte(indicator >> (6 - 2*i) & 3)
	}
	for i := range 5 {
		r[4+i] = byte(parts[2] >> (16 - 2*i) & 3)
	}
	for _, digit := range r {
		if digit == 3 {
			return r, 0, 0, false
		}
	}
	return r, parts[0]>>8<<10 | parts[1]>>8, parts[0]&0xFF<<8 | parts[1]&0xFF, true
}
