package fabric

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"fmt"
	"math"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// version of the stored form; an older process refuses a newer one rather than losing what it does not know.
const version = 1

// The stored form is a structure; its members are numbered here once and for ever.
const (
	tagVersion = iota
	tagIndex
	tagFabricID
	tagNodeID
	tagVendor
	tagLabel
	tagRoot
	tagICAC
	tagNOC
	tagKey
	tagRootKey
	tagACL
	tagExtension
	tagKeySets
	tagKeyMap
	tagGroups
	tagStatement
	tagSigner
)

// limits of a stored fabric: it is ours, but a disk may have changed it.
var limits = tlv.Limits{Size: 256 << 10, Depth: 8, Elements: 16384}

func (f *Fabric) encode() ([]byte, error) {
	key, err := f.Key.Bytes()
	if err != nil {
		return nil, err
	}
	w := tlv.NewWriter(nil)
	t := tlv.Context
	w.Struct(tlv.Anonymous())
	w.Uint(t(tagVersion), version)
	w.Uint(t(tagIndex), uint64(f.Index))
	w.Uint(t(tagFabricID), f.FabricID)
	w.Uint(t(tagNodeID), f.NodeID)
	w.Uint(t(tagVendor), uint64(f.VendorID))
	w.Text(t(tagLabel), f.Label)
	w.Octets(t(tagRoot), f.Root)
	w.Octets(t(tagICAC), f.ICAC)
	w.Octets(t(tagNOC), f.NOC)
	w.Octets(t(tagKey), key)
	w.Octets(t(tagRootKey), f.RootKey)
	w.Array(t(tagACL))
	for _, e := range f.ACL {
		writeEntry(w, e)
	}
	w.End()
	w.Octets(t(tagExtension), f.Extension)
	w.Array(t(tagKeySets))
	for _, k := range f.KeySets {
		writeKeySet(w, k)
	}
	w.End()
	w.Array(t(tagKeyMap))
	for _, m := range f.KeyMap {
		w.Struct(tlv.Anonymous())
		w.Uint(t(0), uint64(m.Group))
		w.Uint(t(1), uint64(m.KeySet))
		w.End()
	}
	w.End()
	w.Array(t(tagGroups))
	for _, g := range f.Groups {
		w.Struct(tlv.Anonymous())
		w.Uint(t(0), uint64(g.ID))
		w.Text(t(1), g.Name)
		writeNumbers(w, t(2), g.Endpoints)
		w.End()
	}
	w.End()
	w.Octets(t(tagStatement), f.Statement)
	w.Octets(t(tagSigner), f.Signer)
	w.End()
	return w.Finish()
}

func writeNumbers[T uint16 | uint64](w *tlv.Writer, tag tlv.Tag, list []T) {
	w.Array(tag)
	for _, v := range list {
		w.Uint(tlv.Anonymous(), uint64(v))
	}
	w.End()
}

func writeEntry(w *tlv.Writer, e acl.Entry) {
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(1), uint64(e.Privilege))
	w.Uint(tlv.Context(2), uint64(e.Auth))
	writeNumbers(w, tlv.Context(3), e.Subjects)
	w.Array(tlv.Context(4))
	for _, target := range e.Targets {
		w.Struct(tlv.Anonymous())
		if target.Cluster != nil {
			w.Uint(tlv.Context(0), uint64(*target.Cluster))
		}
		if target.Endpoint != nil {
			w.Uint(tlv.Context(1), uint64(*target.Endpoint))
		}
		if target.DeviceType != nil {
			w.Uint(tlv.Context(2), uint64(*target.DeviceType))
		}
		w.End()
	}
	w.End()
	w.End()
}

func writeKeySet(w *tlv.Writer, k KeySet) {
	w.Struct(tlv.Anonymous())
	w.Uint(tlv.Context(0), uint64(k.ID))
	w.Uint(tlv.Context(1), uint64(k.Policy))
	w.Uint(tlv.Context(2), uint64(k.Multicast))
	w.Array(tlv.Context(3))
	for _, e := range k.Epochs {
		w.Struct(tlv.Anonymous())
		w.Octets(tlv.Context(0), e.Key)
		w.Uint(tlv.Context(1), e.Start)
		w.End()
	}
	w.End()
	w.End()
}

