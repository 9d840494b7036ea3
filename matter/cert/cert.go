package cert

import (
	"crypto/sha1" //nolint:gosec // the key identifiers of X.509 are SHA-1
	"errors"
	"fmt"
	"math"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/tlv"
)

// MaxSize is the largest certificate in TLV form, and MaxDER in X.509 form, in octets (Matter 1.4 6.1.3).
const (
	MaxSize = 400
	MaxDER  = 600
)

// maxSerial is the longest serial number. The specification says 20; certificates with one of 21 are in use.
const maxSerial = 21

// ErrFormat is returned when octets are no certificate, ErrInvalid when a certificate or a chain breaks a rule.
var (
	ErrFormat  = errors.New("cert: not a Matter certificate")
	ErrInvalid = errors.New("cert: certificate refused")
)

// Key usage flags (Matter 1.4 6.5.11.2).
const (
	UsageDigitalSignature uint16 = 1 << 0
	UsageCertSign         uint16 = 1 << 5
	UsageCRLSign          uint16 = 1 << 6
)

// Key purposes (Matter 1.4 6.5.11.3).
const (
	PurposeServerAuth uint8 = 1
	PurposeClientAuth uint8 = 2
)

// Extension context tags.
const (
	extBasic    uint8 = 1
	extUsage    uint8 = 2
	extPurposes uint8 = 3
	extSubject  uint8 = 4
	extIssuer   uint8 = 5
	extFuture   uint8 = 6
)

// Extensions of a certificate. Order says in which order they stand, by context tag, because that is signed too.
type Extensions struct {
	Order      []uint8
	IsCA       bool
	PathLen    int // -1: none
	Usage      uint16
	Purposes   []uint8
	SubjectKey []byte   // 20 octets
	IssuerKey  []byte   // 20 octets
	Future     [][]byte // whole extensions in DER, not understood
}

func (x Extensions) has(tag uint8) bool {
	for _, t := range x.Order {
		if t == tag {
			return true
		}
	}
	return false
}

// Cert is an operational certificate. Times are seconds since the year 2000; NotAfter 0 means never.
type Cert struct {
	Serial              []byte
	Issuer, Subject     Name
	NotBefore, NotAfter uint32
	PublicKey           []byte // 65 octets
	Extensions          Extensions
	Signature           []byte // 64 octets: r and s
}

// NodeID returns the operational node id that a node certificate is for; 0 for none.
func (c *Cert) NodeID() uint64 { v, _ := c.Subject.one(AttrNodeID); return v }

// FabricID returns the fabric id in the subject; 0 for none.
func (c *Cert) FabricID() uint64 { v, _ := c.Subject.one(AttrFabricID); return v }

// CATs returns the CASE authenticated tags of the subject.
func (c *Cert) CATs() []uint32 {
	var cats []uint32
	for _, v := range c.Subject.Values(AttrCAT) {
		cats = append(cats, uint32(v))
	}
	return cats
}

// NewExtensions makes the extensions of a certificate for a key, in the usual order; issuerKey is the key that signs it.
func NewExtensions(ca bool, publicKey, issuerKey []byte) Extensions {
	x := Extensions{IsCA: ca, PathLen: -1, Usage: UsageCertSign | UsageCRLSign, SubjectKey: KeyID(publicKey), IssuerKey: KeyID(issuerKey),
		Order: []uint8{extBasic, extUsage, extSubject, extIssuer}}
	if !ca {
		x.Usage, x.Purposes = UsageDigitalSignature, []uint8{PurposeClientAuth, PurposeServerAuth}
		x.Order = []uint8{extBasic, extUsage, extPurposes, extSubject, extIssuer}
	}
	return x
}

// KeyID is the identifier of a public key: the SHA-1 of its point (RFC 5280 4.2.1.2).
func KeyID(publicKey []byte) []byte {
	h := sha1.Sum(publicKey) //nolint:gosec // see above
	return h[:]
}

