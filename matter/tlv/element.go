package tlv

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// ErrType is returned when an element is not of the type, or not in the range, that was asked for.
var ErrType = errors.New("tlv: element of another type")

// Element is one decoded element. It points into the encoding it came from, which must not change. The zero value
// has TypeNone.
type Element struct {
	tag  Tag
	typ  Type
	num  uint64
	data []byte
	raw  []byte
}

// Tag returns the element's tag.
func (e Element) Tag() Tag { return e.tag }

// Type returns what the element holds.
func (e Element) Type() Type { return e.typ }

// Raw returns the whole element as encoded, with tag and length.
func (e Element) Raw() []byte { return e.raw }

// IsNull says whether the element is null.
func (e Element) IsNull() bool { return e.typ == TypeNull }

func (e Element) want(t Type) error {
	if e.typ == t {
		return nil
	}
	return fmt.Errorf("%w: %s where %s is expected", ErrType, e.typ, t)
}

// Int returns a signed integer.
func (e Element) Int() (int64, error) { return int64(e.num), e.want(TypeInt) }

// Uint returns an unsigned integer.
func (e Element) Uint() (uint64, error) { return e.num, e.want(TypeUint) }

// UintMax returns an unsigned integer that is at most max.
func (e Element) UintMax(max uint64) (uint64, error) {
	if err := e.want(TypeUint); err != nil {
		return 0, err
	}
	if e.num > max {
		return 0, fmt.Errorf("%w: %d is over %d", ErrType, e.num, max)
	}
	return e.num, nil
}

// IntRange returns a signed integer from min to max.
func (e Element) IntRange(min, max int64) (int64, error) {
	if err := e.want(TypeInt); err != nil {
		return 0, err
	}
	if v := int64(e.num); v < min || v > max {
		return 0, fmt.Errorf("%w: %d is not from %d to %d", ErrType, v, min, max)
	}
	return int64(e.num), nil
}

// Bool returns a boolean.
func (e Element) Bool() (bool, error) { return e.num == 1, e.want(TypeBool) }

// Float returns a single or double precision number.
func (e Element) Float() (float64, error) {
	if e.typ == TypeFloat32 {
		return float64(math.Float32frombits(uint32(e.num))), nil
	}
	return math.Float64frombits(e.num), e.want(TypeFloat64)
}

// Text returns a string, which is valid UTF-8.
func (e Element) Text() (string, error) {
	if err := e.want(TypeText); err != nil {
		return "", err
	}
	return string(e.data), nil
}

// Octets returns an octet string. It is a part of the encoding: copy it to keep it.
func (e Element) Octets() ([]byte, error) {
	if err := e.want(TypeOctets); err != nil {
		return nil, err
	}
	return e.data, nil
}

// OctetsSize returns an octet string of min to max octets, a part of the encoding.
func (e Element) OctetsSize(min, max int) ([]byte, error) {
	b, err := e.Octets()
	if err != nil {
		return nil, err
	}
	if len(b) < min || len(b) > max {
		return nil, fmt.Errorf("%w: %d octets, not %d to %d", ErrType, len(b), min, max)
	}
	return b, nil
}

// Members goes through the members of a structure, array or list; every other element has none.
func (e Element) Members() iter.Seq[Element] {
	return func(yield func(Element) bool) {
		if !e.typ.Container() {
			return
		}
		for rest := e.data; len(rest) > 0; {
			m, n := view(rest)
			if n == 0 || !yield(m) {
				return
			}
			rest = rest[n:]
		}
	}
}

// Count is the number of members.
func (e Element) Count() int {
	n := 0
	for range e.Members() {
		n++
	}
	return n
}

// Member returns the first member with the tag.
func (e Element) Member(t Tag) (Element, bool) {
	for m := range e.Members() {
		if m.tag == t {
			return m, true
		}
	}
	return Element{}, false
}

// view reads one element that was checked before and returns its size; 0 if it is not whole.
func view(b []byte) (Element, int) {
	h, ok := parseHead(b)
	if !ok {
		return Element{}, 0
	}
	e := Element{tag: h.tag, typ: h.typ, num: h.num}
	end := h.size
	if !h.typ.Container() {
		e.data = b[h.size : h.size+h.length]
		end += h.length
	} else {
		body := bodySize(b[h.size:])
		if body < 0 {
			return Element{}, 0
		}
		e.data = b[h.size : h.size+body]
		end += body + 1
	}
	e.raw = b[:end]
	return e, end
}

// bodySize is the size of a container's members up to its end octet; -1 if there is none.
func bodySize(b []byte) int {
	depth, at := 1, 0
	for at < len(b) {
		if b[at] == wireEnd {
			if depth--; depth == 0 {
				return at
			}
			at++
			continue
		}
		h, ok := parseHead(b[at:])
		if !ok {
			return -1
		}
		if h.typ.Container() {
			depth++
		}
		at += h.size + h.length
	}
	return -1
}
