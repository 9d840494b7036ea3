package tlv

import "fmt"

// Type is what an element holds, without the width of its encoding.
type Type uint8

// The types of an element. The zero value is no type at all.
const (
	TypeNone Type = iota
	TypeInt
	TypeUint
	TypeBool
	TypeFloat32
	TypeFloat64
	TypeText
	TypeOctets
	TypeNull
	TypeStruct
	TypeArray
	TypeList
)

// String names the type as the specification does.
func (t Type) String() string {
	names := [...]string{"none", "signed integer", "unsigned integer", "boolean", "float", "double", "string", "octet string", "null",
		"structure", "array", "list"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type(%d)", uint8(t))
}

// Container says whether elements of this type hold other elements.
func (t Type) Container() bool { return t == TypeStruct || t == TypeArray || t == TypeList }

// Element types on the wire: the lower five bits of the control octet (Matter 1.4 A.7.1).
const (
	wireInt     = 0x00
	wireUint    = 0x04
	wireFalse   = 0x08
	wireTrue    = 0x09
	wireFloat32 = 0x0A
	wireFloat64 = 0x0B
	wireText    = 0x0C
	wireOctets  = 0x10
	wireNull    = 0x14
	wireStruct  = 0x15
	wireArray   = 0x16
	wireList    = 0x17
	wireEnd     = 0x18
	wireMask    = 0x1F
)

// Tag forms on the wire: the upper three bits of the control octet (Matter 1.4 A.7.2).
const (
	formAnonymous = iota
	formContext
	formCommon2
	formCommon4
	formImplicit2
	formImplicit4
	formFull6
	formFull8
)

type tagKind uint8

const (
	kindAnonymous tagKind = iota
	kindContext
	kindCommon
	kindImplicit
	kindFull
)

// Tag names an element inside its container. Tags compare with ==; the zero value is the anonymous tag.
type Tag struct {
	kind    tagKind
	vendor  uint16
	profile uint16
	number  uint32
}

// Anonymous is the tag of an element that has none: the members of an array, and most top-level elements.
func Anonymous() Tag { return Tag{} }

// Context is a tag whose meaning comes from the structure or list around it.
func Context(n uint8) Tag { return Tag{kind: kindContext, number: uint32(n)} }

// CommonProfile is a tag of the Matter common profile.
func CommonProfile(n uint32) Tag { return Tag{kind: kindCommon, number: n} }

// ImplicitProfile is a tag of a profile that both sides know from elsewhere.
func ImplicitProfile(n uint32) Tag { return Tag{kind: kindImplicit, number: n} }

// FullyQualified is a tag of a vendor's profile.
func FullyQualified(vendor, profile uint16, n uint32) Tag {
	return Tag{kind: kindFull, vendor: vendor, profile: profile, number: n}
}

// IsAnonymous says whether the element has no tag.
func (t Tag) IsAnonymous() bool { return t.kind == kindAnonymous }

// ContextNumber returns the number of a context tag, and false for every other tag.
func (t Tag) ContextNumber() (uint8, bool) { return uint8(t.number), t.kind == kindContext }

// String shows the tag for messages.
func (t Tag) String() string {
	switch t.kind {
	case kindAnonymous:
		return "anonymous"
	case kindContext:
		return fmt.Sprintf("context %d", t.number)
	case kindCommon:
		return fmt.Sprintf("common %d", t.number)
	case kindImplicit:
		return fmt.Sprintf("implicit %d", t.number)
	default:
		return fmt.Sprintf("%04x:%04x:%d", t.vendor, t.profile, t.number)
	}
}

// size is how many octets the tag takes after the control octet, for each form.
func tagSize(form byte) int {
	return [...]int{0, 1, 2, 4, 2, 4, 6, 8}[form&7]
}
