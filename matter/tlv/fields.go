package tlv

import (
	"errors"
	"fmt"
	"math"
)

// ErrMissing is returned when a structure lacks a member that it needs.
var ErrMissing = errors.New("tlv: member missing")

// Fields reads the context-tagged members of a structure or list by hand. The first error stays and is returned by
// Err; after it every method returns zero values, so that a decoder checks once at its end. Members nobody asks for
// are ignored, as the specification wants it for versions to come.
type Fields struct {
	e   Element
	err error
}

// OpenStruct reads the members of a structure.
func OpenStruct(e Element) *Fields { return &Fields{e: e, err: e.want(TypeStruct)} }

// OpenMessage decodes a message that is one structure, and reads its members.
func OpenMessage(b []byte) (*Fields, error) {
	e, err := Decode(b)
	if err != nil {
		return nil, err
	}
	f := OpenStruct(e)
	return f, f.Err()
}

// OpenList reads the tagged members of a list, such as a path.
func OpenList(e Element) *Fields { return &Fields{e: e, err: e.want(TypeList)} }

// Err returns the first error.
func (f *Fields) Err() error { return f.err }

func (f *Fields) fail(n uint8, err error) {
	if f.err == nil && err != nil {
		f.err = fmt.Errorf("member %d: %w", n, err)
	}
}

// Has says whether the member is there, also when it is null.
func (f *Fields) Has(n uint8) bool {
	_, ok := f.e.Member(Context(n))
	return ok
}

// Optional returns a member if it is there.
func (f *Fields) Optional(n uint8) (Element, bool) {
	if f.err != nil {
		return Element{}, false
	}
	return f.e.Member(Context(n))
}

// Element returns a member that must be there.
func (f *Fields) Element(n uint8) Element {
	m, ok := f.Optional(n)
	if !ok {
		f.fail(n, ErrMissing)
	}
	return m
}

// UintMax returns an unsigned integer of at most max.
func (f *Fields) UintMax(n uint8, max uint64) uint64 {
	m := f.Element(n)
	if f.err != nil {
		return 0
	}
	v, err := m.UintMax(max)
	f.fail(n, err)
	return v
}

// Uint8 returns an unsigned integer that fits 8 bits.
func (f *Fields) Uint8(n uint8) uint8 { return uint8(f.UintMax(n, math.MaxUint8)) }

// Uint16 returns an unsigned integer that fits 16 bits.
func (f *Fields) Uint16(n uint8) uint16 { return uint16(f.UintMax(n, math.MaxUint16)) }

// Uint32 returns an unsigned integer that fits 32 bits.
func (f *Fields) Uint32(n uint8) uint32 { return uint32(f.UintMax(n, math.MaxUint32)) }

// Uint64 returns an unsigned integer.
func (f *Fields) Uint64(n uint8) uint64 { return f.UintMax(n, math.MaxUint64) }

// OptionalUint returns an unsigned integer of at most max, and whether the member is there.
func (f *Fields) OptionalUint(n uint8, max uint64) (uint64, bool) {
	if _, ok := f.Optional(n); !ok {
		return 0, false
	}
	return f.UintMax(n, max), f.err == nil
}

// Int returns a signed integer from min to max.
func (f *Fields) Int(n uint8, min, max int64) int64 {
	m := f.Element(n)
	if f.err != nil {
		return 0
	}
	v, err := m.IntRange(min, max)
	f.fail(n, err)
	return v
}

// Bool returns a boolean.
func (f *Fields) Bool(n uint8) bool {
	m := f.Element(n)
	if f.err != nil {
		return false
	}
	v, err := m.Bool()
	f.fail(n, err)
	return v && err == nil
}

// OptionalBool returns a boolean, or def when the member is not there.
func (f *Fields) OptionalBool(n uint8, def bool) bool {
	if _, ok := f.Optional(n); !ok {
		return def
	}
	return f.Bool(n)
}

// Octets returns a copy of an octet string of min to max octets.
func (f *Fields) Octets(n uint8, min, max int) []byte {
	m := f.Element(n)
	if f.err != nil {
		return nil
	}
	b, err := m.OctetsSize(min, max)
	f.fail(n, err)
	return append([]byte(nil), b...)
}

// OptionalOctets returns a copy of an octet string of min to max octets, and whether the member is there.
func (f *Fields) OptionalOctets(n uint8, min, max int) ([]byte, bool) {
	if _, ok := f.Optional(n); !ok {
		return nil, false
	}
	return f.Octets(n, min, max), f.err == nil
}

// Text returns a string of at most max octets.
func (f *Fields) Text(n uint8, max int) string {
	m := f.Element(n)
	if f.err != nil {
		return ""
	}
	s, err := m.Text()
	if err == nil && len(s) > max {
		err = fmt.Errorf("%w: text of %d octets, over %d", ErrType, len(s), max)
	}
	f.fail(n, err)
	return s
}

// OptionalText returns a string of at most max octets, and whether the member is there.
func (f *Fields) OptionalText(n uint8, max int) (string, bool) {
	if _, ok := f.Optional(n); !ok {
		return "", false
	}
	return f.Text(n, max), f.err == nil
}

// Struct reads a member that is a structure.
func (f *Fields) Struct(n uint8) *Fields {
	m := f.Element(n)
	if f.err != nil {
		return &Fields{err: f.err}
	}
	inner := OpenStruct(m)
	f.fail(n, inner.err)
	return inner
}

// Array returns a member that is an array.
func (f *Fields) Array(n uint8) Element {
	m := f.Element(n)
	if f.err == nil {
		f.fail(n, m.want(TypeArray))
	}
	return m
}
