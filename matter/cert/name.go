package cert

import (
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/loquet/loquet/matter/tlv"
)

// Attributes of a distinguished name: the Matter specific ones by their context tag (Matter 1.4 6.5.6).
const (
	AttrCommonName uint8 = 1
	AttrDomain     uint8 = 16
	AttrNodeID     uint8 = 17
	AttrFirmware   uint8 = 18
	AttrICACID     uint8 = 19
	AttrRCACID     uint8 = 20
	AttrFabricID   uint8 = 21
	AttrCAT        uint8 = 22
	AttrVVSID      uint8 = 23
	lastText       uint8 = 16
	printable      uint8 = 0x80
	lastPrintable  uint8 = 0x80 | 15
)

// maxRDNs is how many parts a name may have (Matter 1.4 6.5.6.3).
const maxRDNs = 5

// Attribute is one part of a name: a number for the Matter specific ones, else a text.
type Attribute struct {
	Tag    uint8 // with the upper bit set for a text that is a PrintableString
	Number uint64
	Text   string
}

// Name is a distinguished name; the order is part of what is signed.
type Name []Attribute

func numeric(tag uint8) bool { return tag >= AttrNodeID && tag <= AttrVVSID }

// width is how many hexadecimal digits an attribute has in X.509.
func width(tag uint8) int {
	if tag == AttrFirmware || tag == AttrCAT {
		return 8
	}
	return 16
}

// Values returns the numbers of all attributes with a tag.
func (n Name) Values(tag uint8) []uint64 {
	var v []uint64
	for _, a := range n {
		if a.Tag == tag {
			v = append(v, a.Number)
		}
	}
	return v
}

// one returns the number of the only attribute with the tag.
func (n Name) one(tag uint8) (uint64, bool) {
	v := n.Values(tag)
	if len(v) != 1 {
		return 0, false
	}
	return v[0], true
}

func (n Name) equal(m Name) bool {
	if len(n) != len(m) {
		return false
	}
	for i := range n {
		if n[i] != m[i] {
			return false
		}
	}
	return true
}

func readName(e tlv.Element) (Name, error) {
	if e.Type() != tlv.TypeList {
		return nil, fmt.Errorf("%w: a name is a list", ErrFormat)
	}
	var n Name
	for m := range e.Members() {
		tag, ok := m.Tag().ContextNumber()
		if !ok || len(n) == maxRDNs {
			return nil, fmt.Errorf("%w: name", ErrFormat)
		}
		a := Attribute{Tag: tag}
		var err error
		switch {
		case numeric(tag) && width(tag) == 8:
			a.Number, err = m.UintMax(math.MaxUint32)
		case numeric(tag):
			a.Number, err = m.Uint()
		case tag >= 1 && tag <= lastText, tag > printable && tag <= lastPrintable:
			a.Text, err = m.Text()
		default:
			err = fmt.Errorf("%w: attribute %d", ErrFormat, tag)
		}
		if err != nil {
			return nil, err
		}
		n = append(n, a)
	}
	if len(n) == 0 {
		return nil, fmt.Errorf("%w: empty name", ErrFormat)
	}
	return n, nil
}

func (n Name) write(w *tlv.Writer, tag tlv.Tag) {
	w.List(tag)
	for _, a := range n {
		if numeric(a.Tag) {
			w.Uint(tlv.Context(a.Tag), a.Number)
		} else {
			w.Text(tlv.Context(a.Tag), a.Text)
		}
	}
	w.End()
}

// textOIDs are the object identifiers of the attributes 1 to 16, in DER.
func textOID(tag uint8) ([]byte, bool) {
	last := [...]byte{3, 4, 5, 6, 7, 8, 10, 11, 12, 41, 42, 43, 44, 46, 65}
	switch tag &^= printable; {
	case tag >= 1 && int(tag) <= len(last):
		return []byte{0x55, 0x04, last[tag-1]}, true
	case tag == AttrDomain:
		return []byte{0x09, 0x92, 0x26, 0x89, 0x93, 0xF2, 0x2C, 0x64, 0x01, 0x19}, true
	}
	return nil, false
}

// matterOID is the object identifier 1.3.6.1.4.1.37244.1.n, in DER.
func matterOID(n uint8) []byte {
	return []byte{0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xA2, 0x7C, 0x01, n}
}

// der encodes the name. Every attribute is a set of its own.
func (n Name) der() []byte {
	var sets []byte
	for _, a := range n {
		var oid, value []byte
		switch {
		case numeric(a.Tag):
			oid = matterOID(a.Tag - AttrNodeID + 1)
			value = wrap(tagUTF8, fmt.Appendf(nil, "%0*X", width(a.Tag), a.Number))
		case a.Tag == AttrDomain:
			oid, _ = textOID(a.Tag)
			value = wrap(tagIA5, []byte(a.Text))
		case a.Tag&printable != 0:
			oid, _ = textOID(a.Tag)
			value = wrap(tagPrintable, []byte(a.Text))
		default:
			oid, _ = textOID(a.Tag)
			value = wrap(tagUTF8, []byte(a.Text))
		}
		sets = append(sets, wrap(tagSet, wrap(tagSequence, wrap(tagOID, oid), value))...)
	}
	return wrap(tagSequence, sets)
}

// parseNameValue reads the value of an attribute in X.509.
func parseAttribute(oid []byte, tag byte, value []byte) (Attribute, error) {
	bad := fmt.Errorf("%w: attribute of a name", ErrFormat)
	for t := AttrNodeID; t <= AttrVVSID; t++ {
		if string(oid) != string(matterOID(t-AttrNodeID+1)) {
			continue
		}
		if len(value) != width(t) || (tag != tagUTF8 && tag != tagPrintable) {
			return Attribute{}, bad
		}
		v, ok := parseHex(value)
		if !ok {
			return Attribute{}, bad
		}
		return Attribute{Tag: t, Number: v}, nil
	}
	for t := AttrCommonName; t <= lastText; t++ {
		if want, _ := textOID(t); string(oid) != string(want) || !utf8.Valid(value) {
			continue
		}
		switch {
		case t == AttrDomain && tag == tagIA5, t != AttrDomain && tag == tagUTF8:
			return Attribute{Tag: t, Text: string(value)}, nil
		case t != AttrDomain && tag == tagPrintable:
			return Attribute{Tag: t | printable, Text: string(value)}, nil
		}
	}
	return Attribute{}, bad
}

// parseHex reads upper-case digits only, because the name is compared octet by octet.
func parseHex(b []byte) (v uint64, ok bool) {
	for _, c := range b {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'A' && c <= 'F':
			v = v<<4 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, true
}
