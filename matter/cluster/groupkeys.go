package cluster

import (
	"context"
	"errors"
	"slices"

	"github.com/loquet/loquet/matter/fabric"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Limits of groups: what each fabric may store (Matter 1.4 section 11.2.6).
const (
	maxGroups  = 4
	maxKeySets = 4 // with set 0, the identity protection key
)

const (
	groupKeyMap       = 0
	groupTable        = 1
	maxGroupsPer      = 2
	maxGroupKeys      = 3
	keySetWrite       = 0
	keySetRead        = 1
	keySetRemove      = 3
	keySetReadAll     = 4
	policyTrustFirst  = 0
	multicastAllNodes = 1
)

var groupKeysClass = model.NewClass(model.Class{ID: GroupKeyManagementID, Revision: 3,
	Attributes: append(fixed(maxGroupsPer, maxGroupKeys),
		model.Attribute{ID: groupKeyMap, Read: model.View, Write: model.Manage, Quality: model.FabricScoped},
		model.Attribute{ID: groupTable, Read: model.View, Quality: model.FabricScoped}),
	Commands: []model.Command{
		{ID: keySetWrite, Response: model.NoResponse, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: keySetRead, Response: 2, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: keySetRemove, Response: model.NoResponse, Invoke: model.Administer, Quality: model.FabricScoped},
		{ID: keySetReadAll, Response: 5, Invoke: model.Administer, Quality: model.FabricScoped}}})

// GroupKeyManagement holds the keys of groups, and the identity protection key among them (Matter 1.4 section 11.2).
type GroupKeyManagement struct {
	model.Base
	table *fabric.Table
}

// NewGroupKeyManagement returns the cluster over a table.
func NewGroupKeyManagement(t *fabric.Table) *GroupKeyManagement {
	g := &GroupKeyManagement{table: t}
	g.Init(groupKeysClass)
	t.Watch(func(c fabric.Change) {
		if c.Kind == fabric.Removed {
			g.Changed(groupKeyMap, groupTable)
		}
	})
	return g
}

// ReadAttribute implements model.Cluster.
func (g *GroupKeyManagement) ReadAttribute(c *model.Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error {
	switch id {
	case maxGroupsPer:
		w.Uint(tag, maxGroups)
		return nil
	case maxGroupKeys:
		w.Uint(tag, maxKeySets)
		return nil
	}
	w.Array(tag)
	defer w.End()
	for _, f := range g.table.All() {
		switch {
		case !c.Sees(f.Index):
		case id == groupKeyMap:
			for _, m := range f.KeyMap {
				w.Struct(tlv.Anonymous())
				w.Uint(tlv.Context(1), uint64(m.Group))
				w.Uint(tlv.Context(2), uint64(m.KeySet))
				w.Uint(tlv.Context(0xFE), uint64(f.Index))
				w.End()
			}
		default:
			for _, group := range f.Groups {
				writeGroup(w, f.Index, group)
			}
		}
	}
	return nil
}

func writeGroup(w *tlv.Writer, index uint8, group fabric.Group) {
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(1), uint64(group.ID))
	w.Array(tlv.Context(2))
	for _, e := range group.Endpoints {
		w.Uint(tlv.Anonymous(), uint64(e))
	}
	w.End()
	w.Text(tlv.Context(3), group.Name)
	w.Uint(tlv.Context(0xFE), uint64(index))
	w.End()
}

// WriteAttribute implements model.Writer: which key set protects which group.
func (g *GroupKeyManagement) WriteAttribute(_ context.Context, c *model.Caller, _ uint32, v tlv.Element) error {
	if v.Type() != tlv.TypeArray {
		return model.InvalidDataType
	}
	if v.Count() > maxGroups {
		return model.ResourceExhausted
	}
	var list []fabric.KeyMapping
	for m := range v.Members() {
		f := tlv.OpenStruct(m)
		k := fabric.KeyMapping{Group: f.Uint16(1), KeySet: f.Uint16(2)}
		if err := f.Err(); err != nil {
			return err
		}
		if k.Group == 0 || k.KeySet == 0 || slices.ContainsFunc(list, func(o fabric.KeyMapping) bool { return o.Group == k.Group }) {
			return model.ConstraintError
		}
		list = append(list, k)
	}
	err := g.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		f.KeyMap = list
		return nil
	})
	if err == nil {
		g.Changed(groupKeyMap)
	}
	return err
}

