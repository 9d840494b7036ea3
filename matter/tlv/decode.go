package tlv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrEncoding is returned when octets are not a valid encoding.
var ErrEncoding = errors.New("tlv: invalid encoding")

// ErrLimit is returned when an encoding is larger, deeper or has more elements than allowed.
var ErrLimit = errors.New("tlv: encoding over the limit")

// Limits bound what Decode accepts.
type Limits struct {
	Size     int // octets
	Depth    int // containers inside each other
	Elements int // elements in all
}

// DefaultLimits fit every message of the interaction model over UDP, with room for payloads over TCP.
func DefaultLimits() Limits { return Limits{Size: 64 << 10, Depth: 16, Elements: 8192} }

// Decode reads exactly one element, with nothing after it, within the default limits.
func Decode(b []byte) (Element, error) { return DecodeLimits(b, DefaultLimits()) }

// DecodeLimits is Decode with limits of the caller's choice. Members of a structure must have tags, each once;
// members of an array must have none; text must be UTF-8.
func DecodeLimits(b []byte, l Limits) (Element, error) {
	if len(b) > l.Size {
		return Element{}, fmt.Errorf("%w: %d octets", ErrLimit, len(b))
	}
	c := checker{limits: l}
	n, err := c.check(b)
	if err != nil {
		return Element{}, err
	}
	if n != len(b) {
		return Element{}, fmt.Errorf("%w: %d octets after the element", ErrEncoding, len(b)-n)
	}
	e, _ := view(b)
	return e, nil
}

type head struct {
	tag    Tag
	typ    Type
	num    uint64 // integers, booleans, floats
	length int    // octets of text and octet strings after the head
	size   int    // octets of the head: control, tag, number or length
}

// parseHead reads the head of one element and says whether the head and its octets are all there. An end octet is
// no head.
func parseHead(b []byte) (head, bool) {
	if len(b) == 0 {
		return head{}, false
	}
	form, wire := b[0]>>5, b[0]&wireMask
	at := 1 + tagSize(form)
	if len(b) < at {
		return head{}, false
	}
	h := head{tag: parseTag(form, b[1:at]), size: at}
	switch {
	case wire < wireUint:
		return h.number(b, TypeInt, wire&3)
	case wire < wireFalse:
		return h.number(b, TypeUint, wire&3)
	case wire == wireFalse, wire == wireTrue:
		h.typ, h.num = TypeBool, uint64(wire-wireFalse)
		return h, true
	case wire == wireFloat32:
		return h.number(b, TypeFloat32, 2)
	case wire == wireFloat64:
		return h.number(b, TypeFloat64, 3)
	case wire < wireOctets:
		return h.str(b, TypeText, wire&3)
	case wire < wireNull:
		return h.str(b, TypeOctets, wire&3)
	case wire == wireNull:
		h.typ = TypeNull
		return h, true
	case wire <= wireList:
		h.typ = TypeStruct + Type(wire-wireStruct)
		return h, true
	}
	return head{}, false
}

func parseTag(form byte, b []byte) Tag {
	le := binary.LittleEndian
	switch form {
	case formContext:
		return Context(b[0])
	case formCommon2:
		return CommonProfile(uint32(le.Uint16(b)))
	case formCommon4:
		return CommonProfile(le.Uint32(b))
	case formImplicit2:
		return ImplicitProfile(uint32(le.Uint16(b)))
	case formImplicit4:
		return ImplicitProfile(le.Uint32(b))
	case formFull6:
		return FullyQualified(le.Uint16(b), le.Uint16(b[2:]), uint32(le.Uint16(b[4:])))
	case formFull8:
		return FullyQualified(le.Uint16(b), le.Uint16(b[2:]), le.Uint32(b[4:]))
	}
	return Anonymous()
}

func (h head) number(b []byte, typ Type, exp byte) (head, bool) {
	n := 1 << exp
	if len(b) < h.size+n {
		return head{}, false
	}
	h.typ = typ
	for i := n - 1; i >= 0; i-- {
		h.num = h.num<<8 | uint64(b[h.size+i])
	}
	if shift := 64 - 8*n; typ == TypeInt {
		h.num = uint64(int64(h.num<<shift) >> shift)
	}
	h.size += n
	return h, true
}

func (h head) str(b []byte, typ Type, exp byte) (head, bool) {
	g, ok := h.number(b, typ, exp)
	if !ok || g.num > uint64(len(b)-g.size) {
		return head{}, false
	}
	g.length, g.num = int(g.num), 0
	return g, true
}

// checker walks an encoding once and holds it against the rules.
type checker struct {
	limits   Limits
	elements int
}

// level is an open container.
type level struct {
	typ     Type
	context [4]uint64    // context tags seen, of a structure
	others  map[Tag]bool // other tags seen, of a structure
}

func (c *checker) check(b []byte) (int, error) {
	var open []level
	at := 0
	for {
		if len(open) > 0 && at < len(b) && b[at] == wireEnd {
			open = open[:len(open)-1]
			at++
			if len(open) == 0 {
				return at, nil
			}
			continue
		}
		h, ok := parseHead(b[at:])
		if !ok {
			return 0, fmt.Errorf("%w: no whole element at octet %d", ErrEncoding, at)
		}
		if c.elements++; c.elements > c.limits.Elements {
			return 0, fmt.Errorf("%w: over %d elements", ErrLimit, c.limits.Elements)
		}
		if len(open) > 0 {
			if err := open[len(open)-1].admit(h.tag); err != nil {
				return 0, err
			}
		}
		if h.typ == TypeText && !utf8.Valid(b[at+h.size:at+h.size+h.length]) {
			return 0, fmt.Errorf("%w: text is not UTF-8", ErrEncoding)
		}
		at += h.size + h.length
		switch {
		case !h.typ.Container():
			if len(open) == 0 {
				return at, nil
			}
		case len(open) >= c.limits.Depth:
			return 0, fmt.Errorf("%w: over %d containers deep", ErrLimit, c.limits.Depth)
		default:
			open = append(open, level{typ: h.typ})
		}
	}
}

func (l *level) admit(t Tag) error {
	switch {
	case l.typ == TypeList:
		return nil
	case l.typ == TypeArray && !t.IsAnonymous():
		return fmt.Errorf("%w: tag %s in an array", ErrEncoding, t)
	case l.typ == TypeArray:
		return nil
	case t.IsAnonymous():
		return fmt.Errorf("%w: anonymous member of a structure", ErrEncoding)
	}
	if n, ok := t.ContextNumber(); ok {
		word, bit := &l.context[n>>6], uint64(1)<<(n&63)
		if *word&bit != 0 {
			return fmt.Errorf("%w: tag %s twice in a structure", ErrEncoding, t)
		}
		*word |= bit
		return nil
	}
	if l.others[t] {
		return fmt.Errorf("%w: tag %s twice in a structure", ErrEncoding, t)
	}
	if l.others == nil {
		l.others = map[Tag]bool{}
	}
	l.others[t] = true
	return nil
}
