package wiegand

import (
	"fmt"
	"math/bits"
)

// Format is how the bits of a card are laid out.
type Format string

// Formats of cards. H10304 and H10302 are both 37 bits long with the same parity: which one an
// installation has, only its owner knows.
const (
	H10301 Format = "h10301" // 26 bits: even parity, 8 of facility, 16 of number, odd parity
	W34    Format = "w34"    // 34 bits: even parity, 16 of facility, 16 of number, odd parity
	H10304 Format = "h10304" // 37 bits: even parity, 16 of facility, 19 of number, odd parity
	H10302 Format = "h10302" // 37 bits: even parity, 35 of number, odd parity
)

// Card is what a card says.
type Card struct {
	Format   Format
	Facility uint32 // 0 where the format has none
	Number   uint64
}

// String writes the card so that it can be compared: "h10301:93:21377".
func (c Card) String() string { return fmt.Sprintf("%s:%d:%d", c.Format, c.Facility, c.Number) }

// Key reads a frame of one key: 0 to 9, '*' or '#'. A frame of four bits is its number, one of eight has
// the complement in front, which has to agree.
func (f Frame) Key() (byte, error) {
	if f.Err != nil {
		return 0, f.Err
	}
	key := f.Bits & 0xF
	switch {
	case f.Len != 4 && f.Len != 8:
		return 0, fmt.Errorf("%w: %d bits are no key", ErrFrame, f.Len)
	case f.Len == 8 && f.Bits>>4 != ^key&0xF:
		return 0, fmt.Errorf("%w: the halves of a key do not agree", ErrFrame)
	case key > 11:
		return 0, fmt.Errorf("%w: there is no such key", ErrFrame)
	}
	return "0123456789*#"[key], nil
}

// Card reads a frame of a card. long is the format of 37 bits.
func (f Frame) Card(long Format) (Card, error) {
	if f.Err != nil {
		return Card{}, f.Err
	}
	switch {
	case f.Len == 26:
		return f.card(H10301, 12, 16)
	case f.Len == 34:
		return f.card(W34, 16, 16)
	case f.Len == 37 && long == H10302:
		return f.card(H10302, 18, 35)
	case f.Len == 37:
		return f.card(H10304, 18, 19)
	}
	return Card{}, fmt.Errorf("%w: nothing has %d bits", ErrFrame, f.Len)
}

// card checks the parity and cuts out the numbers. The first bit makes the covered ones after it even,
// the last bit makes as many before it odd; in 37 bits the two share the one in the middle (bit 19).
func (f Frame) card(format Format, covered, number int) (Card, error) {
	n := f.Len
	head := f.Bits >> (n - 1 - covered)
	tail := f.Bits & (1<<(covered+1) - 1)
	if bits.OnesCount64(head)%2 != 0 || bits.OnesCount64(tail)%2 != 1 {
		return Card{}, fmt.Errorf("%w: the parity of %d bits is wrong", ErrFrame, n)
	}
	payload := f.Bits >> 1 & (1<<(n-2) - 1)
	return Card{Format: format, Facility: uint32(payload >> number), Number: payload & (1<<number - 1)}, nil
}
