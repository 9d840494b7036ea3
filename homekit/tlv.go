package homekit

import "errors"

// Types of the pairing TLVs (HAP R2 5.15, table 5-6).
const (
	tlvMethod      = 0x00
	tlvIdentifier  = 0x01
	tlvSalt        = 0x02
	tlvPublicKey   = 0x03
	tlvProof       = 0x04
	tlvEncrypted   = 0x05
	tlvState       = 0x06
	tlvError       = 0x07
	tlvSignature   = 0x0A
	tlvPermissions = 0x0B
	tlvSeparator   = 0xFF
)

// Errors that a pairing answer can carry (HAP R2 5.15, table 5-5).
const (
	pairErrUnknown     = 1
	pairErrAuth        = 2
	pairErrMaxPeers    = 4
	pairErrMaxTries    = 5
	pairErrUnavailable = 6
	pairErrBusy        = 7
)

var errTLV = errors.New("malformed tlv8")

// tlvItem is one item, its fragments joined.
type tlvItem struct {
	typ byte
	val []byte
}

// tlvItems is a parsed message. Each type stands in it once.
type tlvItems []tlvItem

// parseTLV reads one message strictly, as the HomeKit ADK does: a cut header or body, a continuation after a fragment
// shorter than 255 bytes, an empty continuation and a second item of a type are errors. Values alias b unless they
// came in fragments. A separator has no place in a request and is refused too.
func parseTLV(b []byte) (tlvItems, error) {
	items := make(tlvItems, 0, 8)
	last := -1 // length of the fragment before, -1 at the start
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return nil, errTLV
		}
		typ, val := b[0], b[2:2+int(b[1])]
		b = b[2+len(val):]
		if typ == tlvSeparator {
			return nil, errTLV
		}
		if n := len(items); n > 0 && items[n-1].typ == typ {
			if last < 255 || len(val) == 0 {
				return nil, errTLV
			}
			joined := items[n-1].val
			items[n-1].val = append(joined[:len(joined):len(joined)], val...)
		} else {
			if _, seen := items.get(typ); seen {
				return nil, errTLV
			}
			items = append(items, tlvItem{typ, val})
		}
		last = len(val)
	}
	return items, nil
}

// validTLV reports whether b is well-formed tlv8 as a characteristic may carry it. Unlike a pairing message it may
// repeat types, because lists separate their elements with an empty item.
func validTLV(b []byte) bool {
	for len(b) > 0 {
		if len(b) < 2 || len(b) < 2+int(b[1]) {
			return false
		}
		b = b[2+int(b[1]):]
	}
	return true
}

func (t tlvItems) get(typ byte) ([]byte, bool) {
	for i := range t {
		if t[i].typ == typ {
			return t[i].val, true
		}
	}
	return nil, false
}

// octet returns the value of an item that must be exactly one byte, as State and Method are.
func (t tlvItems) octet(typ byte) (byte, bool) {
	v, ok := t.get(typ)
	if !ok || len(v) != 1 {
		return 0, false
	}
	return v[0], true
}

// sized returns the value of an item that must have exactly n bytes.
func (t tlvItems) sized(typ byte, n int) ([]byte, bool) {
	v, ok := t.get(typ)
	return v, ok && len(v) == n
}

// appendTLV writes one item, in fragments of 255 bytes where it must. An item whose length is a multiple of 255 ends
// with a full fragment: an empty continuation would be malformed.
func appendTLV(dst []byte, typ byte, val []byte) []byte {
	for len(val) > 255 {
		dst = append(dst, typ, 255)
		dst = append(dst, val[:255]...)
		val = val[255:]
	}
	dst = append(dst, typ, byte(len(val)))
	return append(dst, val...)
}

func appendTLVByte(dst []byte, typ, val byte) []byte { return append(dst, typ, 1, val) }