// Parse decodes a certificate in TLV form. It judges the form only: Verify judges the rest.
func Parse(b []byte) (*Cert, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d octets, at most %d", ErrFormat, len(b), MaxSize)
	}
	e, err := tlv.Decode(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	f := tlv.OpenStruct(e)
	c := &Cert{Serial: f.Octets(1, 1, maxSerial)}
	algorithms := [...]uint64{f.UintMax(2, math.MaxUint8), f.UintMax(7, math.MaxUint8), f.UintMax(8, math.MaxUint8)}
	c.NotBefore, c.NotAfter = f.Uint32(4), f.Uint32(5)
	c.PublicKey = f.Octets(9, crypto.PublicKeySize, crypto.PublicKeySize)
	c.Signature = f.Octets(11, crypto.SignatureSize, crypto.SignatureSize)
	issuer, subject, ext := f.Element(3), f.Element(6), f.Element(10)
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if algorithms != [...]uint64{1, 1, 1} {
		return nil, fmt.Errorf("%w: only ECDSA with SHA-256 over P-256 is known", ErrFormat)
	}
	if c.Issuer, err = readName(issuer); err != nil {
		return nil, err
	}
	if c.Subject, err = readName(subject); err != nil {
		return nil, err
	}
	if c.Extensions, err = readExtensions(ext); err != nil {
		return nil, err
	}
	return c, nil
}

func readExtensions(e tlv.Element) (Extensions, error) {
	x := Extensions{PathLen: -1}
	if e.Type() != tlv.TypeList {
		return x, fmt.Errorf("%w: extensions are a list", ErrFormat)
	}
	for m := range e.Members() {
		tag, ok := m.Tag().ContextNumber()
		if !ok || tag < extBasic || tag > extFuture || (tag != extFuture && x.has(tag)) {
			return x, fmt.Errorf("%w: extension", ErrFormat)
		}
		x.Order = append(x.Order, tag)
		if err := x.read(tag, m); err != nil {
			return x, fmt.Errorf("%w: extension %d: %w", ErrFormat, tag, err)
		}
	}
	return x, nil
}

func (x *Extensions) read(tag uint8, m tlv.Element) error {
	switch tag {
	case extBasic:
		f := tlv.OpenStruct(m)
		x.IsCA = f.Bool(1)
		if n, ok := f.OptionalUint(2, math.MaxUint8); ok {
			x.PathLen = int(n)
		}
		return f.Err()
	case extUsage:
		v, err := m.UintMax(1<<9 - 1)
		x.Usage = uint16(v)
		return err
	case extPurposes:
		if m.Type() != tlv.TypeArray {
			return tlv.ErrType
		}
		for p := range m.Members() {
			v, err := p.UintMax(6)
			if err != nil || v == 0 {
				return tlv.ErrType
			}
			x.Purposes = append(x.Purposes, uint8(v))
		}
		return nil
	}
	var err error
	var b []byte
	switch tag {
	case extSubject:
		b, err = m.OctetsSize(20, 20)
		x.SubjectKey = append([]byte(nil), b...)
	case extIssuer:
		b, err = m.OctetsSize(20, 20)
		x.IssuerKey = append([]byte(nil), b...)
	case extFuture:
		b, err = m.Octets()
		x.Future = append(x.Future, append([]byte(nil), b...))
	}
	return err
}

// Bytes encodes the certificate in TLV form.
func (c *Cert) Bytes() ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), c.Serial)
	w.Uint(tlv.Context(2), 1)
	c.Issuer.write(w, tlv.Context(3))
	w.Uint(tlv.Context(4), uint64(c.NotBefore))
	w.Uint(tlv.Context(5), uint64(c.NotAfter))
	c.Subject.write(w, tlv.Context(6))
	w.Uint(tlv.Context(7), 1)
	w.Uint(tlv.Context(8), 1)
	w.Octets(tlv.Context(9), c.PublicKey)
	c.Extensions.write(w)
	w.Octets(tlv.Context(11), c.Signature)
	w.End()
	return w.Finish()
}

func (x Extensions) write(w *tlv.Writer) {
	w.List(tlv.Context(10))
	future := x.Future
	for _, tag := range x.Order {
		t := tlv.Context(tag)
		switch tag {
		case extBasic:
			w.Struct(t)
			w.Bool(tlv.Context(1), x.IsCA)
			if x.PathLen >= 0 {
				w.Uint(tlv.Context(2), uint64(x.PathLen))
			}
			w.End()
		case extUsage:
			w.Uint(t, uint64(x.Usage))
		case extPurposes:
			w.Array(t)
			for _, p := range x.Purposes {
				w.Uint(tlv.Anonymous(), uint64(p))
			}
			w.End()
		case extSubject:
			w.Octets(t, x.SubjectKey)
		case extIssuer:
			w.Octets(t, x.IssuerKey)
		case extFuture:
			if len(future) > 0 {
				w.Octets(t, future[0])
				future = future[1:]
			}
		}
	}
	w.End()
}
