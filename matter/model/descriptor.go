package model

import "github.com/loquet/loquet/matter/tlv"

// Attributes of the Descriptor cluster (Matter 1.4 section 9.5).
const (
	deviceTypeList   uint32 = 0
	serverList       uint32 = 1
	clientList       uint32 = 2
	partsList        uint32 = 3
	tagList          uint32 = 4
	endpointUniqueID uint32 = 5

	tagListFeature = 1 << 0
)

// descriptor shows what an endpoint is. Its four classes differ in two optional attributes.
type descriptor struct {
	Base
	of *Endpoint
}

var descriptorClasses = [4]*Class{descriptorClass(false, false), descriptorClass(true, false), descriptorClass(false, true), descriptorClass(true, true)}

func descriptorClass(tags, unique bool) *Class {
	c := Class{ID: 0x1D, Revision: 3, Attributes: []Attribute{
		{ID: deviceTypeList, Read: View, Quality: Fixed}, {ID: serverList, Read: View, Quality: Fixed},
		{ID: clientList, Read: View, Quality: Fixed}, {ID: partsList, Read: View}}}
	if tags {
		c.Features |= tagListFeature
		c.Attributes = append(c.Attributes, Attribute{ID: tagList, Read: View, Quality: Fixed})
	}
	if unique {
		c.Attributes = append(c.Attributes, Attribute{ID: endpointUniqueID, Read: View, Quality: Fixed})
	}
	return NewClass(c)
}

func newDescriptor(e *Endpoint) *descriptor {
	d := &descriptor{of: e}
	class := 0
	if len(e.tags) > 0 {
		class |= 1
	}
	if e.unique != "" {
		class |= 2
	}
	d.Init(descriptorClasses[class])
	return d
}

func (d *descriptor) ReadAttribute(_ *Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case deviceTypeList:
		w.Array(tag)
		for _, t := range d.of.types {
			w.Struct(tlv.Anonymous())
			w.Uint(tlv.Context(0), uint64(t.ID))
			w.Uint(tlv.Context(1), uint64(t.Revision))
			w.End()
		}
		w.End()
	case serverList:
		w.Array(tag)
		for _, c := range d.of.clusters {
			w.Uint(tlv.Anonymous(), uint64(c.Class().ID))
		}
		w.End()
	case clientList:
		w.Array(tag)
		w.End()
	case partsList:
		w.Array(tag)
		d.writeParts(w)
		w.End()
	case tagList:
		d.writeTags(w, tag)
	case endpointUniqueID:
		w.Text(tag, d.of.unique)
	default:
		return UnsupportedAttribute
	}
	return nil
}

func (d *descriptor) writeParts(w *tlv.Writer) {
	n := d.node()
	if n == nil {
		return
	}
	list := n.Endpoints()
	for _, e := range list {
		if e == d.of {
			continue
		}
		direct := e.parent == d.of.id
		if direct || d.of.composition == FullFamily && descends(list, e, d.of.id) {
			w.Uint(tlv.Anonymous(), uint64(e.id))
		}
	}
}

// descends says whether an endpoint is a part of a part of another.
func descends(list []*Endpoint, e *Endpoint, ancestor uint16) bool {
	for e.id != 0 {
		if e.parent == ancestor {
			return true
		}
		i, ok := find(list, e.parent)
		if !ok {
			return false
		}
		e = list[i]
	}
	return false
}

func (d *descriptor) writeTags(w *tlv.Writer, tag tlv.Tag) {
	w.Array(tag)
	for _, t := range d.of.tags {
		w.Struct(tlv.Anonymous())
		if t.Vendor == nil {
			w.Null(tlv.Context(0))
		} else {
			w.Uint(tlv.Context(0), uint64(*t.Vendor))
		}
		w.Uint(tlv.Context(1), uint64(t.Namespace))
		w.Uint(tlv.Context(2), uint64(t.Tag))
		if t.Label != "" {
			w.Text(tlv.Context(3), t.Label)
		}
		w.End()
	}
	w.End()
}
