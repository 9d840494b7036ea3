package sealed

import (
	"bufio"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// Errors of Open and of reading; they are wrapped.
var (
	// ErrFormat: this was not sealed by this package, or by a newer one.
	ErrFormat = errors.New("not a sealed file")
	// ErrPassphrase: the passphrase is another one.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrDamaged: something was changed, or is missing.
	ErrDamaged = errors.New("the file is damaged or not complete")
)

const magic = "loquet sealed 1\n"

// params are the second line.
type params struct {
	KDF     string `json:"kdf"`
	Time    uint32 `json:"time"`
	Memory  uint32 `json:"memory"` // KiB
	Threads uint8  `json:"threads"`
	Salt    []byte `json:"salt"`
}

// Bounds of what a header may ask for: it is not authenticated before the work is done.
const (
	saltSize   = 16
	mostTime   = 10
	mostMemory = 256 << 10
	mostThread = 16
	mostLine   = 512
)

// usual is the second recommendation of RFC 9106 4: 64 MiB, which a small computer has.
func usual(salt []byte) params {
	return params{KDF: "argon2id", Time: 3, Memory: 64 << 10, Threads: 4, Salt: salt}
}

func (p params) check() error {
	if p.KDF != "argon2id" || p.Time < 1 || p.Time > mostTime || p.Threads < 1 || p.Threads > mostThread ||
		p.Memory < 8*uint32(p.Threads) || p.Memory > mostMemory || len(p.Salt) != saltSize {
		return fmt.Errorf("%w: its second line asks for what is not done here", ErrFormat)
	}
	return nil
}

// keys derives both keys. It takes a second or so, and the memory that the parameters say.
func (p params) keys(passphrase string) (chunks cipher.AEAD, mac []byte, err error) {
	key := argon2.IDKey([]byte(passphrase), p.Salt, p.Time, p.Memory, p.Threads, 64)
	chunks, err = chacha20poly1305.New(key[:32])
	return chunks, key[32:], err
}

// header is everything before the chunks.
func header(p params, mac []byte) ([]byte, error) {
	line, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	lines := append([]byte(magic), append(line, '\n')...)
	return fmt.Appendf(lines, "%x\n", sum(mac, lines)), nil
}

func sum(mac, lines []byte) []byte {
	h := hmac.New(sha256.New, mac)
	h.Write(lines)
	return h.Sum(nil)
}

// readHeader returns the cipher of the chunks that follow.
func readHeader(in *bufio.Reader, passphrase string) (cipher.AEAD, error) {
	first, err := readLine(in)
	switch {
	case err != nil:
		return nil, err
	case first != magic && strings.HasPrefix(first, "loquet sealed "):
		return nil, fmt.Errorf("%w: it was made by a newer loquet", ErrFormat)
	case first != magic:
		return nil, fmt.Errorf("%w: it begins otherwise", ErrFormat)
	}
	second, err := readLine(in)
	if err != nil {
		return nil, err
	}
	third, err := readLine(in)
	if err != nil {
		return nil, err
	}
	var p params
	if err := json.Unmarshal([]byte(second), &p); err != nil {
		return nil, fmt.Errorf("%w: its second line: %w", ErrFormat, err)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	want, err := hex.DecodeString(strings.TrimSuffix(third, "\n"))
	if err != nil {
		return nil, fmt.Errorf("%w: its third line: %w", ErrFormat, err)
	}
	chunks, mac, err := p.keys(passphrase)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(want, sum(mac, []byte(first+second))) {
		return nil, ErrPassphrase
	}
	return chunks, nil
}

func readLine(in *bufio.Reader) (string, error) {
	line, err := in.ReadSlice('\n')
	if err != nil || len(line) > mostLine {
		return "", fmt.Errorf("%w: it ends before it begins", ErrFormat)
	}
	return string(line), nil
}
