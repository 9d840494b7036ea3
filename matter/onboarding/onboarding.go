// Package onboarding makes and reads what a person scans or types to add a device: the QR code and the manual pairing
// code (Matter 1.4 5.1).
package onboarding

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrPayload is returned for a code that is not one, or that has a digit wrong.
var ErrPayload = errors.New("onboarding: invalid code")

// MaxPasscode and MaxDiscriminator bound the two secrets of a code.
const (
	MaxPasscode      = 99999998
	MaxDiscriminator = 1<<12 - 1
)

// Flow says what a person has to do before the device can be added.
type Flow uint8

// The flows (Matter 1.4 5.1.3.1).
const (
	Standard   Flow = 0 // nothing
	UserIntent Flow = 1 // make the device ready
	Custom     Flow = 2 // follow the maker's steps
)

// Ways to find the device (Matter 1.4 5.1.3.1), as a bitmap.
const (
	SoftAP    uint8 = 1 << 0
	BLE       uint8 = 1 << 1
	OnNetwork uint8 = 1 << 2
)

// Payload is what a code says. A manual code has only the upper four bits of the discriminator, and no vendor,
// product and rendezvous.
type Payload struct {
	Passcode      uint32
	Discriminator uint16 // 12 bits
	VendorID      uint16
	ProductID     uint16
	Flow          Flow
	Rendezvous    uint8
}

// ValidPasscode says whether a passcode is allowed: not 0, not over eight digits, and none that anybody would guess
// (Matter 1.4 5.1.7.1).
func ValidPasscode(p uint32) bool {
	if p == 0 || p > MaxPasscode || p == 12345678 || p == 87654321 {
		return false
	}
	return p%11111111 != 0
}

// NewPasscode picks a passcode at random.
func NewPasscode() uint32 {
	for {
		if p := random() & (1<<27 - 1); ValidPasscode(p) {
			return p
		}
	}
}

// NewDiscriminator picks a discriminator at random.
func NewDiscriminator() uint16 { return uint16(random() & MaxDiscriminator) }

func random() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails: the program ends instead
	return binary.LittleEndian.Uint32(b[:])
}

func (p Payload) valid() error {
	if !ValidPasscode(p.Passcode) || p.Discriminator > MaxDiscriminator || p.Flow > Custom {
		return ErrPayload
	}
	return nil
}

// Short is the part of the discriminator that a manual code has.
func (p Payload) Short() uint8 { return uint8(p.Discriminator >> 8) }

const (
	qrPrefix = "MT:"
	qrBytes  = 11 // 88 bits
)

// QR returns the content of the QR code: version, vendor, product, flow, rendezvous, discriminator and passcode,
// packed from the lowest bit up.
func (p Payload) QR() (string, error) {
	if err := p.valid(); err != nil {
		return "", err
	}
	var b [qrBytes]byte
	at := 0
	put := func(v uint64, bits int) {
		for i := range bits {
			b[at/8] |= byte(v>>i&1) << (at % 8)
			at++
		}
	}
	put(0, 3)
	put(uint64(p.VendorID), 16)
	put(uint64(p.ProductID), 16)
	put(uint64(p.Flow), 2)
	put(uint64(p.Rendezvous), 8)
	put(uint64(p.Discriminator), 12)
	put(uint64(p.Passcode), 27)
	return qrPrefix + base38(b[:]), nil
}

// ParseQR reads the content of a QR code. Data of the maker's own after the packed part is ignored.
func ParseQR(s string) (Payload, error) {
	text, ok := strings.CutPrefix(s, qrPrefix)
	if !ok || len(text) > 512 {
		return Payload{}, ErrPayload
	}
	b, ok := parseBase38(text)
	if !ok || len(b) < qrBytes {
		return Payload{}, ErrPayload
	}
	at := 0
	take := func(bits int) (v uint64) {
		for i := range bits {
			v |= uint64(b[at/8]>>(at%8)&1) << i
			at++
		}
		return v
	}
	if take(3) != 0 {
		return Payload{}, fmt.Errorf("%w: of a version to come", ErrPayload)
	}
	p := Payload{VendorID: uint16(take(16)), ProductID: uint16(take(16)), Flow: Flow(take(2)), Rendezvous: uint8(take(8)),
		Discriminator: uint16(take(12)), Passcode: uint32(take(27))}
	return p, p.valid()
}

// Manual returns the manual pairing code: 11 digits, or 21 with vendor and product when the flow is not the standard one.
func (p Payload) Manual() (string, error) {
	if err := p.valid(); err != nil {
		return "", err
	}
	long := p.Flow != Standard
	first := uint32(p.Short()) >> 2
	if long {
		first |= 4
	}
	s := fmt.Sprintf("%d%05d%04d", first, uint32(p.Short())&3<<14|p.Passcode&0x3FFF, p.Passcode>>14)
	if long {
		s += fmt.Sprintf("%05d%05d", p.VendorID, p.ProductID)
	}
	return s + string(checkDigit(s)), nil
}

// Spaced groups a manual code of 11 digits as it is printed: 4, 3 and 4 digits.
func Spaced(manual string) string {
	if len(manual) != 11 {
		return manual
	}
	return manual[:4] + "-" + manual[4:7] + "-" + manual[7:]
}

// ParseManual reads a manual pairing code; spaces and dashes are ignored.
func ParseManual(s string) (Payload, error) {
	s = strings.NewReplacer("-", "", " ", "").Replace(s)
	if len(s) != 11 && len(s) != 21 {
		return Payload{}, ErrPayload
	}
	for _, c := range s {
		if c < '0' || c > '9' {
			return Payload{}, ErrPayload
		}
	}
	body := s[:len(s)-1]
	if checkDigit(body) != s[len(s)-1] {
		return Payload{}, fmt.Errorf("%w: a digit is wrong", ErrPayload)
	}
	first, second, third := digits(s[:1]), digits(s[1:6]), digits(s[6:10])
	long := len(s) == 21
	if first > 7 || (first&4 != 0) != long || second > 0xFFFF || third > 0x1FFF {
		return Payload{}, ErrPayload
	}
	p := Payload{Passcode: third<<14 | second&0x3FFF, Discriminator: uint16(first&3<<2|second>>14) << 8}
	if long {
		vendor, product := digits(s[10:15]), digits(s[15:20])
		if vendor > 0xFFFF || product > 0xFFFF {
			return Payload{}, ErrPayload
		}
		p.VendorID, p.ProductID, p.Flow = uint16(vendor), uint16(product), Custom
	}
	return p, p.valid()
}

// digits reads at most five digits.
func digits(s string) uint32 {
	v, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 1 << 31 // no caller takes that many
	}
	return uint32(v)
}
