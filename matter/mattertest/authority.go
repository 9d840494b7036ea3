package mattertest

import (
	"crypto/ecdsa"
	"testing"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
)

// Authority runs a fabric: it certifies nodes.
type Authority struct {
	FabricID   uint64
	RootKey    *ecdsa.PrivateKey
	ICACKey    *ecdsa.PrivateKey // nil: the root certifies nodes itself
	Root, ICAC []byte            // in TLV form
	EpochKey   []byte            // of the identity protection key
	root, icac *cert.Cert
}

// NewAuthority makes a new fabric, with an intermediate certificate or without.
func NewAuthority(t testing.TB, fabric uint64, intermediate bool) *Authority {
	t.Helper()
	a := &Authority{FabricID: fabric, RootKey: NewKey(t), EpochKey: crypto.Random(16)}
	name := cert.Name{{Tag: cert.AttrRCACID, Number: 1}, {Tag: cert.AttrFabricID, Number: fabric}}
	a.root = Certificate(t, a.RootKey, a.RootKey, name, name)
	a.Root = Signed(t, a.root, a.RootKey)
	if intermediate {
		a.ICACKey = NewKey(t)
		a.icac = Certificate(t, a.ICACKey, a.RootKey, cert.Name{{Tag: cert.AttrICACID, Number: 2}, {Tag: cert.AttrFabricID, Number: fabric}}, name)
		a.ICAC = Signed(t, a.icac, a.RootKey)
	}
	return a
}

// NewKey makes a key pair.
func NewKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := crypto.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Certificate makes a certificate that keeps every rule for its subject, but for the signature.
func Certificate(t testing.TB, key, issuerKey *ecdsa.PrivateKey, subject, issuer cert.Name) *cert.Cert {
	t.Helper()
	pub, err := crypto.PublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	by, err := crypto.PublicKey(issuerKey)
	if err != nil {
		t.Fatal(err)
	}
	ca := len(subject.Values(cert.AttrNodeID)) == 0
	return &cert.Cert{Serial: []byte{1, 2, 3}, Issuer: issuer, Subject: subject, NotBefore: 0x2B3C0000, PublicKey: pub,
		Extensions: cert.NewExtensions(ca, pub, by)}
}

// Signed signs a certificate and encodes it.
func Signed(t testing.TB, c *cert.Cert, issuerKey *ecdsa.PrivateKey) []byte {
	t.Helper()
	if err := c.Sign(issuerKey); err != nil {
		t.Fatal(err)
	}
	b, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Node certifies a key for a node with authenticated tags.
func (a *Authority) Node(t testing.TB, key *ecdsa.PrivateKey, node uint64, cats ...uint32) []byte {
	t.Helper()
	subject := cert.Name{{Tag: cert.AttrNodeID, Number: node}, {Tag: cert.AttrFabricID, Number: a.FabricID}}
	for _, c := range cats {
		subject = append(subject, cert.Attribute{Tag: cert.AttrCAT, Number: uint64(c)})
	}
	issuer, issuerKey := a.root, a.RootKey
	if a.icac != nil {
		issuer, issuerKey = a.icac, a.ICACKey
	}
	return Signed(t, Certificate(t, key, issuerKey, subject, issuer.Subject), issuerKey)
}

// Member makes a node's membership in the fabric.
func (a *Authority) Member(t testing.TB, index uint8, node uint64, cats ...uint32) session.Fabric {
	t.Helper()
	key := NewKey(t)
	pub, err := crypto.PublicKey(a.RootKey)
	if err != nil {
		t.Fatal(err)
	}
	compressed := crypto.CompressedFabricID(pub, a.FabricID)
	return session.Fabric{Index: index, FabricID: a.FabricID, NodeID: node, VendorID: 0xFFF1, Root: a.Root, ICAC: a.ICAC,
		NOC: a.Node(t, key, node, cats...), Key: key, RootKey: pub, Compressed: compressed,
		IPKs: [][]byte{crypto.GroupKey(a.EpochKey, compressed)}}
}
