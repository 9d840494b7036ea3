package model

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
)

// maxEndpoints bounds a node. Controllers give up long before (reference: about 100 devices a bridge).
const maxEndpoints = 1024

// Change names an attribute that has a new value.
type Change struct {
	Endpoint  uint16
	Cluster   uint32
	Attribute uint32
}

// Config says what a node is made with.
type Config struct {
	Events Events // where events go; nil forgets them
	// Revisions overrides the revision that a cluster advertises, by cluster id: some controllers take only revisions that
	// they know.
	Revisions map[uint32]uint16
}

// Node is the set of endpoints. It is safe for use by several goroutines.
type Node struct {
	events    Events
	revisions map[uint32]uint16

	mu        sync.Mutex // held to change what follows
	endpoints atomic.Pointer[[]*Endpoint]
	watchers  atomic.Pointer[[]*watcher]
}

type watcher struct{ tell func([]Change) }

// NewNode returns a node without endpoints.
func NewNode(c Config) *Node {
	n := &Node{events: c.Events, revisions: c.Revisions}
	n.endpoints.Store(&[]*Endpoint{})
	n.watchers.Store(&[]*watcher{})
	return n
}

// Endpoints returns the endpoints in order of their numbers. The slice must not be changed.
func (n *Node) Endpoints() []*Endpoint { return *n.endpoints.Load() }

// Endpoint returns the endpoint with the number.
func (n *Node) Endpoint(id uint16) (*Endpoint, bool) {
	list := n.Endpoints()
	i, ok := find(list, id)
	if !ok {
		return nil, false
	}
	return list[i], true
}

func find(list []*Endpoint, id uint16) (int, bool) {
	return slices.BinarySearchFunc(list, id, func(e *Endpoint, id uint16) int { return cmp.Compare(e.id, id) })
}

// Add puts an endpoint on the node; its parent must be there. It fails with ErrEndpoint when the number is taken or there
// are too many.
func (n *Node) Add(e *Endpoint) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.Endpoints()
	i, taken := find(list, e.id)
	switch {
	case taken:
		return fmt.Errorf("%w %d is there already", ErrEndpoint, e.id)
	case len(list) >= maxEndpoints:
		return fmt.Errorf("%w %d is one too many, at most %d", ErrEndpoint, e.id, maxEndpoints)
	}
	if _, ok := find(list, e.parent); !ok && e.id != 0 {
		return fmt.Errorf("%w %d is a part of %d, which is not there", ErrEndpoint, e.id, e.parent)
	}
	if !e.node.CompareAndSwap(nil, n) {
		return fmt.Errorf("%w %d is on a node already", ErrEndpoint, e.id)
	}
	next := slices.Insert(slices.Clone(list), i, e)
	n.endpoints.Store(&next)
	n.partsChanged(e)
	return nil
}

// Remove takes an endpoint, which must have no parts left, off the node. It can be added again.
func (n *Node) Remove(id uint16) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.Endpoints()
	i, ok := find(list, id)
	if !ok {
		return fmt.Errorf("%w %d is not there", ErrEndpoint, id)
	}
	if slices.ContainsFunc(list, func(e *Endpoint) bool { return e.id != id && e.parent == id }) {
		return fmt.Errorf("%w %d has parts", ErrEndpoint, id)
	}
	e := list[i]
	next := slices.Delete(slices.Clone(list), i, i+1)
	n.endpoints.Store(&next)
	n.partsChanged(e)
	e.node.Store(nil)
	return nil
}

// partsChanged tells of the parts lists of all that an endpoint is a part of.
func (n *Node) partsChanged(e *Endpoint) {
	for id := e.id; id != 0; {
		id = e.parent
		parent, ok := n.Endpoint(id)
		if !ok {
			return
		}
		parent.descriptor.Changed(partsList)
		e = parent
	}
}

// Watch calls tell with what changed together, from now on, in the goroutine that changes it: tell must not wait, must
// not call a cluster and must not keep the slice. The returned function ends it.
func (n *Node) Watch(tell func([]Change)) (stop func()) {
	w := &watcher{tell}
	n.mu.Lock()
	defer n.mu.Unlock()
	next := append(slices.Clone(*n.watchers.Load()), w)
	n.watchers.Store(&next)
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		next := slices.DeleteFunc(slices.Clone(*n.watchers.Load()), func(o *watcher) bool { return o == w })
		n.watchers.Store(&next)
	}
}

func (n *Node) tell(c []Change) {
	for _, w := range *n.watchers.Load() {
		w.tell(c)
	}
}
