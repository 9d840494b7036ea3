package tlv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"
)

// ErrMisuse is returned by Finish when the calls made do not form a valid encoding.
var ErrMisuse = errors.New("tlv: invalid sequence of elements")

// Writer appends elements to a byte slice. Integers and lengths take their shortest form. A wrong call (an anonymous
// member of a structure, an End too many) is remembered and returned by Finish. The zero value is ready to use.
type Writer struct {
	buf  []byte
	open []Type
	err  error
}

// NewWriter returns a writer that appends to buf, which may be nil.
func NewWriter(buf []byte) *Writer { return &Writer{buf: buf} }

// Finish returns what was written, or ErrMisuse when a container is still open or a call was wrong.
func (w *Writer) Finish() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	if len(w.open) > 0 {
		return nil, fmt.Errorf("%w: %d containers are open", ErrMisuse, len(w.open))
	}
	return w.buf, nil
}

// Len is the number of octets written so far, without the ends of open containers.
func (w *Writer) Len() int { return len(w.buf) }

// Depth is the number of open containers: as many octets are still needed to close them.
func (w *Writer) Depth() int { return len(w.open) }

// Mark is a place to which a writer can go back.
type Mark struct{ size, depth int }

// Mark returns the present place.
func (w *Writer) Mark() Mark { return Mark{len(w.buf), len(w.open)} }

// Rewind forgets everything written since the mark, which must have been taken in a container that is still open. It
// serves messages that are filled until they are full.
func (w *Writer) Rewind(m Mark) {
	if m.size > len(w.buf) || m.depth > len(w.open) {
		w.misuse("rewind to a place that is gone")
		return
	}
	w.buf, w.open = w.buf[:m.size], w.open[:m.depth]
}

func (w *Writer) misuse(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: "+format, append([]any{ErrMisuse}, args...)...)
	}
}

func (w *Writer) head(t Tag, wire byte) {
	if n := len(w.open); n > 0 {
		switch parent := w.open[n-1]; {
		case parent == TypeStruct && t.IsAnonymous():
			w.misuse("anonymous member of a structure")
		case parent == TypeArray && !t.IsAnonymous():
			w.misuse("tag %s in an array", t)
		}
	}
	w.buf = appendHead(w.buf, t, wire)
}

func appendHead(b []byte, t Tag, wire byte) []byte {
	le := binary.LittleEndian
	short := t.number <= math.MaxUint16
	form := func(f byte) byte { return f<<5 | wire }
	switch {
	case t.kind == kindAnonymous:
		return append(b, form(formAnonymous))
	case t.kind == kindContext:
		return append(b, form(formContext), byte(t.number))
	case t.kind == kindCommon && short:
		return le.AppendUint16(append(b, form(formCommon2)), uint16(t.number))
	case t.kind == kindCommon:
		return le.AppendUint32(append(b, form(formCommon4)), t.number)
	case t.kind == kindImplicit && short:
		return le.AppendUint16(append(b, form(formImplicit2)), uint16(t.number))
	case t.kind == kindImplicit:
		return le.AppendUint32(append(b, form(formImplicit4)), t.number)
	}
	f := byte(formFull8)
	if short {
		f = formFull6
	}
	b = le.AppendUint16(append(b, form(f)), t.vendor)
	b = le.AppendUint16(b, t.profile)
	if short {
		return le.AppendUint16(b, uint16(t.number))
	}
	return le.AppendUint32(b, t.number)
}

// Int writes a signed integer.
func (w *Writer) Int(t Tag, v int64) {
	switch {
	case v >= math.MinInt8 && v <= math.MaxInt8:
		w.number(t, wireInt, 0, uint64(v))
	case v >= math.MinInt16 && v <= math.MaxInt16:
		w.number(t, wireInt, 1, uint64(v))
	case v >= math.MinInt32 && v <= math.MaxInt32:
		w.number(t, wireInt, 2, uint64(v))
	default:
		w.number(t, wireInt, 3, uint64(v))
	}
}

// Uint writes an unsigned integer.
func (w *Writer) Uint(t Tag, v uint64) { w.number(t, wireUint, width(v), v) }

// width is the exponent of the shortest form of v: 0 for one octet, 3 for eight.
func width(v uint64) byte {
	switch {
	case v <= math.MaxUint8:
		return 0
	case v <= math.MaxUint16:
		return 1
	case v <= math.MaxUint32:
		return 2
	}
	return 3
}

func (w *Writer) number(t Tag, wire, exp byte, v uint64) {
	w.head(t, wire|exp)
	w.buf = appendNumber(w.buf, exp, v)
}

func appendNumber(b []byte, exp byte, v uint64) []byte {
	for range 1 << exp {
		b = append(b, byte(v))
		v >>= 8
	}
	return b
}

// Bool writes a boolean.
func (w *Writer) Bool(t Tag, v bool) {
	if v {
		w.head(t, wireTrue)
		return
	}
	w.head(t, wireFalse)
}

// Float32 writes a single precision number.
func (w *Writer) Float32(t Tag, v float32) {
	w.head(t, wireFloat32)
	w.buf = binary.LittleEndian.AppendUint32(w.buf, math.Float32bits(v))
}

// Float64 writes a double precision number.
func (w *Writer) Float64(t Tag, v float64) {
	w.head(t, wireFloat64)
	w.buf = binary.LittleEndian.AppendUint64(w.buf, math.Float64bits(v))
}

// Text writes a UTF-8 string.
func (w *Writer) Text(t Tag, s string) {
	if !utf8.ValidString(s) {
		w.misuse("text is not UTF-8")
	}
	exp := width(uint64(len(s)))
	w.head(t, wireText|exp)
	w.buf = append(appendNumber(w.buf, exp, uint64(len(s))), s...)
}

// Octets writes an octet string.
func (w *Writer) Octets(t Tag, b []byte) {
	exp := width(uint64(len(b)))
	w.head(t, wireOctets|exp)
	w.buf = append(appendNumber(w.buf, exp, uint64(len(b))), b...)
}

// Null writes null.
func (w *Writer) Null(t Tag) { w.head(t, wireNull) }

// Struct opens a structure; its members need tags. End closes it.
func (w *Writer) Struct(t Tag) { w.container(t, wireStruct, TypeStruct) }

// Array opens an array; its members have no tags. End closes it.
func (w *Writer) Array(t Tag) { w.container(t, wireArray, TypeArray) }

// List opens a list; its members may have tags. End closes it.
func (w *Writer) List(t Tag) { w.container(t, wireList, TypeList) }

func (w *Writer) container(t Tag, wire byte, typ Type) {
	w.head(t, wire)
	w.open = append(w.open, typ)
}

// End closes the container that was opened last.
func (w *Writer) End() {
	if len(w.open) == 0 {
		w.misuse("end without a container")
		return
	}
	w.open = w.open[:len(w.open)-1]
	w.buf = append(w.buf, wireEnd)
}

// Element writes a decoded element again, under another tag.
func (w *Writer) Element(t Tag, e Element) {
	if len(e.raw) == 0 {
		w.misuse("an element that was never decoded")
		return
	}
	control := e.raw[0]
	w.head(t, control&wireMask)
	w.buf = append(w.buf, e.raw[1+tagSize(control>>5):]...)
}
