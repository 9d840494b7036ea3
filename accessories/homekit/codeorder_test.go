package homekit

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOrdersAboutCodes(t *testing.T) {
	pin := func(s string) codeRequest { return codeRequest{pin: device.Keys(s), hasPIN: true} }
	number := func(n uint64) codeRequest { return codeRequest{number: n, hasNumber: true} }
	for name, tc := range map[string]struct {
		wire string
		want codeOrder
	}{
		"list":                          {"01 01 01", codeOrder{operation: codeList}},
		"read three":                    {"01 01 02 02 03 01 01 00 00 00 02 03 01 01 01 00 00 02 03 01 01 02", codeOrder{codeRead, []codeRequest{number(0), number(1), number(2)}}},
		"add":                           {"01 01 03 02 06 02 04 31 32 33 34", codeOrder{codeAdd, []codeRequest{pin("1234")}}},
		"add with a number and no flag": {"01 01 03 02 0c 01 01 07 02 04 31 32 33 34 03 01 00", codeOrder{codeAdd, []codeRequest{{number: 7, hasNumber: true, pin: "1234", hasPIN: true}}}},
		"remove":                        {"01 01 05 02 03 01 01 02", codeOrder{codeRemove, []codeRequest{number(2)}}},
		"a number of two bytes":         {"01 01 05 02 04 01 02 02 01", codeOrder{codeRemove, []codeRequest{number(0x102)}}},
		"a number of three bytes":       {"01 01 05 02 05 01 03 02 00 00", codeOrder{codeRemove, []codeRequest{{bad: true}}}},
		"flags":                         {"01 01 03 02 09 02 04 31 32 33 34 03 01 01", codeOrder{codeAdd, []codeRequest{{pin: "1234", hasPIN: true, bad: true}}}},
		"an operation nobody knows":     {"01 01 09", codeOrder{operation: 9}},
		"items nobody knows":            {"01 01 03 77 01 00 02 09 66 01 05 02 04 31 32 33 34", codeOrder{codeAdd, []codeRequest{pin("1234")}}},
		"an empty request":              {"01 01 03 02 00", codeOrder{codeAdd, []codeRequest{{}}}},
		"an empty PIN":                  {"01 01 03 02 02 02 00", codeOrder{codeAdd, []codeRequest{pin("")}}},
		"a long PIN is cut":             {"01 01 03 02 46 02 44" + strings.Repeat(" 31", 0x44), codeOrder{codeAdd, []codeRequest{pin(strings.Repeat("1", maxPIN))}}},
	} {
		got, err := parseCodeOrder(unhex(t, tc.wire))
		if err != nil || !same(got, tc.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, wire := range map[string]string{
		"nothing":                        "",
		"no operation":                   "02 03 01 01 02",
		"an operation of no byte":        "01 00",
		"an operation of two bytes":      "01 02 01 00",
		"two operations":                 "01 01 01 00 00 01 01 02",
		"a header that is cut":           "01 01 01 02",
		"a value that is cut":            "01 01 05 02 04 01 01 02",
		"a request that is cut":          "01 01 05 02 03 01 02 02",
		"two requests without separator": "01 01 05 02 03 01 01 02 02 03 01 01 03",
		"a separator that is none":       "01 01 05 02 03 01 01 02 00 01 00 02 03 01 01 03",
		"two PINs in a request":          "01 01 03 02 0c 02 04 31 32 33 34 02 04 35 36 37 38",
	} {
		if got, err := parseCodeOrder(unhex(t, wire)); !errors.Is(err, errCodeOrder) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	many := append([]byte{1, 1, codeRead}, bytes.Repeat([]byte{2, 3, 1, 1, 1, 0, 0}, maxCodeRequests+1)...)
	if got, err := parseCodeOrder(many); !errors.Is(err, errCodeBulk) || got.operation != codeRead || got.requests != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseCodeOrder(many[:len(many)-7]); err != nil || len(got.requests) != maxCodeRequests {
		t.Errorf("%+v, %v", got, err)
	}
}

func same(a, b codeOrder) bool {
	show := func(o codeOrder) string {
		s := fmt.Sprint(o.operation)
		for _, r := range o.requests {
			s += fmt.Sprintf(" %d %v %s %v %v", r.number, r.hasNumber, string(r.pin), r.hasPIN, r.bad)
		}
		return s
	}
	return show(a) == show(b)
}

// The answers that the public description of the protocol shows, byte by byte.
func TestAnswersAboutCodes(t *testing.T) {
	code := func(n uint64, pin device.Keys) codeResponse {
		return codeResponse{number: n, hasNumber: true, pin: pin}
	}
	for name, tc := range map[string]struct {
		operation byte
		responses []codeResponse
		want      string
	}{
		"add":        {codeAdd, []codeResponse{code(1, "1234")}, "01 01 03 03 0F 01 01 01 02 04 31 32 33 34 03 01 00 04 01 00"},
		"empty list": {codeList, nil, "01 01 01"},
		"list": {codeList, []codeResponse{code(0, "1234"), code(1, "56789")},
			"01 01 01 03 0f 01 01 00 02 04 31 32 33 34 03 01 00 04 01 00 00 00 03 10 01 01 01 02 05 35 36 37 38 39 03 01 00 04 01 00"},
		"nothing there": {codeRemove, []codeResponse{{number: 300, hasNumber: true, status: codeNotThere}}, "01 01 05 03 10 01 08 2c 01 00 00 00 00 00 00 03 01 00 04 01 09"},
		"too many":      {codeRead, []codeResponse{{status: codeBulk}}, "01 01 02 03 06 03 01 00 04 01 03"},
	} {
		if got := (codeOrder{operation: tc.operation}).answer(tc.responses); !bytes.Equal(got, unhex(t, tc.want)) {
			t.Errorf("%s: %x", name, got)
		}
	}
	if got := (codeLimits{4, 6}).supported(); !bytes.Equal(got, unhex(t, "01 01 01 02 01 04 03 01 06 04 01 64")) {
		t.Errorf("configuration %x", got)
	}
}

func TestWhatBecomesAPIN(t *testing.T) {
	for pin, want := range map[string]codeStatus{"": codeTooShort, "12345": codeTooShort, "739154": codeDone, "73915482": codeDone, "739154820": codeTooLong,
		"73915a": codeCharacter, "7391#": codeCharacter, "٣٣٣": codeCharacter} {
		if got := (codeLimits{6, 8}).check(device.Keys(pin)); got != want {
			t.Errorf("%d bytes: %d, want %d", len(pin), got, want)
		}
	}
}

// Whatever is sent, an order is bounded, and its answer says one thing for each request.
func FuzzCodeOrder(f *testing.F) {
	for _, s := range []string{"010101", "0101030206020431323334", "01010202030101000000020301010100000203010102", "0101050203010102", "01010302090204313233340301ff", "0200"} {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := parseCodeOrder(b)
		if err != nil {
			if len(o.requests) > 0 {
				t.Fatalf("half an order: %+v", o)
			}
			return
		}
		if len(o.requests) > maxCodeRequests {
			t.Fatalf("%d requests", len(o.requests))
		}
		var responses []codeResponse
		for _, r := range o.requests {
			if len(r.pin) > maxPIN || r.pin != "" && !r.hasPIN {
				t.Fatalf("%+v", r)
			}
			responses = append(responses, codeResponse{number: r.number, hasNumber: r.hasNumber, pin: r.pin})
		}
		count := 0
		if err := eachItem(o.answer(responses), func(kind byte, _ []byte) error {
			if kind == itemResponse {
				count++
			}
			return nil
		}); err != nil || count != len(o.requests) {
			t.Fatalf("%d answers to %d requests, %v", count, len(o.requests), err)
		}
	})
}

// An order that is written as the protocol says is read as it was meant.
func TestOrdersThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := codeOrder{operation: rapid.Byte().Draw(t, "operation")}
		b := []byte{itemOperation, 1, want.operation}
		for i := range rapid.IntRange(0, 5).Draw(t, "requests") {
			r := codeRequest{number: uint64(rapid.Byte().Draw(t, "number")), hasNumber: rapid.Bool().Draw(t, "numbered"),
				pin: device.Keys(rapid.StringMatching("[0-9]{0,12}").Draw(t, "pin")), hasPIN: true}
			var one []byte
			if r.hasNumber {
				one = append(one, itemNumber, 1, byte(r.number))
			} else {
				r.number = 0
			}
			one = append(append(one, itemPIN, byte(len(r.pin))), r.pin...)
			if i > 0 {
				b = append(b, itemSeparator, 0)
			}
			b = append(append(b, itemRequest, byte(len(one))), one...)
			want.requests = append(want.requests, r)
		}
		if got, err := parseCodeOrder(b); err != nil || !same(got, want) {
			t.Fatalf("%+v, want %+v, %v", got, want, err)
		}
	})
}
