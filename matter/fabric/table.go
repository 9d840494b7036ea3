package fabric

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
)

// Storage keeps octets under keys. Apply is all or nothing and durable when it returns; a nil value deletes. An error of
// Get or List means that something is damaged, not that it is not there.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

const (
	prefix  = "fabrics/"
	nextKey = "fabric-next"
)

// Table holds the fabrics. It is safe for use by several goroutines.
type Table struct {
	storage Storage
	most    int

	mu      sync.RWMutex
	fabrics map[uint8]*Fabric
	next    uint8 // the index that the next fabric gets, if it is free
	pending *pending
	watch   []func(Change)
}

// Kind says what happened to a fabric.
type Kind uint8

// What can happen to a fabric.
const (
	Added Kind = iota + 1
	Updated
	Renewed // has another certificate and key
	Removed
)

// Change tells what happened to a fabric.
type Change struct {
	Kind  Kind
	Index uint8
}

// Open reads the fabrics; most is how many there may be, 5 to 254. It fails with ErrDamaged rather than forgetting one.
func Open(s Storage, most int) (*Table, error) {
	t := &Table{storage: s, most: min(max(most, 5), 254), fabrics: map[uint8]*Fabric{}, next: 1}
	kept, err := s.List(prefix)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	for key, b := range kept {
		f, err := decode(b)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		if key != keyOf(f.Index) {
			return nil, fmt.Errorf("%w: fabric %d stands under %q", ErrDamaged, f.Index, strings.TrimPrefix(key, prefix))
		}
		t.fabrics[f.Index] = f
	}
	b, ok, err := s.Get(nextKey)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case ok && len(b) == 1:
		t.next = b[0]
	}
	return t, nil
}

func keyOf(index uint8) string { return fmt.Sprintf("%s%03d", prefix, index) }

// Watch calls tell after every change that counts, in the goroutine that made it; tell may read the table and must not
// touch a fail-safe, which may be what makes the change.
func (t *Table) Watch(tell func(Change)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watch = append(t.watch, tell)
}

func (t *Table) tell(c Change) {
	t.mu.RLock()
	watch := slices.Clone(t.watch)
	t.mu.RUnlock()
	for _, f := range watch {
		f(c)
	}
}

// Most is how many fabrics there may be.
func (t *Table) Most() int { return t.most }

// Get returns a fabric, one that is being commissioned too. It must not be changed.
func (t *Table) Get(index uint8) (*Fabric, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.get(index)
}

func (t *Table) get(index uint8) (*Fabric, bool) {
	if t.pending != nil && t.pending.fabric != nil && t.pending.fabric.Index == index {
		return t.pending.fabric, true
	}
	f, ok := t.fabrics[index]
	return f, ok
}

// All returns the fabrics in order of their indexes, one that is being commissioned too.
func (t *Table) All() []*Fabric {
	t.mu.RLock()
	defer t.mu.RUnlock()
	list := maps.Clone(t.fabrics)
	if t.pending != nil && t.pending.fabric != nil {
		list[t.pending.fabric.Index] = t.pending.fabric
	}
	return slices.SortedFunc(maps.Values(list), func(a, b *Fabric) int { return cmp.Compare(a.Index, b.Index) })
}

// Fabrics returns the fabrics as far as sessions need them.
func (t *Table) Fabrics() []session.Fabric {
	var out []session.Fabric
	for _, f := range t.All() {
		out = append(out, f.Fabric)
	}
	return out
}

// Level says what a caller may do at a place, by the access list of its fabric.
func (t *Table) Level(c *model.Caller, at acl.Place) model.Privilege {
	var entries []acl.Entry
	if c.Fabric != 0 {
		if f, ok := t.Get(c.Fabric); ok {
			entries = f.ACL
		}
	}
	return acl.Level(entries, c, at)
}

// Update changes a fabric: change replaces fields of a copy. It counts when it is stored; of a fabric that is being
// commissioned, when that is complete.
func (t *Table) Update(index uint8, change func(f *Fabric) error) error {
	err := t.update(index, change)
	if err == nil {
		t.tell(Change{Updated, index})
	}
	return err
}

func (t *Table) update(index uint8, change func(f *Fabric) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	f, ok := t.get(index)
	if !ok {
		return ErrAbsent
	}
	next := f.clone()
	if err := change(next); err != nil {
		return err
	}
	next.derive()
	if t.pending != nil && t.pending.fabric == f {
		t.pending.fabric = next
		return nil
	}
	if err := t.store(next); err != nil {
		return err
	}
	t.fabrics[index] = next
	return nil
}

func (t *Table) store(f *Fabric) error {
	b, err := f.encode()
	if err != nil {
		return fmt.Errorf("matter/fabric: %w", err)
	}
	return t.storage.Apply(map[string][]byte{keyOf(f.Index): b})
}

// Remove ends a membership. One that is being commissioned ends with its fail-safe: see Rollback.
func (t *Table) Remove(index uint8) error {
	if err := t.remove(index); err != nil {
		return err
	}
	t.tell(Change{Removed, index})
	return nil
}

func (t *Table) remove(index uint8) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.get(index); !ok {
		return ErrAbsent
	}
	if _, kept := t.fabrics[index]; kept {
		if err := t.storage.Apply(map[string][]byte{keyOf(index): nil}); err != nil {
			return err
		}
		delete(t.fabrics, index)
	}
	if p := t.pending; p != nil && p.fabric != nil && p.fabric.Index == index {
		t.pending = nil
	}
	return nil
}

// conflict returns a fabric with the same root and number.
func (t *Table) conflict(rootKey []byte, id uint64) bool {
	for _, f := range t.fabrics {
		if f.FabricID == id && bytes.Equal(f.RootKey, rootKey) {
			return true
		}
	}
	return false
}

// free returns an index for a new fabric: they go round, so that a controller's memory of an old one does not meet a new
// one soon.
func (t *Table) free() (uint8, bool) {
	if len(t.fabrics) >= t.most {
		return 0, false
	}
	index := t.next
	for range 254 {
		if index == 0 || index == 255 {
			index = 1
		}
		if _, taken := t.fabrics[index]; !taken {
			return index, true
		}
		index++
	}
	return 0, false
}
