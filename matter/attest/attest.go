// Package attest holds what a device shows to say what it is (Matter 1.4 6.2, 6.3): its attestation certificates and key,
// and the declaration that it is certified. NewTest makes a chain of its own for each installation under the public test
// authority; a maker with a vendor id of the Alliance puts a real chain in its place with New.
package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the key identifiers of X.509 are SHA-1
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/tlv"
)

// ErrChain is returned when certificates, key and declaration do not belong together.
var ErrChain = errors.New("attest: not an attestation chain")

// TestVendor is a vendor id for tests (Matter 1.4 2.5.2).
const TestVendor uint16 = 0xFFF1

// Chain is a device's attestation.
type Chain struct {
	dac, pai    []byte
	key         *ecdsa.PrivateKey
	declaration []byte
}

// New makes a chain of certificates in DER, the key of the DAC, and the declaration in CMS; ErrChain says that they do
// not belong together.
func New(dac, pai []byte, key *ecdsa.PrivateKey, declaration []byte) (Chain, error) {
	c := Chain{dac, pai, key, declaration}
	return c, c.check()
}

// DAC is the certificate of the device, in DER.
func (c Chain) DAC() []byte { return c.dac }

// PAI is the certificate of the authority that signed the device's, in DER.
func (c Chain) PAI() []byte { return c.pai }

// Declaration is the certification declaration, in CMS.
func (c Chain) Declaration() []byte { return c.declaration }

// NewTest makes a chain under the public test authority, with keys that nobody else has.
func NewTest(vendor, product uint16, deviceType uint32) (Chain, error) {
	paa, paaKey, err := testAuthority()
	if err != nil {
		return Chain{}, err
	}
	paiKey, err := crypto.NewKey()
	if err != nil {
		return Chain{}, err
	}
	pai, err := issue(certificate("Matter Test PAI", vendor, nil), paa, paiKey, paaKey)
	if err != nil {
		return Chain{}, err
	}
	issuer, err := x509.ParseCertificate(pai)
	if err != nil {
		return Chain{}, err
	}
	c := Chain{pai: pai}
	if c.key, err = crypto.NewKey(); err != nil {
		return Chain{}, err
	}
	if c.dac, err = issue(certificate("Matter Test DAC", vendor, &product), issuer, c.key, paiKey); err != nil {
		return Chain{}, err
	}
	c.declaration, err = TestDeclaration(vendor, []uint16{product}, deviceType)
	return c, err
}

func testAuthority() (*x509.Certificate, *ecdsa.PrivateKey, error) {
	der, err := hex.DecodeString(testPAA)
	if err != nil {
		return nil, nil, err
	}
	paa, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	key, err := keyOf(testPAAKey)
	return paa, key, err
}

func keyOf(scalar string) (*ecdsa.PrivateKey, error) {
	d, err := hex.DecodeString(scalar)
	if err != nil {
		return nil, err
	}
	return ecdsa.ParseRawPrivateKey(elliptic.P256(), d)
}

// certificate is a DAC when it has a product, else a PAI (Matter 1.4 6.2.2). It never ends, so that no clock is needed.
func certificate(name string, vendor uint16, product *uint16) *x509.Certificate {
	c := &x509.Certificate{
		NotBefore: time.Date(2022, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true, SignatureAlgorithm: x509.ECDSAWithSHA256,
	}
	names := []pkix.AttributeTypeAndValue{text(asn1.ObjectIdentifier{2, 5, 4, 3}, name), text(oidVendor(), fmt.Sprintf("%04X", vendor))}
	if product != nil {
		names = append(names, text(oidProduct(), fmt.Sprintf("%04X", *product)))
	} else {
		c.IsCA, c.MaxPathLenZero, c.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	}
	c.Subject = pkix.Name{ExtraNames: names}
	return c
}

func oidVendor() asn1.ObjectIdentifier  { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 37244, 2, 1} }
func oidProduct() asn1.ObjectIdentifier { return asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 37244, 2, 2} }

// text is an attribute as a UTF8String, which Matter wants and encoding/asn1 would not choose.
func text(id asn1.ObjectIdentifier, s string) pkix.AttributeTypeAndValue {
	return pkix.AttributeTypeAndValue{Type: id, Value: asn1.RawValue{Tag: asn1.TagUTF8String, Bytes: []byte(s)}}
}

func issue(c, issuer *x509.Certificate, key, issuerKey *ecdsa.PrivateKey) ([]byte, error) {
	pub, err := crypto.PublicKey(key)
	if err != nil {
		return nil, err
	}
	id := sha1.Sum(pub) //nolint:gosec // see above
	c.SubjectKeyId = id[:]
	c.SerialNumber = new(big.Int).SetBytes(append([]byte{1}, crypto.Random(8)...))
	return x509.CreateCertificate(rand.Reader, c, issuer, &key.PublicKey, issuerKey)
}

// check makes sure that the parts belong together: DAC signed by PAI, key of the DAC, a declaration there.
func (c Chain) check() error {
	dac, err := x509.ParseCertificate(c.dac)
	if err != nil {
		return fmt.Errorf("%w: the device's certificate", ErrChain)
	}
	pai, err := x509.ParseCertificate(c.pai)
	if err != nil {
		return fmt.Errorf("%w: the authority's certificate", ErrChain)
	}
	switch {
	case c.key == nil || !c.key.PublicKey.Equal(dac.PublicKey):
		return fmt.Errorf("%w: the key is another one", ErrChain)
	case !bytes.Equal(dac.RawIssuer, pai.RawSubject) || dac.CheckSignatureFrom(pai) != nil:
		return fmt.Errorf("%w: the authority did not sign it", ErrChain)
	case len(c.declaration) == 0:
		return fmt.Errorf("%w: no declaration", ErrChain)
	}
	return nil
}

// Bytes encodes a chain with its private key, to be kept where secrets are.
func (c Chain) Bytes() ([]byte, error) {
	key, err := c.key.Bytes()
	if err != nil {
		return nil, err
	}
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	for i, b := range [][]byte{c.dac, c.pai, key, c.declaration} {
		w.Octets(tlv.Context(uint8(i+1)), b)
	}
	w.End()
	return w.Finish()
}

// Parse decodes and checks a chain.
func Parse(b []byte) (Chain, error) {
	e, err := tlv.Decode(b)
	if err != nil {
		return Chain{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	f := tlv.OpenStruct(e)
	c := Chain{dac: f.Octets(1, 1, 600), pai: f.Octets(2, 1, 600)}
	key := f.Octets(3, 32, 32)
	c.declaration = f.Octets(4, 1, 1024)
	if err := f.Err(); err != nil {
		return Chain{}, fmt.Errorf("%w: %w", ErrChain, err)
	}
	if c.key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), key); err != nil {
		return Chain{}, fmt.Errorf("%w: key", ErrChain)
	}
	return c, c.check()
}

// Elements is what an AttestationResponse carries (Matter 1.4 11.18.4.7). The time is in seconds since the year 2000; 0
// for none.
func (c Chain) Elements(nonce []byte, seconds uint32) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), c.declaration)
	w.Octets(tlv.Context(2), nonce)
	w.Uint(tlv.Context(3), uint64(seconds))
	w.End()
	return w.Finish()
}

// Sign signs the parts, put together: the elements of an attestation or of a certificate request, and the challenge of
// the session they are asked for over.
func (c Chain) Sign(parts ...[]byte) ([]byte, error) { return crypto.Sign(c.key, parts...) }
