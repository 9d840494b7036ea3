package homekit

import (
	"errors"
	"unicode/utf16"
	"unicode/utf8"
)

var errJSON = errors.New("malformed json")

// jsonDepth bounds nesting: no request of HAP nests deeper than three.
const jsonDepth = 16

// jsonReader reads RFC 8259 strictly and without building a tree: nothing of a request may be guessed, and two parsers
// must not be able to read it in two ways. Duplicate keys are for the callers to refuse.
type jsonReader struct {
	b   []byte
	pos int
}

// kinds of JSON values, by what they begin with.
const (
	jsonNone   = 0
	jsonString = '"'
	jsonNumber = '0'
	jsonTrue   = 't'
	jsonFalse  = 'f'
	jsonNull   = 'n'
	jsonObject = '{'
	jsonArray  = '['
)

// jsonValue is one value: its kind and its text as it stood in the request.
type jsonValue struct {
	kind byte
	raw  []byte
}

func (r *jsonReader) space() {
	for r.pos < len(r.b) {
		switch r.b[r.pos] {
		case ' ', '\t', '\r', '\n':
			r.pos++
		default:
			return
		}
	}
}

// accept takes the byte c if it comes next.
func (r *jsonReader) accept(c byte) bool {
	r.space()
	if r.pos < len(r.b) && r.b[r.pos] == c {
		r.pos++
		return true
	}
	return false
}

func (r *jsonReader) end() bool {
	r.space()
	return r.pos == len(r.b)
}

// object calls field for each key, which must read the value.
func (r *jsonReader) object(field func(key []byte) error) error {
	if !r.accept('{') {
		return errJSON
	}
	if r.accept('}') {
		return nil
	}
	for {
		r.space()
		if r.peek() != '"' {
			return errJSON
		}
		start := r.pos
		if err := r.str(); err != nil {
			return err
		}
		name, err := unquote(r.b[start:r.pos])
		if err == nil && !r.accept(':') {
			err = errJSON
		}
		if err != nil {
			return err
		}
		if err := field(name); err != nil {
			return err
		}
		if r.accept('}') {
			return nil
		}
		if !r.accept(',') {
			return errJSON
		}
	}
}

// array calls element before each element, which must read it.
func (r *jsonReader) array(element func() error) error {
	if !r.accept('[') {
		return errJSON
	}
	if r.accept(']') {
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		if r.accept(']') {
			return nil
		}
		if !r.accept(',') {
			return errJSON
		}
	}
}

// value reads any value, checking all of it.
func (r *jsonReader) value(depth int) (jsonValue, error) {
	r.space()
	if depth == 0 || r.pos == len(r.b) {
		return jsonValue{}, errJSON
	}
	start := r.pos
	kind := r.b[r.pos]
	var err error
	switch kind {
	case '"':
		err = r.str()
	case '{':
		err = r.object(func([]byte) error {
			_, err := r.value(depth - 1)
			return err
		})
	case '[':
		err = r.array(func() error {
			_, err := r.value(depth - 1)
			return err
		})
	case 't':
		err = r.literal("true")
	case 'f':
		err = r.literal("false")
	case 'n':
		err = r.literal("null")
	default:
		kind = jsonNumber
		err = r.number()
	}
	return jsonValue{kind: kind, raw: r.b[start:r.pos]}, err
}

func (r *jsonReader) literal(s string) error {
	if len(r.b)-r.pos < len(s) || string(r.b[r.pos:r.pos+len(s)]) != s {
		return errJSON
	}
	r.pos += len(s)
	return nil
}

func (r *jsonReader) digits() bool {
	start := r.pos
	for r.pos < len(r.b) && r.b[r.pos] >= '0' && r.b[r.pos] <= '9' {
		r.pos++
	}
	return r.pos > start
}

func (r *jsonReader) peek() byte {
	if r.pos < len(r.b) {
		return r.b[r.pos]
	}
	return 0
}

func (r *jsonReader) number() error {
	if r.peek() == '-' {
		r.pos++
	}
	if r.peek() == '0' {
		r.pos++
	} else if !r.digits() {
		return errJSON
	}
	if r.peek() == '.' {
		if r.pos++; !r.digits() {
			return errJSON
		}
	}
	if c := r.peek(); c == 'e' || c == 'E' {
		if r.pos++; r.peek() == '+' || r.peek() == '-' {
			r.pos++
		}
		if !r.digits() {
			return errJSON
		}
	}
	return nil
}

// str reads a string with its quotes: valid UTF-8, no raw control character, known escapes only.
func (r *jsonReader) str() error {
	r.pos++
	for r.pos < len(r.b) {
		switch c := r.b[r.pos]; {
		case c == '"':
			r.pos++
			return nil
		case c < 0x20:
			return errJSON
		case c == '\\':
			if r.pos+1 >= len(r.b) {
				return errJSON
			}
			switch r.b[r.pos+1] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				r.pos += 2
			case 'u':
				if _, ok := hex4(r.b[r.pos+2:]); !ok {
					return errJSON
				}
				r.pos += 6
			default:
				return errJSON
			}
		case c < utf8.RuneSelf:
			r.pos++
		default:
			ru, n := utf8.DecodeRune(r.b[r.pos:])
			if ru == utf8.RuneError && n == 1 {
				return errJSON
			}
			r.pos += n
		}
	}
	return errJSON
}

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var n rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			n = n<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			n = n<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			n = n<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// unquote decodes a string that str has accepted. A lone surrogate is refused: it is no character.
func unquote(raw []byte) ([]byte, error) {
	s := raw[1 : len(raw)-1]
	plain := true
	for _, c := range s {
		if c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			out = append(out, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			ru, _ := hex4(s[i+1:])
			i += 4
			if utf16.IsSurrogate(ru) {
				if len(s) < i+7 || s[i+1] != '\\' || s[i+2] != 'u' {
					return nil, errJSON
				}
				low, _ := hex4(s[i+3:])
				if ru = utf16.DecodeRune(ru, low); ru == utf8.RuneError {
					return nil, errJSON
				}
				i += 6
			}
			out = utf8.AppendRune(out, ru)
		default:
			out = append(out, s[i])
		}
	}
	return out, nil
}

// whole reads an unsigned number without fraction or exponent.
func (v jsonValue) whole() (uint64, bool) {
	n, ok := parseInteger(v)
	return n.mag, ok && !n.neg
}

// flag reads true, false, 1 or 0.
func (v jsonValue) flag() (on, ok bool) {
	switch {
	case v.kind == jsonTrue, v.kind == jsonNumber && string(v.raw) == "1":
		return true, true
	case v.kind == jsonFalse, v.kind == jsonNumber && string(v.raw) == "0":
		return false, true
	}
	return false, false
}
