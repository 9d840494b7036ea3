package access

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/loquet/loquet/device"
)

// ErrCard is wrapped by errors of ParseCard. They hold no number.
var ErrCard = errors.New("this is no card")

// cardFormat is how the two numbers that are printed on a card become its bits: the even parity of the first
// half in front, the odd one of the second half at the end (HID H10301, H10304, H10302).
type cardFormat struct{ facility, number, covered int }

func cardFormats() map[string]cardFormat {
	return map[string]cardFormat{
		"h10301": {8, 16, 12},
		"w34":    {16, 16, 16},
		"h10304": {16, 19, 18},
		"h10302": {0, 35, 18},
	}
}

// ParseCard reads what a card says, as it is printed on it with the name of its format ("h10301:93:21377",
// "h10302:0:21377"), or as its bits ("26:2ea57c80", the first bit highest). Errors wrap ErrCard.
func ParseCard(s string) (device.Card, error) {
	parts := strings.Split(strings.ToLower(strings.TrimSpace(s)), ":")
	switch len(parts) {
	case 2:
		return rawCard(parts[0], parts[1])
	case 3:
		if f, ok := cardFormats()[parts[0]]; ok {
			return f.card(parts[1], parts[2])
		}
	}
	return device.Card{}, fmt.Errorf("%w: write format:facility:number as h10301:93:21377 (or w34, h10304, h10302), or bits:hex as 26:2ea57c80", ErrCard)
}

func rawCard(length, text string) (device.Card, error) {
	n, err := strconv.Atoi(length)
	if err != nil || n < 1 || n > MaxCardBits {
		return device.Card{}, fmt.Errorf("%w: it has 1 to %d bits", ErrCard, MaxCardBits)
	}
	data, err := hex.DecodeString(text)
	if err != nil || len(data) != (n+7)/8 {
		return device.Card{}, fmt.Errorf("%w: %d bits are %d hexadecimal digits", ErrCard, n, 2*((n+7)/8))
	}
	if spare := 8*len(data) - n; data[len(data)-1]&(1<<spare-1) != 0 {
		return device.Card{}, fmt.Errorf("%w: bits beyond the last one are set", ErrCard)
	}
	return device.Card{Bits: n, Data: data}, nil
}

func (f cardFormat) card(facility, number string) (device.Card, error) {
	place, err := strconv.ParseUint(facility, 10, 32)
	if err != nil || place >= 1<<f.facility {
		return device.Card{}, fmt.Errorf("%w: the first number is 0 to %d", ErrCard, 1<<f.facility-1)
	}
	which, err := strconv.ParseUint(number, 10, 64)
	if err != nil || which >= 1<<f.number {
		return device.Card{}, fmt.Errorf("%w: the second number is 0 to %d", ErrCard, 1<<f.number-1)
	}
	n := f.facility + f.number + 2
	whole := (place<<f.number | which) << 1
	if bits.OnesCount64(whole>>(n-1-f.covered))%2 != 0 {
		whole |= 1 << (n - 1)
	}
	if bits.OnesCount64(whole&(1<<(f.covered+1)-1))%2 == 0 {
		whole |= 1
	}
	card := device.Card{Bits: n, Data: make([]byte, (n+7)/8)}
	whole <<= 8*len(card.Data) - n
	for i := range card.Data {
		card.Data[len(card.Data)-1-i] = byte(whole >> (8 * i))
	}
	return card, nil
}
