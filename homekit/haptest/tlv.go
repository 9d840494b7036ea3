package haptest

import (
	"errors"
	"fmt"
)

// Types of the pairing TLVs.
const (
	Method      = 0x00
	Identifier  = 0x01
	Salt        = 0x02
	PublicKey   = 0x03
	Proof       = 0x04
	Encrypted   = 0x05
	State       = 0x06
	ErrorCode   = 0x07
	Signature   = 0x0A
	Permissions = 0x0B
	Separator   = 0xFF
)

// TLV is a record: the values by type.
type TLV map[byte][]byte

// Item is one item to encode.
type Item struct {
	Type  byte
	Value []byte
}

// B is an item of one byte.
func B(typ, value byte) Item { return Item{typ, []byte{value}} }

// Encode writes items in order, long ones in fragments.
func Encode(items ...Item) []byte {
	var b []byte
	for _, it := range items {
		v := it.Value
		for len(v) > 255 {
			b = append(append(b, it.Type, 255), v[:255]...)
			v = v[255:]
		}
		b = append(append(b, it.Type, byte(len(v))), v...)
	}
	return b
}

var errTLV = errors.New("haptest: malformed tlv8")

// DecodeList reads records that are separated by empty items of type FF, strictly.
func DecodeList(b []byte) ([]TLV, error) {
	records := []TLV{{}}
	last, lastLen := -1, 0
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return nil, fmt.Errorf("%w: cut", errTLV)
		}
		typ, v := b[0], b[2:2+int(b[1])]
		b = b[2+len(v):]
		now := records[len(records)-1]
		switch {
		case typ == Separator:
			if len(v) != 0 || len(now) == 0 || len(b) == 0 {
				return nil, fmt.Errorf("%w: separator", errTLV)
			}
			records = append(records, TLV{})
			last = -1
			continue
		case int(typ) == last:
			if lastLen != 255 || len(v) == 0 {
				return nil, fmt.Errorf("%w: fragment of type %d", errTLV, typ)
			}
		case now[typ] != nil:
			return nil, fmt.Errorf("%w: type %d twice", errTLV, typ)
		}
		now[typ] = append(append([]byte{}, now[typ]...), v...)
		last, lastLen = int(typ), len(v)
	}
	return records, nil
}

// Decode reads one record.
func Decode(b []byte) (TLV, error) {
	records, err := DecodeList(b)
	if err != nil {
		return nil, err
	}
	if len(records) != 1 {
		return nil, fmt.Errorf("%w: %d records", errTLV, len(records))
	}
	return records[0], nil
}

// PairingError is an error that the server answered a pairing message with.
type PairingError struct {
	State byte // of the answer
	Code  byte // 1 unknown, 2 authentication, 4 max peers, 5 max tries, 6 unavailable, 7 busy
	HTTP  int
}

func (e *PairingError) Error() string {
	return fmt.Sprintf("haptest: pairing error %d in state %d (HTTP %d)", e.Code, e.State, e.HTTP)
}

// Pair posts a TLV message and reads its answer, whose state must be the request's plus one.
func (c *Client) Pair(path string, items ...Item) (TLV, error) {
	body := Encode(items...)
	r, err := c.Do("POST", path, "application/pairing+tlv8", body)
	if err != nil {
		return nil, err
	}
	return answerTLV(r, items)
}

func answerTLV(r *Response, items []Item) (TLV, error) {
	if r.Status != 200 && len(r.Body) == 0 {
		return nil, &PairingError{HTTP: r.Status}
	}
	if r.Type != "application/pairing+tlv8" {
		return nil, fmt.Errorf("%w: content type %q", ErrStream, r.Type)
	}
	records, err := DecodeList(r.Body)
	if err != nil {
		return nil, err
	}
	t := records[0]
	if len(t[State]) != 1 {
		return nil, fmt.Errorf("%w: no state", errTLV)
	}
	if code, ok := t[ErrorCode]; ok {
		if len(code) != 1 || len(t) != 2 || len(records) != 1 {
			return nil, fmt.Errorf("%w: an error answer with other items", errTLV)
		}
		return nil, &PairingError{State: t[State][0], Code: code[0], HTTP: r.Status}
	}
	for _, it := range items {
		if it.Type == State && len(it.Value) == 1 && t[State][0] != it.Value[0]+1 {
			return nil, fmt.Errorf("%w: state %d answers %d", errTLV, t[State][0], it.Value[0])
		}
	}
	if r.Status != 200 {
		return nil, &PairingError{State: t[State][0], HTTP: r.Status}
	}
	return t, nil
}
