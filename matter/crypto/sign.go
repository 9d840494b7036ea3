package crypto

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"math/big"
)

// Sizes of P-256 in Matter's raw form, in octets.
const (
	PublicKeySize = 65 // an uncompressed point
	SignatureSize = 64 // r and s
)

// ErrKey is returned for a public or private key that is not one of P-256.
var ErrKey = errors.New("crypto: not a P-256 key")

// PublicKey returns the uncompressed point of a key.
func PublicKey(k *ecdsa.PrivateKey) ([]byte, error) {
	if k == nil || k.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	b, err := k.PublicKey.Bytes()
	if err != nil {
		return nil, ErrKey
	}
	return b, nil
}

// ParsePublicKey reads an uncompressed point and makes sure that it is on the curve.
func ParsePublicKey(b []byte) (*ecdsa.PublicKey, error) {
	if len(b) != PublicKeySize {
		return nil, ErrKey
	}
	k, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), b)
	if err != nil {
		return nil, ErrKey
	}
	return k, nil
}

// NewKey makes a new key pair for signing.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

// NewEphemeral makes a new key pair for a key agreement.
func NewEphemeral() (*ecdh.PrivateKey, error) { return ecdh.P256().GenerateKey(rand.Reader) }

// Agree returns the secret that a key shares with a peer's public key of 65 octets.
func Agree(own *ecdh.PrivateKey, peer []byte) ([]byte, error) {
	if len(peer) != PublicKeySize {
		return nil, ErrKey
	}
	k, err := ecdh.P256().NewPublicKey(peer)
	if err != nil {
		return nil, ErrKey
	}
	s, err := own.ECDH(k)
	if err != nil {
		return nil, ErrKey
	}
	return s, nil
}

// Sign signs the SHA-256 of the parts and returns r and s.
func Sign(k *ecdsa.PrivateKey, parts ...[]byte) ([]byte, error) {
	if k == nil || k.Curve != elliptic.P256() {
		return nil, ErrKey
	}
	r, s, err := ecdsa.Sign(rand.Reader, k, Hash(parts...))
	if err != nil {
		return nil, err
	}
	sig := make([]byte, SignatureSize)
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return sig, nil
}

// Verify says whether sig is r and s of the SHA-256 of the parts under a public key of 65 octets.
func Verify(publicKey, sig []byte, parts ...[]byte) bool {
	k, err := ParsePublicKey(publicKey)
	if err != nil || len(sig) != SignatureSize {
		return false
	}
	r, s := new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:])
	return ecdsa.Verify(k, Hash(parts...), r, s)
}
