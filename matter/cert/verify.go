package cert

import (
	"bytes"
	"fmt"
	"time"

	"github.com/loquet/loquet/matter/crypto"
)

// Bounds of operational node ids (Matter 1.4 2.5.5).
const (
	minNode uint64 = 1
	maxNode uint64 = 0xFFFF_FFEF_FFFF_FFFF
)

// maxCATs is how many CASE authenticated tags a node certificate may have.
const maxCATs = 3

// OperationalNode says whether an id can be that of a node on a fabric.
func OperationalNode(id uint64) bool { return id >= minNode && id <= maxNode }

// Chain is a verified chain.
type Chain struct {
	Root, NOC *Cert
	ICAC      *Cert // nil for none, or when the root certified the node itself
}

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

// Verify checks a whole chain: the form and the rules of each certificate, names, key identifiers, fabric ids and
// signatures (Matter 1.4 6.5, 6.6). The certificates are in TLV form; icac may be empty. at judges the times of
// validity; the zero time leaves them out, for a device whose clock is not trusted.
func Verify(root, icac, noc []byte, at time.Time) (*Chain, error) {
	r, err := ParseRoot(root)
	if err != nil {
		return nil, err
	}
	n, err := Parse(noc)
	if err != nil {
		return nil, err
	}
	if err := n.checkNode(); err != nil {
		return nil, err
	}
	chain := &Chain{Root: r, NOC: n}
	issuer := r
	if len(icac) > 0 {
		i, err := Parse(icac)
		if err != nil {
			return nil, err
		}
		if err := i.checkIntermediate(); err != nil {
			return nil, err
		}
		if err := i.issuedBy(r); err != nil {
			return nil, err
		}
		// A controller may hand over an intermediate that this node's certificate does not need.
		if !n.Issuer.equal(r.Subject) || n.Issuer.equal(i.Subject) {
			chain.ICAC, issuer = i, i
		}
		if f := i.FabricID(); f != 0 && f != n.FabricID() {
			return nil, refuse("the intermediate is of another fabric")
		}
	}
	if err := n.issuedBy(issuer); err != nil {
		return nil, err
	}
	if f := r.FabricID(); f != 0 && f != n.FabricID() {
		return nil, refuse("the root is of another fabric")
	}
	if chain.ICAC != nil && r.Extensions.PathLen == 0 {
		return nil, refuse("the root allows no intermediate")
	}
	for _, c := range []*Cert{r, chain.ICAC, n} {
		if err := c.validAt(at); err != nil {
			return nil, err
		}
	}
	return chain, nil
}

// ParseRoot decodes and checks a root certificate, its own signature among the rest.
func ParseRoot(b []byte) (*Cert, error) {
	r, err := Parse(b)
	if err != nil {
		return nil, err
	}
	if err := r.checkCA(AttrRCACID, AttrICACID); err != nil {
		return nil, err
	}
	if err := r.issuedBy(r); err != nil {
		return nil, err
	}
	return r, nil
}

func (c *Cert) validAt(at time.Time) error {
	if c == nil || at.IsZero() {
		return nil
	}
	if at.Before(Time(c.NotBefore)) || (c.NotAfter != 0 && at.After(Time(c.NotAfter))) {
		return refuse("not valid at this time")
	}
	return nil
}

func (c *Cert) checkCommon() error {
	if c.NotAfter != 0 && c.NotAfter < c.NotBefore {
		return refuse("it ends before it begins")
	}
	if _, err := crypto.ParsePublicKey(c.PublicKey); err != nil {
		return refuse("its key is not one of P-256")
	}
	for _, tag := range []uint8{extBasic, extUsage, extSubject, extIssuer} {
		if !c.Extensions.has(tag) {
			return refuse("extension %d is missing", tag)
		}
	}
	if v := c.Subject.Values(AttrFabricID); len(v) > 1 || (len(v) == 1 && v[0] == 0) {
		return refuse("its fabric id is not one")
	}
	if len(c.Subject.Values(AttrFirmware))+len(c.Subject.Values(AttrVVSID)) > 0 {
		return refuse("it is for another purpose")
	}
	return nil
}

// checkCA holds a root or an intermediate against its rules: own is the id it must have, once, other one that it must
// not have.
func (c *Cert) checkCA(own, other uint8) error {
	if err := c.checkCommon(); err != nil {
		return err
	}
	switch {
	case len(c.Subject.Values(own)) != 1:
		return refuse("it names no authority, or several")
	case len(c.Subject.Values(other))+len(c.Subject.Values(AttrNodeID))+len(c.Subject.Values(AttrCAT)) > 0:
		return refuse("it names an authority and something else")
	case !c.Extensions.IsCA:
		return refuse("it is no authority")
	case c.Extensions.Usage&UsageCertSign == 0:
		return refuse("its key may not sign certificates")
	case c.Extensions.PathLen > 1 || own == AttrICACID && c.Extensions.PathLen > 0:
		return refuse("its path is too long")
	}
	return nil
}

func (c *Cert) checkIntermediate() error { return c.checkCA(AttrICACID, AttrRCACID) }

func (c *Cert) checkNode() error {
	if err := c.checkCommon(); err != nil {
		return err
	}
	node, ok := c.Subject.one(AttrNodeID)
	switch {
	case !ok || !OperationalNode(node):
		return refuse("it names no operational node, or several")
	case c.FabricID() == 0:
		return refuse("it names no fabric")
	case len(c.Subject.Values(AttrRCACID))+len(c.Subject.Values(AttrICACID)) > 0:
		return refuse("a node cannot be an authority")
	case c.Extensions.IsCA || c.Extensions.PathLen >= 0:
		return refuse("a node cannot be an authority")
	case c.Extensions.Usage&UsageDigitalSignature == 0 || c.Extensions.Usage&UsageCertSign != 0:
		return refuse("its key is for something else than signatures")
	case !bytes.Contains(c.Extensions.Purposes, []byte{PurposeServerAuth}) || !bytes.Contains(c.Extensions.Purposes, []byte{PurposeClientAuth}):
		return refuse("its key is not for both server and client")
	}
	return checkCATs(c.CATs())
}

// checkCATs wants at most three tags, with a version and no identifier twice (Matter 1.4 6.6.2.1.2).
func checkCATs(cats []uint32) error {
	if len(cats) > maxCATs {
		return refuse("over %d authenticated tags", maxCATs)
	}
	seen := map[uint16]bool{}
	for _, cat := range cats {
		id, version := uint16(cat>>16), uint16(cat)
		if version == 0 || seen[id] {
			return refuse("an authenticated tag twice, or without a version")
		}
		seen[id] = true
	}
	return nil
}

// issuedBy checks names, key identifiers and the signature.
func (c *Cert) issuedBy(issuer *Cert) error {
	switch {
	case !c.Issuer.equal(issuer.Subject):
		return refuse("it names another issuer")
	case !bytes.Equal(c.Extensions.IssuerKey, issuer.Extensions.SubjectKey):
		return refuse("it names another key of its issuer")
	case !crypto.Verify(issuer.PublicKey, c.Signature, c.TBS()):
		return refuse("its signature is wrong")
	}
	return nil
}
