package sigma

import (
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
	"github.com/loquet/loquet/matter/tlv"
)

// Storage keeps resumptions over a restart. Apply is all or nothing; a nil value deletes.
type Storage interface {
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

const storagePrefix = "resumption/"

// resumption is what two nodes keep of a session to begin the next one with.
type resumption struct {
	id         []byte
	secret     []byte
	fabric     uint8
	compressed [8]byte // of the fabric, because an index is given again
	node       uint64
	cats       []uint32
	age        uint64 // grows with each use
}

func (r resumption) key() string {
	return fmt.Sprintf("%s%s-%016x", storagePrefix, hex.EncodeToString(r.compressed[:]), r.node)
}

// Resumptions holds one record for each peer, and forgets the peer that was longest away when there are too many.
type Resumptions struct {
	limit   int
	storage Storage

	mu   sync.Mutex
	all  map[string]resumption // by key
	next uint64
}

// NewResumptions reads what the storage holds; storage may be nil. What cannot be read is forgotten: the peer then
// shows its certificates again.
func NewResumptions(limit int, storage Storage) (*Resumptions, error) {
	r := &Resumptions{limit: limit, storage: storage, all: map[string]resumption{}}
	if storage == nil {
		return r, nil
	}
	kept, err := storage.List(storagePrefix)
	if err != nil {
		return nil, err
	}
	for k, raw := range kept {
		if rec, err := parseResumption(raw); err == nil && rec.key() == k {
			r.all[k] = rec
			r.next = max(r.next, rec.age+1)
		}
	}
	return r, nil
}

func (r *Resumptions) byID(id []byte) (resumption, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, rec := range r.all {
		if crypto.Equal(rec.id, id) {
			return rec, true
		}
	}
	return resumption{}, false
}

func (r *Resumptions) byPeer(compressed [8]byte, node uint64) (resumption, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec, ok := r.all[resumption{compressed: compressed, node: node}.key()]
	return rec, ok
}

// keep stores a record in the place of the peer's former one. A storage that fails costs the next restart a
// handshake, no more.
func (r *Resumptions) keep(rec resumption) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	rec.age = r.next
	r.next++
	k := rec.key()
	changes := map[string][]byte{}
	if _, known := r.all[k]; !known && len(r.all) >= r.limit {
		oldest := ""
		for k, o := range r.all {
			if oldest == "" || o.age < r.all[oldest].age {
				oldest = k
			}
		}
		delete(r.all, oldest)
		changes[oldest] = nil
	}
	r.all[k] = rec
	raw, err := rec.bytes()
	if err != nil {
		return err
	}
	changes[k] = raw
	if r.storage == nil {
		return nil
	}
	return r.storage.Apply(changes)
}

// ForgetFabric drops the records of a fabric that was removed.
func (r *Resumptions) ForgetFabric(index uint8) error {
	return r.forget(func(rec resumption) bool { return rec.fabric == index })
}

// Retain drops the records of all other fabrics: of those that were being commissioned or removed when the power went.
func (r *Resumptions) Retain(members []session.Fabric) error {
	return r.forget(func(rec resumption) bool {
		return !slices.ContainsFunc(members, func(f session.Fabric) bool { return f.Index == rec.fabric && f.Compressed == rec.compressed })
	})
}

func (r *Resumptions) forget(which func(resumption) bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	changes := map[string][]byte{}
	for k, rec := range r.all {
		if which(rec) {
			delete(r.all, k)
			changes[k] = nil
		}
	}
	if r.storage == nil || len(changes) == 0 {
		return nil
	}
	return r.storage.Apply(changes)
}

func (r resumption) bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), r.id)
	w.Octets(tlv.Context(2), r.secret)
	w.Uint(tlv.Context(3), uint64(r.fabric))
	w.Octets(tlv.Context(4), r.compressed[:])
	w.Uint(tlv.Context(5), r.node)
	w.Array(tlv.Context(6))
	for _, c := range r.cats {
		w.Uint(tlv.Anonymous(), uint64(c))
	}
	w.End()
	w.Uint(tlv.Context(7), r.age)
	w.End()
	return w.Finish()
}

func parseResumption(b []byte) (resumption, error) {
	f, err := tlv.OpenMessage(b)
	if err != nil {
		return resumption{}, err
	}
	r := resumption{id: f.Octets(1, resumptionSize, resumptionSize), secret: f.Octets(2, 32, 32), fabric: f.Uint8(3)}
	copy(r.compressed[:], f.Octets(4, 8, 8))
	r.node = f.Uint64(5)
	for m := range f.Array(6).Members() {
		v, err := m.UintMax(math.MaxUint32)
		if err != nil {
			return resumption{}, err
		}
		r.cats = append(r.cats, uint32(v))
	}
	r.age = f.Uint64(7)
	return r, f.Err()
}
