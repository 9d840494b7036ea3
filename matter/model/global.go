package model

import "github.com/loquet/loquet/matter/tlv"

// The global attributes every cluster has (Matter 1.4 section 7.13).
const (
	GeneratedCommandList uint32 = 0xFFF8
	AcceptedCommandList  uint32 = 0xFFF9
	AttributeList        uint32 = 0xFFFB
	FeatureMap           uint32 = 0xFFFC
	ClusterRevision      uint32 = 0xFFFD

	firstGlobal = GeneratedCommandList
)

// Globals returns the global attributes in order.
func Globals() [5]uint32 {
	return [...]uint32{GeneratedCommandList, AcceptedCommandList, AttributeList, FeatureMap, ClusterRevision}
}

func globalAttribute(id uint32) (Attribute, bool) {
	for _, g := range Globals() {
		if g == id {
			return Attribute{ID: id, Read: View}, true
		}
	}
	return Attribute{}, false
}

// Read encodes an attribute of a cluster, also a global one, under a tag. The attribute exists.
func Read(c Cluster, caller *Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	class := c.Class()
	switch id {
	case GeneratedCommandList:
		writeIDs(w, tag, class.Generated())
	case AcceptedCommandList:
		w.Array(tag)
		for _, command := range class.Commands {
			w.Uint(tlv.Anonymous(), uint64(command.ID))
		}
		w.End()
	case AttributeList:
		w.Array(tag)
		for _, a := range class.Attributes {
			w.Uint(tlv.Anonymous(), uint64(a.ID))
		}
		for _, g := range Globals() {
			w.Uint(tlv.Anonymous(), uint64(g))
		}
		w.End()
	case FeatureMap:
		w.Uint(tag, uint64(class.Features))
	case ClusterRevision:
		w.Uint(tag, uint64(c.base().revision()))
	default:
		return c.ReadAttribute(caller, id, w, tag)
	}
	return nil
}

func writeIDs(w *tlv.Writer, tag tlv.Tag, ids []uint32) {
	w.Array(tag)
	for _, id := range ids {
		w.Uint(tlv.Anonymous(), uint64(id))
	}
	w.End()
}
