package homekit

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	keySize  = chacha20poly1305.KeySize
	tagSize  = chacha20poly1305.Overhead
	frameMax = 1024 // plaintext bytes of one frame (HAP R2 6.5.2)
)

var errSeal = errors.New("decryption failed")

// derive is HKDF-SHA-512 as every HAP key uses it (HAP R2 5.6.5.2).
func derive(secret []byte, salt, info string) ([]byte, error) {
	key, err := hkdf.Key(sha512.New, secret, []byte(salt), info, keySize)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	return key, nil
}

// pairNonce is an 8-byte ASCII nonce, padded on the left with four zero bytes.
func pairNonce(s string) []byte {
	n := make([]byte, chacha20poly1305.NonceSize)
	copy(n[4:], s)
	return n
}

func sealPairing(key []byte, nonce string, plain []byte) ([]byte, error) {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, pairNonce(nonce), plain, nil), nil
}

// openPairing opens the EncryptedData of a pairing message. Anything shorter than a tag is an error like any other.
func openPairing(key []byte, nonce string, sealed []byte) ([]byte, error) {
	if len(sealed) < tagSize {
		return nil, errSeal
	}
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, pairNonce(nonce), sealed, nil)
	if err != nil {
		return nil, errSeal
	}
	return plain, nil
}

// frameCipher is one direction of a session: a key and a counter that is its nonce.
type frameCipher struct {
	aead  cipher.AEAD
	nonce [chacha20poly1305.NonceSize]byte
	count uint64
}

func newFrameCipher(key []byte) (*frameCipher, error) {
	aead, err := chacha20poly1305.New(key)
	if err != nil {
		return nil, err
	}
	return &frameCipher{aead: aead}, nil
}

func (f *frameCipher) next() []byte {
	binary.LittleEndian.PutUint64(f.nonce[4:], f.count)
	f.count++
	return f.nonce[:]
}

// seal appends plain to dst as frames of at most 1024 bytes.
func (f *frameCipher) seal(dst, plain []byte) []byte {
	for len(plain) > 0 {
		part := plain[:min(len(plain), frameMax)]
		plain = plain[len(part):]
		at := len(dst)
		dst = append(dst, byte(len(part)), byte(len(part)>>8))
		dst = f.aead.Seal(dst, f.next(), part, dst[at:at+2])
	}
	return dst
}

// open decrypts the first frame of raw onto dst. It returns the bytes of raw that it used, 0 if the frame is not
// complete yet.
func (f *frameCipher) open(dst, raw []byte) (out []byte, used int, err error) {
	if len(raw) < 2 {
		return dst, 0, nil
	}
	n := int(binary.LittleEndian.Uint16(raw))
	if n == 0 || n > frameMax {
		return dst, 0, fmt.Errorf("frame of %d bytes: %w", n, errSeal)
	}
	total := 2 + n + tagSize
	if len(raw) < total {
		return dst, 0, nil
	}
	out, err = f.aead.Open(dst, f.next(), raw[2:total], raw[:2])
	if err != nil {
		return dst, 0, errSeal
	}
	return out, total, nil
}

// smallOrder reports whether an Ed25519 public key is one of the points of small order, for which anybody can make a
// signature (RFC 8032 5.1.7 leaves the check to the protocol; the list is the one libsodium uses).
func smallOrder(key []byte) bool {
	var k [32]byte
	if copy(k[:], key) != 32 {
		return true
	}
	k[31] &= 0x7f
	edge := func(first byte) [32]byte { // p-1, p and p+1
		var e [32]byte
		for i := range e {
			e[i] = 0xff
		}
		e[0], e[31] = first, 0x7f
		return e
	}
	zero, one := [32]byte{}, [32]byte{1}
	order8 := [2][32]byte{
		{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
			0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
		{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
			0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	}
	for _, bad := range [][32]byte{zero, one, order8[0], order8[1], edge(0xec), edge(0xed), edge(0xee)} {
		if bytes.Equal(bad[:], k[:]) {
			return true
		}
	}
	return false
}
