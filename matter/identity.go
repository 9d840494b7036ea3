package matter

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math/big"

	"github.com/loquet/loquet/matter/crypto"
)

// Setup is what a commissioner needs to know, the same for the life of the node.
type Setup struct {
	Passcode      uint32 // eight decimal digits
	Discriminator uint16 // 12 bits
}

// secret is how the node proves its own passcode.
type secret struct {
	Setup
	salt       []byte
	iterations int
	verifier   crypto.Verifier
}

const (
	setupKey   = "setup"
	rebootsKey = "reboots"
	iterations = 10000
)

// loadSecret reads the passcode, or makes one at the first start.
func loadSecret(s Storage) (secret, error) {
	b, ok, err := s.Get(setupKey)
	switch {
	case err != nil:
		return secret{}, fmt.Errorf("%w: the passcode: %w", ErrState, err)
	case !ok:
		if b, err = newSecret(); err == nil {
			err = s.Apply(map[string][]byte{setupKey: b})
		}
		if err != nil {
			return secret{}, fmt.Errorf("matter: keep the passcode: %w", err)
		}
	case len(b) != 38:
		return secret{}, fmt.Errorf("%w: the passcode is damaged", ErrState)
	}
	out := secret{Setup: Setup{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint16(b[4:])}, salt: b[6:38], iterations: iterations}
	out.verifier, err = crypto.NewVerifier(out.Passcode, out.salt, out.iterations)
	return out, err
}

// newSecret draws a passcode, a discriminator and a salt.
func newSecret() ([]byte, error) {
	for {
		n, err := rand.Int(rand.Reader, big.NewInt(99999998))
		if err != nil {
			return nil, err
		}
		passcode := uint32(n.Uint64()) + 1
		if !guessable(passcode) {
			b := binary.LittleEndian.AppendUint32(nil, passcode)
			b = append(b, crypto.Random(2)...)
			b[5] &= 0x0F
			return append(b, crypto.Random(32)...), nil
		}
	}
}

// guessable says whether a passcode may not be used (Matter 1.4 section 5.1.7.1).
func guessable(passcode uint32) bool {
	return passcode%11111111 == 0 || passcode == 12345678 || passcode == 87654321
}

// countReboot counts this start.
func countReboot(s Storage) (uint16, error) {
	b, ok, err := s.Get(rebootsKey)
	if err != nil {
		return 0, fmt.Errorf("%w: the number of starts: %w", ErrState, err)
	}
	var n uint16
	if ok && len(b) == 2 {
		n = binary.LittleEndian.Uint16(b)
	}
	n++
	return n, s.Apply(map[string][]byte{rebootsKey: binary.LittleEndian.AppendUint16(nil, n)})
}
