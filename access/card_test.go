package access

import (
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"testing"
)

func TestParseCard(t *testing.T) {
	for text, want := range map[string]string{
		"26:aea9c0c0":                     "26 aea9c0c0",
		"h10301:93:21377":                 "26 aea9c0c0", // the same card, as the makers of readers print it
		"H10301:0:0":                      "26 00000040",
		"h10301:255:65535":                "26 7fffffc0", // even and odd parity of twelve ones each
		"w34:1234:56789":                  "34 82696eea80",
		"h10304:1234:123456":              "37 82691e2408",
		"w34:0:1":                         "34 0000000080",
		"h10302:0:1":                      "37 0000000010",
		"h10304:65535:524287":             "37 7ffffffff8",
		" 8:ff ":                          "8 ff",
		"26:aea9c0c1":                     "",
		"26:aea9c0":                       "",
		"0:":                              "",
		"129:" + strings.Repeat("00", 17): "",
		"h10301:256:1":                    "",
		"h10301:1:65536":                  "",
		"h10302:1:1":                      "",
		"h10301:-1:1":                     "",
		"hid:1:1":                         "",
		"":                                "",
		"4711":                            "",
	} {
		card, err := ParseCard(text)
		got := ""
		if err == nil {
			got = strconv.Itoa(card.Bits) + " " + hex.EncodeToString(card.Data)
		} else if !errors.Is(err, ErrCard) || text != "" && len(text) > 4 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func FuzzParseCard(f *testing.F) {
	f.Add("h10301:93:21377")
	f.Add("26:aea9c0c0")
	f.Fuzz(func(t *testing.T, text string) {
		card, err := ParseCard(text)
		if err == nil && (card.Bits < 1 || card.Bits > MaxCardBits || len(card.Data) != (card.Bits+7)/8) {
			t.Errorf("%q is a card of %d bits in %d bytes", text, card.Bits, len(card.Data))
		}
	})
}
