package cluster

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Limits of an access list: what each fabric may store (Matter 1.4 section 9.10.6 wants 4, 3 and 4 at least; some
// administrators use more).
const (
	maxSubjects = 16
	maxTargets  = 16
	maxEntries  = 16
)

const (
	accessList       = 0
	accessExtension  = 1
	accessSubjects   = 2
	accessTargets    = 3
	accessEntries    = 4
	accessChanged    = 0
	extensionChanged = 1

	extensionFeature = 1 << 0
)

var accessControlClass = model.NewClass(model.Class{ID: AccessControlID, Revision: 3, Features: extensionFeature,
	Attributes: append(fixed(accessSubjects, accessTargets, accessEntries),
		model.Attribute{ID: accessList, Read: model.Administer, Write: model.Administer, Quality: model.FabricScoped},
		model.Attribute{ID: accessExtension, Read: model.Administer, Write: model.Administer, Quality: model.FabricScoped}),
	Events: []model.EventKind{
		{ID: accessChanged, Read: model.Administer, Priority: model.Info, Quality: model.FabricSensitive},
		{ID: extensionChanged, Read: model.Administer, Priority: model.Info, Quality: model.FabricSensitive}}})

// AccessControl holds the access lists of all fabrics (Matter 1.4 section 9.10).
type AccessControl struct {
	model.Base
	table *fabric.Table
}

// NewAccessControl returns the cluster over a table.
func NewAccessControl(t *fabric.Table) *AccessControl {
	a := &AccessControl{table: t}
	a.Init(accessControlClass)
	t.Watch(func(c fabric.Change) {
		if c.Kind == fabric.Added || c.Kind == fabric.Removed {
			a.Changed(accessList, accessExtension)
		}
	})
	return a
}

// ReadAttribute implements model.Cluster.
func (a *AccessControl) ReadAttribute(c *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case accessSubjects:
		w.Uint(tag, maxSubjects)
	case accessTargets:
		w.Uint(tag, maxTargets)
	case accessEntries:
		w.Uint(tag, maxEntries)
	default:
		w.Array(tag)
		for _, f := range a.table.All() {
			if !c.Sees(f.Index) {
				continue
			}
			if id == accessExtension {
				if len(f.Extension) > 0 {
					writeExtension(w, tlv.Anonymous(), f.Index, f.Extension, c.Owns(f.Index))
				}
				continue
			}
			for _, e := range f.ACL {
				writeEntry(w, tlv.Anonymous(), e, c.Owns(f.Index))
			}
		}
		w.End()
	}
	return nil
}

// writeEntry encodes an entry; other fabrics see that there is one, and no more.
func writeEntry(w *tlv.Writer, tag tlv.Tag, e acl.Entry, own bool) {
	w.Struct(tag)
	defer w.End()
	defer func() { w.Uint(tlv.Context(0xFE), uint64(e.Fabric)) }()
	if !own {
		return
	}
	w.Uint(tlv.Context(1), uint64(e.Privilege))
	w.Uint(tlv.Context(2), uint64(e.Auth))
	if len(e.Subjects) == 0 {
		w.Null(tlv.Context(3))
	} else {
		w.Array(tlv.Context(3))
		for _, s := range e.Subjects {
			w.Uint(tlv.Anonymous(), s)
		}
		w.End()
	}
	if len(e.Targets) == 0 {
		w.Null(tlv.Context(4))
		return
	}
	w.Array(tlv.Context(4))
	for _, t := range e.Targets {
		w.Struct(tlv.Anonymous())
		writeOr(w, 0, t.Cluster)
		writeOr(w, 1, t.Endpoint)
		writeOr(w, 2, t.DeviceType)
		w.End()
	}
	w.End()
}

func writeOr[T uint16 | uint32](w *tlv.Writer, n uint8, v *T) {
	if v == nil {
		w.Null(tlv.Context(n))
		return
	}
	w.Uint(tlv.Context(n), uint64(*v))
}

func writeExtension(w *tlv.Writer, tag tlv.Tag, fabric uint8, data []byte, own bool) {
	w.Struct(tag)
	if own {
		w.Octets(tlv.Context(1), data)
	}
	w.Uint(tlv.Context(0xFE), uint64(fabric))
	w.End()
}

// WriteAttribute implements model.Writer.
func (a *AccessControl) WriteAttribute(_ context.Context, c *model.Caller, id uint32, v tlv.Element) error {
	if v.Type() != tlv.TypeArray {
		return model.InvalidDataType
	}
	if id == accessExtension {
		return a.setExtension(c, v)
	}
	if v.Count() > maxEntries {
		return model.ResourceExhausted
	}
	var entries []acl.Entry
	for m := range v.Members() {
		e, err := readEntry(m)
		if err != nil {
			return err
		}
		e.Fabric = c.Fabric
		entries = append(entries, e)
	}
	var before []acl.Entry
	err := a.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		before, f.ACL = f.ACL, entries
		return nil
	})
	if err != nil {
		return err
	}
	a.Changed(accessList)
	a.tell(c, before, entries)
	return nil
}

