package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"errors"
)

// Sizes of Matter's cipher, in octets (Matter 1.4 3.6).
const (
	KeySize   = 16
	NonceSize = 13
	TagSize   = 16
)

// maxCCM is the longest text that a nonce of 13 octets leaves room for: its length has 2 octets.
const maxCCM = 1<<16 - 1

// ErrAuthentication is returned when a sealed message is not what its sender sealed.
var ErrAuthentication = errors.New("crypto: message is not authentic")

// ErrSize is returned when a key, nonce or text has a size that the cipher does not have.
var ErrSize = errors.New("crypto: wrong size")

// CCM is AES-128 in CCM mode with a nonce of 13 and a tag of 16 octets (NIST SP 800-38C, RFC 3610). It may be used by
// several goroutines.
type CCM struct{ block cipher.Block }

// NewCCM returns the cipher for a key of 16 octets.
func NewCCM(key []byte) (*CCM, error) {
	if len(key) != KeySize {
		return nil, ErrSize
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrSize
	}
	return &CCM{block}, nil
}

// Seal appends the sealed text and its tag to dst; aad is authenticated but not part of the result.
func (c *CCM) Seal(dst, nonce, aad, text []byte) ([]byte, error) {
	if len(nonce) != NonceSize || len(text) > maxCCM {
		return nil, ErrSize
	}
	tag := c.mac(nonce, aad, text)
	at := len(dst)
	dst = append(dst, text...)
	stream, mask := c.stream(nonce)
	stream.XORKeyStream(dst[at:], dst[at:])
	subtle.XORBytes(tag[:], tag[:], mask[:])
	return append(dst, tag[:]...), nil
}

// Open appends the text of a sealed message to dst, or returns ErrAuthentication.
func (c *CCM) Open(dst, nonce, aad, sealed []byte) ([]byte, error) {
	if len(nonce) != NonceSize || len(sealed) > maxCCM+TagSize {
		return nil, ErrSize
	}
	if len(sealed) < TagSize {
		return nil, ErrAuthentication
	}
	body, given := sealed[:len(sealed)-TagSize], sealed[len(sealed)-TagSize:]
	text := make([]byte, len(body))
	stream, mask := c.stream(nonce)
	stream.XORKeyStream(text, body)
	tag := c.mac(nonce, aad, text)
	subtle.XORBytes(tag[:], tag[:], mask[:])
	if subtle.ConstantTimeCompare(tag[:], given) != 1 {
		clear(text)
		return nil, ErrAuthentication
	}
	return append(dst, text...), nil
}

// stream returns the key stream of the text, and the block before it that masks the tag.
func (c *CCM) stream(nonce []byte) (cipher.Stream, [16]byte) {
	var first, mask [16]byte
	first[0] = 1 // two octets of length, less one
	copy(first[1:], nonce)
	s := cipher.NewCTR(c.block, first[:])
	s.XORKeyStream(mask[:], mask[:])
	return s, mask
}

// mac is CBC-MAC over the first block, the associated data and the text, each padded with zeros.
func (c *CCM) mac(nonce, aad, text []byte) [16]byte {
	var x [16]byte
	x[0] = (TagSize-2)/2<<3 | 1
	if len(aad) > 0 {
		x[0] |= 0x40
	}
	copy(x[1:], nonce)
	binary.BigEndian.PutUint16(x[14:], uint16(len(text)))
	c.block.Encrypt(x[:], x[:])
	if len(aad) > 0 {
		n := len(aad)
		var prefix []byte
		if n < 0xFF00 {
			prefix = binary.BigEndian.AppendUint16(nil, uint16(n))
		} else {
			prefix = binary.BigEndian.AppendUint32([]byte{0xFF, 0xFE}, uint32(n))
		}
		c.absorb(&x, append(prefix, aad...))
	}
	c.absorb(&x, text)
	return x
}

func (c *CCM) absorb(x *[16]byte, b []byte) {
	for len(b) > 0 {
		n := subtle.XORBytes(x[:], x[:], b[:min(16, len(b))])
		c.block.Encrypt(x[:], x[:])
		b = b[n:]
	}
}