func decode(b []byte) (*Fabric, error) {
	e, err := tlv.DecodeLimits(b, limits)
	if err != nil {
		return nil, err
	}
	in := tlv.OpenStruct(e)
	if v := in.Uint8(tagVersion); in.Err() == nil && v > version {
		return nil, fmt.Errorf("stored by a newer version (%d)", v)
	}
	f := &Fabric{}
	f.Index = in.Uint8(tagIndex)
	f.FabricID, f.NodeID, f.VendorID = in.Uint64(tagFabricID), in.Uint64(tagNodeID), in.Uint16(tagVendor)
	f.Label = in.Text(tagLabel, 64)
	f.Root, f.ICAC, f.NOC = in.Octets(tagRoot, 1, 1024), in.Octets(tagICAC, 0, 1024), in.Octets(tagNOC, 1, 1024)
	key := in.Octets(tagKey, 32, 32)
	f.RootKey = in.Octets(tagRootKey, 65, 65)
	f.Extension = in.Octets(tagExtension, 0, 1024)
	f.Statement, f.Signer = in.Octets(tagStatement, 0, 128), in.Octets(tagSigner, 0, 1024)
	for m := range in.Array(tagACL).Members() {
		entry, err := readEntry(m, f.Index)
		if err != nil {
			return nil, err
		}
		f.ACL = append(f.ACL, entry)
	}
	for m := range in.Array(tagKeySets).Members() {
		set, err := readKeySet(m)
		if err != nil {
			return nil, err
		}
		f.KeySets = append(f.KeySets, set)
	}
	for m := range in.Array(tagKeyMap).Members() {
		k := tlv.OpenStruct(m)
		f.KeyMap = append(f.KeyMap, KeyMapping{k.Uint16(0), k.Uint16(1)})
		if err := k.Err(); err != nil {
			return nil, err
		}
	}
	for m := range in.Array(tagGroups).Members() {
		g := tlv.OpenStruct(m)
		group := Group{ID: g.Uint16(0), Name: g.Text(1, 16)}
		if group.Endpoints, err = numbers[uint16](g.Array(2), math.MaxUint16); err != nil || g.Err() != nil {
			return nil, fmt.Errorf("group: %w %w", err, g.Err())
		}
		f.Groups = append(f.Groups, group)
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if f.Index == 0 || f.Index == 255 {
		return nil, fmt.Errorf("index %d", f.Index)
	}
	if f.Key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), key); err != nil {
		return nil, err
	}
	f.derive()
	return f, nil
}

func numbers[T uint16 | uint64](list tlv.Element, most uint64) ([]T, error) {
	var out []T
	for m := range list.Members() {
		v, err := m.UintMax(most)
		if err != nil {
			return nil, err
		}
		out = append(out, T(v))
	}
	return out, nil
}

func readEntry(m tlv.Element, index uint8) (acl.Entry, error) {
	in := tlv.OpenStruct(m)
	e := acl.Entry{Fabric: index, Privilege: model.Privilege(in.Uint8(1)), Auth: model.Auth(in.Uint8(2))}
	var err error
	if e.Subjects, err = numbers[uint64](in.Array(3), math.MaxUint64); err != nil {
		return e, err
	}
	for m := range in.Array(4).Members() {
		in := tlv.OpenStruct(m)
		var t acl.Target
		if v, ok := in.OptionalUint(0, math.MaxUint32); ok {
			v := uint32(v)
			t.Cluster = &v
		}
		if v, ok := in.OptionalUint(1, math.MaxUint16); ok {
			v := uint16(v)
			t.Endpoint = &v
		}
		if v, ok := in.OptionalUint(2, math.MaxUint32); ok {
			v := uint32(v)
			t.DeviceType = &v
		}
		if err := in.Err(); err != nil {
			return e, err
		}
		e.Targets = append(e.Targets, t)
	}
	if err := in.Err(); err != nil {
		return e, err
	}
	if !e.Valid() {
		return e, fmt.Errorf("an access entry that may not be")
	}
	return e, nil
}

func readKeySet(m tlv.Element) (KeySet, error) {
	in := tlv.OpenStruct(m)
	k := KeySet{ID: in.Uint16(0), Policy: in.Uint8(1), Multicast: in.Uint8(2)}
	for m := range in.Array(3).Members() {
		in := tlv.OpenStruct(m)
		k.Epochs = append(k.Epochs, Epoch{in.Octets(0, 16, 16), in.Uint64(1)})
		if err := in.Err(); err != nil {
			return k, err
		}
	}
	return k, in.Err()
}
