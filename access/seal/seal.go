// Package seal keeps PINs and cards unreadable for whoever holds the database but not the key. There are a
// million PINs of six digits: no hash can hide one, since all of them can be tried in seconds. A key that
// is not in the database can. Each secret is kept twice: sealed, to be shown to its owner again, and as a
// keyed tag, by which a keypad finds its code in one step however many there are.
package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// KeySize is the length of a key.
const KeySize = 32

// Errors.
var (
	ErrKey    = errors.New("this is no key for PINs")
	ErrSealed = errors.New("the sealed PIN or card cannot be opened with this key")
	ErrSecret = errors.New("this is neither a PIN nor a card")
)

// Sealer seals and finds secrets. It is safe for use by several goroutines.
type Sealer struct {
	aead cipher.AEAD
	tags []byte
	mark Tag
}

// Tag stands for a secret. Without the key it says nothing about it.
type Tag [sha256.Size]byte

// New returns a sealer for a key of 32 random bytes.
func New(key []byte) (*Sealer, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrKey, len(key), KeySize)
	}
	sealing, err := hkdf.Key(sha256.New, key, nil, "loquet codes: seal v1", chacha20poly1305.KeySize)
	if err != nil {
		return nil, err
	}
	tags, err := hkdf.Key(sha256.New, key, nil, "loquet codes: tag v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	mark, err := hkdf.Key(sha256.New, key, nil, "loquet codes: mark v1", sha256.Size)
	if err != nil {
		return nil, err
	}
	aead, err := chacha20poly1305.NewX(sealing)
	if err != nil {
		return nil, err
	}
	return &Sealer{aead: aead, tags: tags, mark: Tag(mark)}, nil
}

// Mark tells one key from another. Kept beside the records, it shows that they were made with this key.
func (s *Sealer) Mark() Tag { return s.mark }

// Secret is what a person holds out: keys or a card, never both.
type Secret struct {
	Keys device.Keys
	Card *device.Card
}

// maxSecret is the longest secret; all are sealed at this length, so that the database does not tell how
// many digits a PIN has.
const maxSecret = 31

// Kind is the kind of code that this secret is.
func (s Secret) Kind() access.CodeKind {
	if s.Card != nil {
		return access.CardCode
	}
	return access.PIN
}

// Length is the number of digits or bits.
func (s Secret) Length() int {
	if s.Card != nil {
		return s.Card.Bits
	}
	return len(s.Keys)
}

// plain is one byte for the kind, or the bits of the card, and then the rest.
func (s Secret) plain() ([]byte, error) {
	switch {
	case s.Card == nil && access.Digits(s.Keys):
		return append([]byte{0}, s.Keys...), nil
	case s.Card != nil && s.Keys == "" && s.Card.Bits > 0 && s.Card.Bits <= access.MaxCardBits && len(s.Card.Data) == (s.Card.Bits+7)/8:
		return append([]byte{byte(s.Card.Bits)}, s.Card.Data...), nil
	}
	return nil, ErrSecret
}

// Tag returns the tag of a secret among the codes of a group of keypads.
func (s *Sealer) Tag(group string, secret Secret) (Tag, error) {
	plain, err := secret.plain()
	if err != nil {
		return Tag{}, err
	}
	mac := hmac.New(sha256.New, s.tags)
	_, _ = fmt.Fprintf(mac, "%d:%s:", len(group), group) // a hash takes everything
	mac.Write(plain)
	return Tag(mac.Sum(nil)), nil
}

// Seal seals the secret of a code. What is sealed for one code cannot be opened for another.
func (s *Sealer) Seal(codeID string, secret Secret) ([]byte, error) {
	plain, err := secret.plain()
	if err != nil {
		return nil, err
	}
	padded := make([]byte, 1+maxSecret)
	padded[0] = byte(len(plain))
	copy(padded[1:], plain)
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(padded)+s.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(nonce, nonce, padded, []byte(codeID)), nil
}

// Open returns the secret of a code. The error wraps ErrSealed.
func (s *Sealer) Open(codeID string, sealed []byte) (Secret, error) {
	if len(sealed) < s.aead.NonceSize() {
		return Secret{}, ErrSealed
	}
	padded, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], []byte(codeID))
	if err != nil || len(padded) != 1+maxSecret || padded[0] == 0 || int(padded[0]) > maxSecret {
		return Secret{}, ErrSealed
	}
	plain := padded[1 : 1+padded[0]]
	secret := Secret{Keys: device.Keys(plain[1:])}
	if plain[0] > 0 {
		secret = Secret{Card: &device.Card{Bits: int(plain[0]), Data: plain[1:]}}
	}
	if _, err := secret.plain(); err != nil {
		return Secret{}, ErrSealed
	}
	return secret, nil
}

// SealText seals a text of any length that is kept under a name, such as the address of a calendar. Its length
// shows.
func (s *Sealer) SealText(name, text string) ([]byte, error) {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(nonce, nonce, []byte(text), textOf(name)), nil
}

// OpenText is the reverse. What was sealed under another name cannot be opened. The error wraps ErrSealed.
func (s *Sealer) OpenText(name string, sealed []byte) (string, error) {
	if len(sealed) < s.aead.NonceSize() {
		return "", ErrSealed
	}
	text, err := s.aead.Open(nil, sealed[:s.aead.NonceSize()], sealed[s.aead.NonceSize():], textOf(name))
	if err != nil {
		return "", ErrSealed
	}
	return string(text), nil
}

// textOf keeps texts apart from codes, whose ids hold no colon.
func textOf(name string) []byte { return []byte("text:" + name) }
