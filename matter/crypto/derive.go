package crypto

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
)

// Derive is HKDF-SHA256: n octets from a secret (Matter 1.4 3.8). n is at most 255 times 32.
func Derive(secret, salt []byte, info string, n int) []byte {
	key, err := hkdf.Key(sha256.New, secret, salt, info, n)
	if err != nil {
		// hkdf.Key refuses nothing but an n that is too large, and no caller asks for more than 64.
		return make([]byte, 0)
	}
	return key
}

// Hash is SHA-256 over the parts, one after the other.
func Hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// MAC is HMAC-SHA256 over the parts, one after the other.
func MAC(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// Equal compares two secrets in a time that depends on their lengths only.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Random returns n random octets.
func Random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: the program ends instead
	return b
}

// SessionKeys are what two nodes share once a session is established (Matter 1.4 4.14.1, 4.14.2).
type SessionKeys struct {
	I2R       [KeySize]byte // from the initiator to the responder
	R2I       [KeySize]byte // from the responder to the initiator
	Challenge [KeySize]byte // bound into every attestation over the session
}

// Info strings of the session keys.
const (
	InfoSession    = "SessionKeys"
	InfoResumption = "SessionResumptionKeys"
)

// DeriveSessionKeys derives the keys of a session.
func DeriveSessionKeys(secret, salt []byte, info string) SessionKeys {
	var k SessionKeys
	b := Derive(secret, salt, info, 3*KeySize)
	copy(k.I2R[:], b)
	copy(k.R2I[:], b[KeySize:])
	copy(k.Challenge[:], b[2*KeySize:])
	clear(b)
	return k
}

// CompressedFabricID names a fabric by its root key and number (Matter 1.4 4.3.2.2). The root key is an uncompressed
// point of 65 octets.
func CompressedFabricID(rootKey []byte, fabricID uint64) [8]byte {
	var salt, id [8]byte
	for i := range salt {
		salt[i] = byte(fabricID >> (56 - 8*i))
	}
	if len(rootKey) == PublicKeySize {
		copy(id[:], Derive(rootKey[1:], salt[:], "CompressedFabric", 8))
	}
	return id
}

// GroupKey derives the operational key of a group key set, the identity protection key among them, from an epoch key
// (Matter 1.4 4.17.2).
func GroupKey(epochKey []byte, compressedFabric [8]byte) []byte {
	return Derive(epochKey, compressedFabric[:], "GroupKey v1.0", KeySize)
}

// GroupSessionID is the session id under which messages sealed with an operational group key travel (Matter 1.4 4.17.3.6).
func GroupSessionID(operationalKey []byte) uint16 {
	b := Derive(operationalKey, nil, "GroupKeyHash", 2)
	return uint16(b[0])<<8 | uint16(b[1])
}