func readEntry(m tlv.Element) (acl.Entry, error) {
	f := tlv.OpenStruct(m)
	e := acl.Entry{Privilege: model.Privilege(f.Uint8(1)), Auth: model.Auth(f.Uint8(2))}
	subjects, targets := f.Element(3), f.Element(4)
	if err := f.Err(); err != nil {
		return e, err
	}
	if !subjects.IsNull() {
		if subjects.Type() != tlv.TypeArray {
			return e, model.InvalidDataType
		}
		if subjects.Count() > maxSubjects {
			return e, model.ResourceExhausted
		}
		for s := range subjects.Members() {
			v, err := s.Uint()
			if err != nil {
				return e, err
			}
			e.Subjects = append(e.Subjects, v)
		}
	}
	if !targets.IsNull() {
		if targets.Type() != tlv.TypeArray {
			return e, model.InvalidDataType
		}
		if targets.Count() > maxTargets {
			return e, model.ResourceExhausted
		}
		for m := range targets.Members() {
			f := tlv.OpenStruct(m)
			e.Targets = append(e.Targets, acl.Target{Cluster: readOr[uint32](f, 0), Endpoint: readOr[uint16](f, 1), DeviceType: readOr[uint32](f, 2)})
			if err := f.Err(); err != nil {
				return e, err
			}
		}
	}
	if !e.Valid() {
		return e, fmt.Errorf("%w: an access entry that may not be", model.ConstraintError)
	}
	return e, nil
}

// readOr reads a number that may be null or missing.
func readOr[T uint16 | uint32](f *tlv.Fields, n uint8) *T {
	e, ok := f.Optional(n)
	if !ok || e.IsNull() {
		return nil
	}
	v := T(f.UintMax(n, uint64(^T(0))))
	return &v
}

// Kinds of change in events (Matter 1.4 section 9.10.5.1).
const (
	entryChanged = 0
	entryAdded   = 1
	entryRemoved = 2
)

// tell tells of each entry that is another one now.
func (a *AccessControl) tell(c *model.Caller, before, after []acl.Entry) {
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			a.entryEvent(c, entryRemoved, before[i])
		case i >= len(before):
			a.entryEvent(c, entryAdded, after[i])
		case !sameEntry(before[i], after[i]):
			a.entryEvent(c, entryChanged, after[i])
		}
	}
}

func sameEntry(a, b acl.Entry) bool {
	encode := func(e acl.Entry) []byte {
		return model.Structure(func(w *tlv.Writer) { writeEntry(w, tlv.Context(0), e, true) })
	}
	return slices.Equal(encode(a), encode(b))
}

func (a *AccessControl) entryEvent(c *model.Caller, kind uint8, e acl.Entry) {
	a.Emit(accessChanged, e.Fabric, func(w *tlv.Writer) {
		writeAdmin(w, c, kind)
		writeEntry(w, tlv.Context(4), e, true)
		w.Uint(tlv.Context(0xFE), uint64(e.Fabric))
	})
}

// writeAdmin says who changed something: a node, or a commissioner by its passcode.
func writeAdmin(w *tlv.Writer, c *model.Caller, kind uint8) {
	if c.Auth == model.CASE {
		w.Uint(tlv.Context(1), c.Node)
		w.Null(tlv.Context(2))
	} else {
		w.Null(tlv.Context(1))
		w.Uint(tlv.Context(2), 0)
	}
	w.Uint(tlv.Context(3), uint64(kind))
}

// added tells of the entry that a new fabric begins with.
func (a *AccessControl) added(c *model.Caller, index uint8) {
	if f, ok := a.table.Get(index); ok {
		a.tell(c, nil, f.ACL)
	}
}

// setExtension takes a list of at most one entry with a list of a maker's own data (Matter 1.4 section 9.10.6.4).
func (a *AccessControl) setExtension(c *model.Caller, v tlv.Element) error {
	if v.Count() > 1 {
		return model.ConstraintError
	}
	var data []byte
	for m := range v.Members() {
		f := tlv.OpenStruct(m)
		data = f.Octets(1, 0, 128)
		if err := f.Err(); err != nil {
			return err
		}
		if err := validExtension(data); err != nil {
			return err
		}
	}
	var before []byte
	err := a.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		before, f.Extension = f.Extension, data
		return nil
	})
	if err != nil || bytes.Equal(before, data) {
		return err
	}
	a.Changed(accessExtension)
	kind, latest := uint8(entryChanged), data
	switch {
	case len(before) == 0:
		kind = entryAdded
	case len(data) == 0:
		kind, latest = entryRemoved, before
	}
	a.Emit(extensionChanged, c.Fabric, func(w *tlv.Writer) {
		writeAdmin(w, c, kind)
		writeExtension(w, tlv.Context(4), c.Fabric, latest, true)
		w.Uint(tlv.Context(0xFE), uint64(c.Fabric))
	})
	return nil
}

// validExtension wants one list whose members all have a maker's profile.
func validExtension(data []byte) error {
	e, err := tlv.Decode(data)
	if err != nil || e.Type() != tlv.TypeList {
		return model.ConstraintError
	}
	for m := range e.Members() {
		if _, context := m.Tag().ContextNumber(); context || m.Tag().IsAnonymous() {
			return model.ConstraintError
		}
	}
	return nil
}
