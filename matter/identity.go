package matter

import (
	"encoding/binary"
	"fmt"

	"github.com/loquet/loquet/matter/attest"
	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/onboarding"
)

// Setup is what a commissioner needs to know, the same for the life of the node.
type Setup struct {
	Passcode      uint32 // eight decimal digits
	Discriminator uint16 // 12 bits
	Manual        string // the code to type, 11 digits
	QR            string // the content of the code to scan
}

// secret is how the node proves its own passcode.
type secret struct {
	Setup
	salt       []byte
	iterations int
	verifier   crypto.Verifier
}

const (
	setupKey       = "setup"
	attestationKey = "attestation"
	rebootsKey     = "reboots"
	iterations     = 10000
)

// loadSecret reads the passcode, or makes one at the first start.
func loadSecret(c *Config) (secret, error) {
	s := c.Storage
	b, ok, err := s.Get(setupKey)
	switch {
	case err != nil:
		return secret{}, fmt.Errorf("%w: the passcode: %w", ErrState, err)
	case !ok:
		b = newSecret()
		if err := s.Apply(map[string][]byte{setupKey: b}); err != nil {
			return secret{}, fmt.Errorf("matter: keep the passcode: %w", err)
		}
	case len(b) != 38:
		return secret{}, fmt.Errorf("%w: the passcode is damaged", ErrState)
	}
	out := secret{salt: b[6:38], iterations: iterations}
	out.Passcode, out.Discriminator = binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:])
	p := onboarding.Payload{Passcode: out.Passcode, Discriminator: out.Discriminator, VendorID: c.Product.VendorID, ProductID: c.Product.ProductID,
		Rendezvous: onboarding.OnNetwork}
	if out.Manual, err = p.Manual(); err == nil {
		out.QR, err = p.QR()
	}
	if err != nil {
		return secret{}, fmt.Errorf("%w: the passcode: %w", ErrState, err)
	}
	out.verifier, err = crypto.NewVerifier(out.Passcode, out.salt, out.iterations)
	return out, err
}

// newSecret draws a passcode, a discriminator and a salt.
func newSecret() []byte {
	b := binary.LittleEndian.AppendUint32(nil, onboarding.NewPasscode())
	b = binary.LittleEndian.AppendUint16(b, onboarding.NewDiscriminator())
	return append(b, crypto.Random(32)...)
}

// loadAttestation reads the attestation of this installation, or makes one under the public test authority.
func loadAttestation(c *Config) (cluster.Attestation, error) {
	if c.Attestation != nil {
		return c.Attestation, nil
	}
	b, ok, err := c.Storage.Get(attestationKey)
	if err != nil {
		return nil, fmt.Errorf("%w: the attestation: %w", ErrState, err)
	}
	if ok {
		chain, err := attest.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("%w: the attestation: %w", ErrState, err)
		}
		return chain, nil
	}
	chain, err := attest.NewTest(c.Product.VendorID, c.Product.ProductID, deviceTypeAggregator)
	if err != nil {
		return nil, err
	}
	if b, err = chain.Bytes(); err == nil {
		err = c.Storage.Apply(map[string][]byte{attestationKey: b})
	}
	return chain, err
}

// countReboot counts this start. On a disk that takes nothing it counts for this time only.
func countReboot(c *Config) (uint16, error) {
	s := c.Storage
	b, ok, err := s.Get(rebootsKey)
	if err != nil {
		return 0, fmt.Errorf("%w: the number of starts: %w", ErrState, err)
	}
	var n uint16
	if ok && len(b) == 2 {
		n = binary.LittleEndian.Uint16(b)
	}
	n++
	if err := s.Apply(map[string][]byte{rebootsKey: binary.LittleEndian.AppendUint16(nil, n)}); err != nil {
		c.Failed(fmt.Errorf("matter: count this start: %w", err))
	}
	return n, nil
}
