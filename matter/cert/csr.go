package cert

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/tlv"
)

// NewCSR makes the request for a node certificate that a controller asks for (Matter 1.4 6.4.6.1), in DER.
func NewCSR(key *ecdsa.PrivateKey) ([]byte, error) {
	return x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{Organization: []string{"CSR"}}, SignatureAlgorithm: x509.ECDSAWithSHA256}, key)
}

// NOCSRElements is what a CSRResponse carries and the attestation key signs (Matter 1.4 11.18.4.9).
func NOCSRElements(csr, nonce []byte) ([]byte, error) {
	w := tlv.NewWriter(nil)
	w.Struct(tlv.Anonymous())
	w.Octets(tlv.Context(1), csr)
	w.Octets(tlv.Context(2), nonce)
	w.End()
	return w.Finish()
}

// Sign fills in the signature with the key of the issuer, for those who run a fabric.
func (c *Cert) Sign(issuer *ecdsa.PrivateKey) error {
	sig, err := crypto.Sign(issuer, c.TBS())
	if err != nil {
		return err
	}
	c.Signature = sig
	return nil
}
