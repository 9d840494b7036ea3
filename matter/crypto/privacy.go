package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// PrivacyKey derives the key that hides message headers from an encryption key (Matter 1.4 4.9.1).
func PrivacyKey(encryptionKey []byte) []byte {
	return Derive(encryptionKey, nil, "PrivacyKey", KeySize)
}

// PrivacyNonce is made of the session id and the message's tag, so that it is known before the header is (Matter 1.4
// 4.9.2).
func PrivacyNonce(sessionID uint16, tag []byte) [NonceSize]byte {
	var n [NonceSize]byte
	binary.BigEndian.PutUint16(n[:], sessionID)
	if len(tag) == TagSize {
		copy(n[2:], tag[5:])
	}
	return n
}

// Obscure hides, or shows again, the part of a header that privacy covers, in place (Matter 1.4 3.7).
func Obscure(privacyKey []byte, nonce [NonceSize]byte, header []byte) error {
	if len(privacyKey) != KeySize {
		return ErrSize
	}
	block, err := aes.NewCipher(privacyKey)
	if err != nil {
		return ErrSize
	}
	var first [16]byte
	first[0] = 1
	copy(first[1:], nonce[:])
	first[15] = 1
	cipher.NewCTR(block, first[:]).XORKeyStream(header, header)
	return nil
}
