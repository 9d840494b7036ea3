// Package acl decides what a controller may do on a node (Matter 1.4 section 6.6).
package acl

import (
	"slices"

	"github.com/loquet/loquet/matter/model"
)

// Target limits an entry to a part of the node. Fields that are nil stand for anything; at least one is set, and not both
// an endpoint and a device type.
type Target struct {
	Cluster    *uint32
	Endpoint   *uint16
	DeviceType *uint32
}

// Entry grants a privilege to subjects of one fabric.
type Entry struct {
	Fabric    uint8
	Privilege model.Privilege
	Auth      model.Auth // CASE or Group
	Subjects  []uint64   // node ids, CATs or group ids; none stands for everybody of the fabric who proved it this way
	Targets   []Target   // none stands for the whole node
}

// Place is what somebody wants to get at.
type Place struct {
	Endpoint    uint16
	DeviceTypes []model.DeviceType // of the endpoint
	Cluster     uint32
}

// Level returns the highest privilege a caller has at a place, 0 for none. The node itself and a commissioner over PASE
// may administer (Matter 1.4 section 6.6.2.9).
func Level(entries []Entry, c *model.Caller, at Place) model.Privilege {
	if c.Auth == model.Internal || c.Auth == model.PASE {
		return model.Administer
	}
	if c.Fabric == 0 {
		return 0
	}
	var level model.Privilege
	for i := range entries {
		e := &entries[i]
		if e.Privilege > level && e.Fabric == c.Fabric && e.Auth == c.Auth && e.hasSubject(c) && e.hasTarget(at) {
			level = e.Privilege
		}
	}
	return level
}

func (e *Entry) hasSubject(c *model.Caller) bool {
	return len(e.Subjects) == 0 || slices.ContainsFunc(e.Subjects, func(s uint64) bool {
		return s == c.Node || IsCAT(s) && c.Auth == model.CASE && slices.ContainsFunc(c.CATs, func(cat uint32) bool { return matchCAT(uint32(s), cat) })
	})
}

// matchCAT compares the identifier in the upper 16 bits; the version of the caller must not be older than the entry's
// (Matter 1.4 section 6.6.2.1.2).
func matchCAT(entry, caller uint32) bool {
	return entry>>16 == caller>>16 && caller&0xFFFF >= entry&0xFFFF && entry&0xFFFF != 0
}

func (e *Entry) hasTarget(at Place) bool {
	return len(e.Targets) == 0 || slices.ContainsFunc(e.Targets, func(t Target) bool {
		return (t.Cluster == nil || *t.Cluster == at.Cluster) && (t.Endpoint == nil || *t.Endpoint == at.Endpoint) &&
			(t.DeviceType == nil || slices.ContainsFunc(at.DeviceTypes, func(d model.DeviceType) bool { return d.ID == *t.DeviceType }))
	})
}

// IsCAT says whether a subject is a CASE authenticated tag with a version (Matter 1.4 section 2.5.5.5).
func IsCAT(s uint64) bool { return s>>32 == 0xFFFFFFFD && s&0xFFFF != 0 }

// IsNode says whether a subject is an operational node id.
func IsNode(s uint64) bool { return s >= 1 && s <= 0xFFFFFFEFFFFFFFFF }

// IsGroup says whether a subject is a group id.
func IsGroup(s uint64) bool { return s >= 1 && s <= 0xFFFF }

// Valid says whether an entry may stand in the list (Matter 1.4 section 9.10.5.3 and 9.10.7).
func (e *Entry) Valid() bool {
	switch e.Privilege {
	case model.View, model.Operate, model.Manage, model.Administer:
	default:
		return false
	}
	subject := func(s uint64) bool { return IsNode(s) || IsCAT(s) }
	switch e.Auth {
	case model.CASE:
	case model.Group:
		if e.Privilege == model.Administer {
			return false
		}
		subject = IsGroup
	default:
		return false
	}
	return !slices.ContainsFunc(e.Subjects, func(s uint64) bool { return !subject(s) }) && !slices.ContainsFunc(e.Targets, func(t Target) bool { return !t.valid() })
}

func (t Target) valid() bool {
	switch {
	case t.Cluster == nil && t.Endpoint == nil && t.DeviceType == nil, t.Endpoint != nil && t.DeviceType != nil:
		return false
	case t.Endpoint != nil && *t.Endpoint == 0xFFFF:
		return false
	case t.DeviceType != nil && !validID(*t.DeviceType, 0xBFFF):
		return false
	}
	return t.Cluster == nil || validCluster(*t.Cluster)
}

func validID(id, most uint32) bool { return id>>16 <= 0xFFF4 && id&0xFFFF <= most }

// validCluster accepts standard cluster ids and, with a vendor prefix, a manufacturer's own (Matter 1.4 section 7.10).
func validCluster(id uint32) bool {
	if id>>16 == 0 {
		return id <= 0x7FFF
	}
	return id>>16 <= 0xFFF4 && id&0xFFFF >= 0xFC00 && id&0xFFFF <= 0xFFFE
}
