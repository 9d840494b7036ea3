// Package fabric keeps a node's memberships in fabrics: credentials, access lists, group keys. A change is stored whole
// before it counts. What a commissioner does under the fail-safe is kept apart, in memory, until it is complete: a power
// cut at any step leaves nothing behind (Matter 1.4 sections 11.10.7.2 and 11.18).
package fabric

import (
	"errors"
	"slices"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
)

// The errors of a table.
var (
	// ErrDamaged is returned when a stored fabric cannot be read. The node is then not made new silently.
	ErrDamaged = errors.New("matter/fabric: a stored fabric is damaged")
	ErrFull    = errors.New("matter/fabric: no room for another fabric")
	ErrAbsent  = errors.New("matter/fabric: no such fabric")
	// ErrConflict is returned for a second membership in the same fabric.
	ErrConflict = errors.New("matter/fabric: the node is in that fabric already")
	// ErrOrder is returned for a step of commissioning that has no place now.
	ErrOrder = errors.New("matter/fabric: not the time for this step")
)

// Fabric is a membership with all that belongs to it. Its slices are replaced, never changed in place.
type Fabric struct {
	session.Fabric
	ACL       []acl.Entry
	Extension []byte // the access control extension, an encoded list; empty for none
	KeySets   []KeySet
	KeyMap    []KeyMapping
	Groups    []Group
	Statement []byte // vendor id verification statement, 85 octets or none
	Signer    []byte // vendor verification signer certificate, or none
}

// KeySet holds the epoch keys of a set; set 0 is the identity protection key (Matter 1.4 section 11.2.7.4).
type KeySet struct {
	ID        uint16
	Policy    uint8
	Multicast uint8
	Epochs    []Epoch // one to three, oldest first
}

// Epoch is a key from a time on, in microseconds since 2000.
type Epoch struct {
	Key   []byte // 16 octets
	Start uint64
}

// KeyMapping says which key set protects a group.
type KeyMapping struct {
	Group  uint16
	KeySet uint16
}

// Group is a group that endpoints are members of.
type Group struct {
	ID        uint16
	Name      string
	Endpoints []uint16
}

// clone returns a copy whose fields can be replaced.
func (f *Fabric) clone() *Fabric {
	c := *f
	return &c
}

// derive computes what follows from the stored parts.
func (f *Fabric) derive() {
	f.Compressed = crypto.CompressedFabricID(f.RootKey, f.FabricID)
	f.IPKs = nil
	if i := slices.IndexFunc(f.KeySets, func(k KeySet) bool { return k.ID == 0 }); i >= 0 {
		for _, e := range f.KeySets[i].Epochs {
			f.IPKs = append(f.IPKs, crypto.GroupKey(e.Key, f.Compressed))
		}
	}
}

// Set returns the key set with the id.
func (f *Fabric) Set(id uint16) (KeySet, bool) {
	if i := slices.IndexFunc(f.KeySets, func(k KeySet) bool { return k.ID == id }); i >= 0 {
		return f.KeySets[i], true
	}
	return KeySet{}, false
}