// Invoke implements model.Invoker.
func (g *GroupKeyManagement) Invoke(_ context.Context, c *model.Caller, id uint32, fields tlv.Element) ([]byte, error) {
	f := tlv.OpenStruct(fields)
	switch id {
	case keySetWrite:
		set, err := readKeySet(f.Struct(0))
		if err := errors.Join(err, f.Err()); err != nil {
			return nil, err
		}
		return nil, g.write(c, set)
	case keySetReadAll:
		return g.readAll(c)
	}
	set := f.Uint16(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if id == keySetRead {
		return g.read(c, set)
	}
	return nil, g.remove(c, set)
}

// readKeySet takes a key set: keys in order of their times, without holes (Matter 1.4 section 11.2.7.1).
func readKeySet(f *tlv.Fields) (fabric.KeySet, error) {
	k := fabric.KeySet{ID: f.Uint16(0), Policy: f.Uint8(1)}
	if m, ok := f.OptionalUint(8, 0xFF); ok {
		k.Multicast = uint8(m)
	}
	if err := f.Err(); err != nil {
		return k, err
	}
	if k.Policy != policyTrustFirst || k.Multicast > multicastAllNodes {
		return k, model.InvalidCommand
	}
	for i := range uint8(3) {
		key, start := f.Element(2+2*i), f.Element(3+2*i)
		if err := f.Err(); err != nil {
			return k, err
		}
		if key.IsNull() && start.IsNull() {
			for j := i + 1; j < 3; j++ {
				if k, s := f.Element(2+2*j), f.Element(3+2*j); !k.IsNull() || !s.IsNull() {
					return fabric.KeySet{}, model.InvalidCommand
				}
			}
			break
		}
		if key.IsNull() || start.IsNull() {
			return k, model.InvalidCommand
		}
		e := fabric.Epoch{Key: f.Octets(2+2*i, epochKeySize, epochKeySize), Start: f.Uint64(3 + 2*i)}
		if err := f.Err(); err != nil {
			return k, err
		}
		if e.Start == 0 || i > 0 && e.Start <= k.Epochs[i-1].Start {
			return k, model.InvalidCommand
		}
		k.Epochs = append(k.Epochs, e)
	}
	if len(k.Epochs) == 0 {
		return k, model.InvalidCommand
	}
	return k, nil
}

func (g *GroupKeyManagement) write(c *model.Caller, set fabric.KeySet) error {
	return g.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		sets := slices.DeleteFunc(slices.Clone(f.KeySets), func(k fabric.KeySet) bool { return k.ID == set.ID })
		if len(sets) >= maxKeySets {
			return model.ResourceExhausted
		}
		f.KeySets = append(sets, set)
		return nil
	})
}

// read shows a key set without its keys.
func (g *GroupKeyManagement) read(c *model.Caller, id uint16) ([]byte, error) {
	f, ok := g.table.Get(c.Fabric)
	if !ok {
		return nil, model.NotFound
	}
	set, ok := f.Set(id)
	if !ok {
		return nil, model.NotFound
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Struct(tlv.Context(0))
		w.Uint(tlv.Context(0), uint64(set.ID))
		w.Uint(tlv.Context(1), uint64(set.Policy))
		for i := range uint8(3) {
			w.Null(tlv.Context(2 + 2*i))
			if int(i) < len(set.Epochs) {
				w.Uint(tlv.Context(3+2*i), set.Epochs[i].Start)
			} else {
				w.Null(tlv.Context(3 + 2*i))
			}
		}
		w.Uint(tlv.Context(8), uint64(set.Multicast))
		w.End()
	}), nil
}

func (g *GroupKeyManagement) remove(c *model.Caller, id uint16) error {
	if id == 0 {
		return model.InvalidCommand
	}
	err := g.table.Update(c.Fabric, func(f *fabric.Fabric) error {
		if _, ok := f.Set(id); !ok {
			return model.NotFound
		}
		f.KeySets = slices.DeleteFunc(slices.Clone(f.KeySets), func(k fabric.KeySet) bool { return k.ID == id })
		f.KeyMap = slices.DeleteFunc(slices.Clone(f.KeyMap), func(m fabric.KeyMapping) bool { return m.KeySet == id })
		return nil
	})
	if err == nil {
		g.Changed(groupKeyMap)
	}
	return err
}

func (g *GroupKeyManagement) readAll(c *model.Caller) ([]byte, error) {
	f, ok := g.table.Get(c.Fabric)
	if !ok {
		return nil, model.NotFound
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Array(tlv.Context(0))
		for _, k := range f.KeySets {
			w.Uint(tlv.Anonymous(), uint64(k.ID))
		}
		w.End()
	}), nil
}
