package acl

import (
	"testing"

	"github.com/loquet/loquet/matter/model"
	"pgregory.net/rapid"
)

func ptr[T any](v T) *T { return &v }

func TestLevel(t *testing.T) {
	const cat = 0xFFFFFFFD_0001_0002
	entries := []Entry{
		{Fabric: 1, Privilege: model.Administer, Auth: model.CASE, Subjects: []uint64{0x11}},
		{Fabric: 1, Privilege: model.Operate, Auth: model.CASE, Subjects: []uint64{cat}},
		{Fabric: 1, Privilege: model.View, Auth: model.CASE, Targets: []Target{{Endpoint: ptr[uint16](2)}}},
		{Fabric: 1, Privilege: model.Manage, Auth: model.CASE, Subjects: []uint64{0x12}, Targets: []Target{{Cluster: ptr[uint32](0x101), DeviceType: ptr[uint32](10)}}},
		{Fabric: 2, Privilege: model.Administer, Auth: model.CASE},
		{Fabric: 1, Privilege: model.Operate, Auth: model.Group, Subjects: []uint64{7}},
	}
	lock := Place{Endpoint: 3, Cluster: 0x101, DeviceTypes: []model.DeviceType{{ID: 10, Revision: 4}, {ID: 19, Revision: 3}}}
	tests := map[string]struct {
		caller model.Caller
		at     Place
		want   model.Privilege
	}{
		"the node itself":           {model.Caller{}, lock, model.Administer},
		"a commissioner":            {model.Caller{Auth: model.PASE}, lock, model.Administer},
		"the admin":                 {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x11}, lock, model.Administer},
		"the admin's id elsewhere":  {model.Caller{Auth: model.CASE, Fabric: 3, Node: 0x11}, lock, 0},
		"no fabric":                 {model.Caller{Auth: model.CASE, Node: 0x11}, lock, 0},
		"a group with a node's id":  {model.Caller{Auth: model.Group, Fabric: 1, Node: 0x11}, lock, 0},
		"the group":                 {model.Caller{Auth: model.Group, Fabric: 1, Node: 7}, lock, model.Operate},
		"a stranger":                {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13}, lock, 0},
		"a stranger where all may":  {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13}, Place{Endpoint: 2}, model.View},
		"by tag, same version":      {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13, CATs: []uint32{0x0001_0002}}, lock, model.Operate},
		"by tag, newer version":     {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13, CATs: []uint32{0x0001_0003}}, lock, model.Operate},
		"by tag, older version":     {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13, CATs: []uint32{0x0001_0001}}, lock, 0},
		"by another tag":            {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x13, CATs: []uint32{0x0002_0002}}, lock, 0},
		"device type and cluster":   {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x12}, lock, model.Manage},
		"device type, other":        {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x12}, Place{Endpoint: 3, Cluster: 3, DeviceTypes: lock.DeviceTypes}, 0},
		"cluster, other type":       {model.Caller{Auth: model.CASE, Fabric: 1, Node: 0x12}, Place{Endpoint: 4, Cluster: 0x101}, 0},
		"everybody of fabric two":   {model.Caller{Auth: model.CASE, Fabric: 2, Node: 0x99}, lock, model.Administer},
		"fabric two, but for group": {model.Caller{Auth: model.Group, Fabric: 2, Node: 1}, lock, 0},
	}
	for name, tt := range tests {
		if got := Level(entries, &tt.caller, tt.at); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
}

func TestValid(t *testing.T) {
	tests := map[string]struct {
		entry Entry
		want  bool
	}{
		"a node":              {Entry{Privilege: model.View, Auth: model.CASE, Subjects: []uint64{1}}, true},
		"everybody":           {Entry{Privilege: model.Administer, Auth: model.CASE}, true},
		"a tag":               {Entry{Privilege: model.View, Auth: model.CASE, Subjects: []uint64{0xFFFFFFFD00010001}}, true},
		"a tag of version 0":  {Entry{Privilege: model.View, Auth: model.CASE, Subjects: []uint64{0xFFFFFFFD00010000}}, false},
		"node 0":              {Entry{Privilege: model.View, Auth: model.CASE, Subjects: []uint64{0}}, false},
		"a group":             {Entry{Privilege: model.Manage, Auth: model.Group, Subjects: []uint64{1}}, true},
		"group 0":             {Entry{Privilege: model.Manage, Auth: model.Group, Subjects: []uint64{0}}, false},
		"an admin group":      {Entry{Privilege: model.Administer, Auth: model.Group, Subjects: []uint64{1}}, false},
		"a node as group":     {Entry{Privilege: model.View, Auth: model.Group, Subjects: []uint64{0x10000}}, false},
		"PASE":                {Entry{Privilege: model.View, Auth: model.PASE}, false},
		"proxy view":          {Entry{Privilege: 2, Auth: model.CASE}, false},
		"privilege 6":         {Entry{Privilege: 6, Auth: model.CASE}, false},
		"an empty target":     {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{}}}, false},
		"endpoint and type":   {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Endpoint: ptr[uint16](1), DeviceType: ptr[uint32](10)}}}, false},
		"endpoint, cluster":   {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Endpoint: ptr[uint16](1), Cluster: ptr[uint32](6)}}}, true},
		"endpoint 0xFFFF":     {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Endpoint: ptr[uint16](0xFFFF)}}}, false},
		"cluster 0xFFFFFFFF":  {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Cluster: ptr[uint32](0xFFFFFFFF)}}}, false},
		"cluster 0x8000":      {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Cluster: ptr[uint32](0x8000)}}}, false},
		"a maker's cluster":   {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{Cluster: ptr[uint32](0xFFF1FC00)}}}, true},
		"device type 0xC000":  {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{DeviceType: ptr[uint32](0xC000)}}}, false},
		"device type max":     {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{DeviceType: ptr[uint32](0xBFFF)}}}, true},
		"device type no make": {Entry{Privilege: model.View, Auth: model.CASE, Targets: []Target{{DeviceType: ptr[uint32](0xFFFF0001)}}}, false},
	}
	for name, tt := range tests {
		if got := tt.entry.Valid(); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

// TestFabricsAreApart: entries of other fabrics never matter.
func TestFabricsAreApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		entries := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Entry {
			return Entry{Fabric: rapid.Uint8Range(1, 3).Draw(t, "fabric"), Auth: model.CASE, Privilege: rapid.SampledFrom([]model.Privilege{1, 3, 4, 5}).Draw(t, "privilege"),
				Subjects: rapid.SliceOfN(rapid.Uint64Range(1, 3), 0, 2).Draw(t, "subjects")}
		}), 0, 6).Draw(t, "entries")
		c := model.Caller{Auth: model.CASE, Fabric: rapid.Uint8Range(1, 3).Draw(t, "own"), Node: rapid.Uint64Range(1, 3).Draw(t, "node")}
		var own []Entry
		for _, e := range entries {
			if e.Fabric == c.Fabric {
				own = append(own, e)
			}
		}
		if all, alone := Level(entries, &c, Place{}), Level(own, &c, Place{}); all != alone {
			t.Fatalf("level %d with the others, %d without", all, alone)
		}
	})
}
