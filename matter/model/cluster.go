package model

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/loquet/loquet/matter/tlv"
)

// Cluster is an instance of a cluster on an endpoint. Implementations embed Base.
type Cluster interface {
	// Class returns what describes this kind of cluster.
	Class() *Class
	// ReadAttribute encodes the value of one of the class's attributes under the tag. It does not wait for hardware.
	ReadAttribute(c *Caller, id uint32, w *tlv.Writer, tag tlv.Tag) error

	base() *Base
}

// Writer is a cluster with attributes that can be written.
type Writer interface {
	// WriteAttribute takes a whole new value. Of a list that a controller wrote or appended to piece by piece, it is the
	// whole list as well; of a fabric-scoped list, the accessing fabric's part of it.
	WriteAttribute(ctx context.Context, c *Caller, id uint32, v tlv.Element) error
}

// Invoker is a cluster with commands.
type Invoker interface {
	// Invoke carries out a command. fields is a structure. It returns the fields of the response command as
	// Structure encodes them, or nil for a command that has none.
	Invoke(ctx context.Context, c *Caller, id uint32, fields tlv.Element) ([]byte, error)
}

// Base is what all clusters have: their class, their place and their data version. It must be initialised with Init.
type Base struct {
	class    *Class
	endpoint *Endpoint
	version  atomic.Uint32
}

// Init gives a cluster its class and a random data version (Matter 1.4 section 7.10.3).
func (b *Base) Init(class *Class) {
	b.class = class
	b.version.Store(rand.Uint32())
}

func (b *Base) base() *Base { return b }

// Class returns what describes this kind of cluster.
func (b *Base) Class() *Class { return b.class }

// Version returns the data version, which every change of an attribute increments.
func (b *Base) Version() uint32 { return b.version.Load() }

// Endpoint returns the endpoint the cluster is on; nil before it was added to one.
func (b *Base) Endpoint() *Endpoint { return b.endpoint }

// Changed tells the node that attributes have a new value. It does not wait, and may be called while the cluster holds a
// lock of its own. A cluster that is not on a node yet has nobody to tell.
func (b *Base) Changed(attributes ...uint32) {
	b.version.Add(1)
	n := b.node()
	if n == nil {
		return
	}
	changes := make([]Change, 0, len(attributes))
	for _, id := range attributes {
		if a, ok := b.class.Attribute(id); !ok || a.Quality&ChangesOmitted == 0 {
			changes = append(changes, Change{Endpoint: b.endpoint.id, Cluster: b.class.ID, Attribute: id})
		}
	}
	if len(changes) > 0 {
		n.tell(changes)
	}
}

// ChangedQuietly counts a new value that subscriptions are not to hear of, such as a step of a countdown.
func (b *Base) ChangedQuietly() { b.version.Add(1) }

// Emit tells that something happened. The event must be one of the class's.
func (b *Base) Emit(id uint32, fabric uint8, fill func(w *tlv.Writer)) {
	kind, ok := b.class.Event(id)
	n := b.node()
	if !ok || n == nil || n.events == nil {
		return
	}
	n.events.Emit(Event{Endpoint: b.endpoint.id, Cluster: b.class.ID, ID: id, Priority: kind.Priority, Fabric: fabric, Data: Structure(fill)})
}

func (b *Base) node() *Node {
	if b.endpoint == nil {
		return nil
	}
	return b.endpoint.node.Load()
}

func (b *Base) revision() uint16 {
	if n := b.node(); n != nil {
		if r, ok := n.revisions[b.class.ID]; ok {
			return r
		}
	}
	return b.class.Revision
}

// Version returns the data version of a cluster.
func Version(c Cluster) uint32 { return c.base().Version() }
