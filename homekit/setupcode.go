package homekit

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
)

const setupIDChars = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

// validSetupCode accepts XXX-XX-XXX without the trivial codes (HAP R2 4.2.1.2).
func validSetupCode(code string) bool {
	if len(code) != 10 || code[3] != '-' || code[6] != '-' {
		return false
	}
	digits := strings.ReplaceAll(code, "-", "")
	if len(digits) != 8 || strings.Trim(digits, "0123456789") != "" {
		return false
	}
	return digits != "12345678" && digits != "87654321" && strings.Count(digits, digits[:1]) != 8
}

func validSetupID(id string) bool { return len(id) == 4 && strings.Trim(id, setupIDChars) == "" }

// newSetup draws a setup code and a setup id.
func newSetup(rand io.Reader) (setupInfo, error) {
	for {
		digits, err := draw(rand, 8, setupIDChars[:10])
		if err != nil {
			return setupInfo{}, err
		}
		id, err := draw(rand, 4, setupIDChars)
		if err != nil {
			return setupInfo{}, err
		}
		s := setupInfo{code: digits[:3] + "-" + digits[3:5] + "-" + digits[5:], id: id}
		if validSetupCode(s.code) {
			return s, nil
		}
	}
}

// draw picks n characters without bias: bytes beyond the last whole multiple of the alphabet are thrown away.
func draw(rand io.Reader, n int, alphabet string) (string, error) {
	out := make([]byte, 0, n)
	var one [1]byte
	for len(out) < n {
		if _, err := io.ReadFull(rand, one[:]); err != nil {
			return "", fmt.Errorf("draw a random code: %w", err)
		}
		if v := int(one[0]); v < 256/len(alphabet)*len(alphabet) {
			out = append(out, alphabet[v%len(alphabet)])
		}
	}
	return string(out), nil
}

// Flags of the setup payload (HAP R2 4.2.1.3).
const (
	setupFlagPaired = 1 << 0
	setupFlagIP     = 1 << 1
	setupFlagBLE    = 1 << 2
)

// setupPayload is the text of the QR code: 9 characters of base 36 and the setup id.
func setupPayload(code, id string, flags, category byte) string {
	var n uint64
	for _, c := range strings.ReplaceAll(code, "-", "") {
		n = n*10 + uint64(c-'0')
	}
	n |= uint64(category)<<31 | uint64(flags)<<27
	var digits [9]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = setupIDChars[n%36]
		n /= 36
	}
	return "X-HM://" + string(digits[:]) + id
}

// setupHash is the value of the TXT key sh.
func setupHash(setupID, deviceID string) string {
	sum := sha512.Sum512([]byte(setupID + deviceID))
	return base64.StdEncoding.EncodeToString(sum[:4])
}
