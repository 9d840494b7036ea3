package fabric

import (
	"bytes"
	"crypto/ecdsa"
	"slices"

	"github.com/loquet/loquet/matter/acl"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/session"
)

// pending is what a commissioner has done under the present fail-safe.
type pending struct {
	root      []byte // a trusted root, and its key
	rootKey   []byte
	key       *ecdsa.PrivateKey // of the last certificate signing request
	forUpdate bool              // that request was for UpdateNOC
	fabric    *Fabric           // added, or with a new certificate
	added     bool
}

func (t *Table) staged() *pending {
	if t.pending == nil {
		t.pending = &pending{}
	}
	return t.pending
}

// StageRoot takes a trusted root certificate for the fabric to be added. The same one again changes nothing; another one,
// or one after the fabric was added, is ErrOrder.
func (t *Table) StageRoot(root, publicKey []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.staged()
	if p.fabric != nil || p.root != nil && !bytes.Equal(p.root, root) {
		return ErrOrder
	}
	p.root, p.rootKey = slices.Clone(root), slices.Clone(publicKey)
	return nil
}

// StageKey makes the operational key of a signing request. A later request replaces it; after a certificate was added it
// is ErrOrder.
func (t *Table) StageKey(forUpdate bool) (*ecdsa.PrivateKey, error) {
	key, err := crypto.NewKey()
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.staged()
	if p.fabric != nil {
		return nil, ErrOrder
	}
	p.key, p.forUpdate = key, forUpdate
	return key, nil
}

// Staged returns what a certificate has to fit: the root and key staged, whether the key is for an update, and whether a
// certificate has been added already.
func (t *Table) Staged() (root []byte, key *ecdsa.PrivateKey, forUpdate, done bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	if t.pending == nil {
		return nil, nil, false, false
	}
	return t.pending.root, t.pending.key, t.pending.forUpdate, t.pending.fabric != nil
}

// Credentials are what a certificate that was verified says.
type Credentials struct {
	FabricID, NodeID uint64
	NOC, ICAC        []byte // an empty ICAC means none
}

// Stage adds a fabric under the fail-safe, with the staged root and key, an administrator and its identity protection key.
func (t *Table) Stage(c Credentials, epochKey []byte, vendor uint16, admin uint64) (uint8, error) {
	index, err := t.stage(c, epochKey, vendor, admin)
	if err == nil {
		t.tell(Change{Added, index})
	}
	return index, err
}

func (t *Table) stage(c Credentials, epochKey []byte, vendor uint16, admin uint64) (uint8, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending
	if p == nil || p.fabric != nil || p.root == nil || p.key == nil || p.forUpdate {
		return 0, ErrOrder
	}
	if t.conflict(p.rootKey, c.FabricID) {
		return 0, ErrConflict
	}
	index, ok := t.free()
	if !ok {
		return 0, ErrFull
	}
	f := &Fabric{Fabric: session.Fabric{Index: index, FabricID: c.FabricID, NodeID: c.NodeID, VendorID: vendor, Root: p.root, ICAC: slices.Clone(c.ICAC),
		NOC: slices.Clone(c.NOC), Key: p.key, RootKey: p.rootKey}}
	f.ACL = []acl.Entry{{Fabric: index, Privilege: model.Administer, Auth: model.CASE, Subjects: []uint64{admin}}}
	f.KeySets = []KeySet{{Epochs: []Epoch{{Key: slices.Clone(epochKey)}}}}
	f.derive()
	p.fabric, p.added = f, true
	return index, nil
}

// StageUpdate gives a fabric a new certificate under the fail-safe, for the staged key.
func (t *Table) StageUpdate(index uint8, c Credentials) error {
	err := t.stageUpdate(index, c)
	if err == nil {
		t.tell(Change{Renewed, index})
	}
	return err
}

func (t *Table) stageUpdate(index uint8, c Credentials) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.pending
	if p == nil || p.fabric != nil || p.root != nil || p.key == nil || !p.forUpdate {
		return ErrOrder
	}
	f, ok := t.fabrics[index]
	if !ok {
		return ErrAbsent
	}
	next := f.clone()
	next.NodeID, next.NOC, next.ICAC, next.Key = c.NodeID, slices.Clone(c.NOC), slices.Clone(c.ICAC), p.key
	next.Statement, next.Signer = nil, nil // they spoke of the old certificate
	p.fabric = next
	return nil
}

// Commit makes what was staged last: it is stored, and the stage is empty. When it cannot be stored, it stays staged.
func (t *Table) Commit() error {
	t.mu.Lock()
	p := t.pending
	if p == nil || p.fabric == nil {
		t.pending = nil
		t.mu.Unlock()
		return nil
	}
	b, err := p.fabric.encode()
	if err != nil {
		t.mu.Unlock()
		return err
	}
	changes := map[string][]byte{keyOf(p.fabric.Index): b}
	next := t.next
	if p.added {
		next = p.fabric.Index + 1
		changes[nextKey] = []byte{next}
	}
	if err := t.storage.Apply(changes); err != nil {
		t.mu.Unlock()
		return err
	}
	t.fabrics[p.fabric.Index], t.next, t.pending = p.fabric, next, nil
	t.mu.Unlock()
	t.tell(Change{Updated, p.fabric.Index})
	return nil
}

// Rollback forgets what was staged.
func (t *Table) Rollback() {
	t.mu.Lock()
	p := t.pending
	t.pending = nil
	t.mu.Unlock()
	switch {
	case p == nil || p.fabric == nil:
	case p.added:
		t.tell(Change{Removed, p.fabric.Index})
	default:
		t.tell(Change{Renewed, p.fabric.Index})
	}
}
