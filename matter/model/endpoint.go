package model

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
)

// ErrEndpoint is returned for an endpoint that cannot be made or added as asked.
var ErrEndpoint = errors.New("matter/model: endpoint")

// DeviceType is what an endpoint claims to be.
type DeviceType struct {
	ID       uint32
	Revision uint16
}

// Tag is a semantic tag that tells endpoints of the same device type apart (Matter 1.4 section 9.5.6.2).
type Tag struct {
	Vendor    *uint16 // nil for a standard namespace
	Namespace uint8
	Tag       uint8
	Label     string // empty for none
}

// Composition is how the parts list of an endpoint is made (Matter 1.4 section 9.2.3).
type Composition uint8

const (
	// Tree: the parts of an endpoint are its children and theirs stand with them only.
	Tree Composition = iota
	// FullFamily: the parts are all descendants, as of the root node and an aggregator.
	FullFamily
)

// EndpointConfig says what an endpoint is.
type EndpointConfig struct {
	ID uint16
	// Parent is the endpoint this one is a part of. Endpoint 0 has none.
	Parent      uint16
	DeviceTypes []DeviceType // the primary one first: some controllers look no further
	Tags        []Tag        // at least one makes the Descriptor's tag list
	UniqueID    string       // the Descriptor's EndpointUniqueID; empty for none
	Composition Composition
	Clusters    []Cluster // without the Descriptor, which every endpoint gets
}

// Endpoint is one functional part of a node. What it is does not change; its clusters' values do.
type Endpoint struct {
	id          uint16
	parent      uint16
	composition Composition
	types       []DeviceType
	tags        []Tag
	unique      string
	clusters    []Cluster
	descriptor  *descriptor
	node        atomic.Pointer[Node]
}

// NewEndpoint makes an endpoint of its parts. It fails with ErrEndpoint when a cluster is there twice, is on another
// endpoint already, or when there is no device type.
func NewEndpoint(c EndpointConfig) (*Endpoint, error) {
	if len(c.DeviceTypes) == 0 {
		return nil, fmt.Errorf("%w %d has no device type", ErrEndpoint, c.ID)
	}
	if len(c.Tags) > 6 {
		return nil, fmt.Errorf("%w %d has %d semantic tags, at most 6", ErrEndpoint, c.ID, len(c.Tags))
	}
	e := &Endpoint{id: c.ID, parent: c.Parent, composition: c.Composition, types: slices.Clone(c.DeviceTypes), tags: slices.Clone(c.Tags), unique: c.UniqueID}
	e.descriptor = newDescriptor(e)
	e.clusters = make([]Cluster, 0, len(c.Clusters)+1)
	e.clusters = append(append(e.clusters, e.descriptor), c.Clusters...)
	slices.SortFunc(e.clusters, func(a, b Cluster) int { return cmp.Compare(a.Class().ID, b.Class().ID) })
	for i, cluster := range e.clusters {
		if i > 0 && e.clusters[i-1].Class().ID == cluster.Class().ID {
			return nil, fmt.Errorf("%w %d has cluster 0x%04x twice", ErrEndpoint, c.ID, cluster.Class().ID)
		}
		if cluster.base().endpoint != nil {
			return nil, fmt.Errorf("%w %d: cluster 0x%04x belongs to another endpoint", ErrEndpoint, c.ID, cluster.Class().ID)
		}
	}
	for _, cluster := range e.clusters {
		cluster.base().endpoint = e
	}
	return e, nil
}

// ID returns the endpoint's number.
func (e *Endpoint) ID() uint16 { return e.id }

// Parent returns the number of the endpoint this one is a part of.
func (e *Endpoint) Parent() uint16 { return e.parent }

// DeviceTypes returns what the endpoint claims to be. The slice must not be changed.
func (e *Endpoint) DeviceTypes() []DeviceType { return e.types }

// Clusters returns the clusters in order of their ids. The slice must not be changed.
func (e *Endpoint) Clusters() []Cluster { return e.clusters }

// Cluster returns the cluster with the id.
func (e *Endpoint) Cluster(id uint32) (Cluster, bool) {
	i, ok := slices.BinarySearchFunc(e.clusters, id, func(c Cluster, id uint32) int { return cmp.Compare(c.Class().ID, id) })
	if !ok {
		return nil, false
	}
	return e.clusters[i], true
}
