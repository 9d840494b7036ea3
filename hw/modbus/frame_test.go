package modbus

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

func unhex(t testing.TB, s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The frames that are published for the boards.
func TestPublishedFrames(t *testing.T) {
	waveshare := Config{Kind: Waveshare, Relays: 8}
	coils := Config{Kind: Coils, Relays: 8}
	for want, p := range map[string]pdu{
		"01 05 00 00 FF 00 8C 3A": coils.switching(0, true, time.Second), // no timer of its own
		"01 05 00 00 00 00 CD CA": coils.switching(0, false, 0),
		"01 01 00 00 00 08 3D CC": coils.asking(),
		"01 02 00 00 00 08 79 CC": ask(readInputs, 0, 8),
		"01 05 02 00 00 07 8D B0": waveshare.switching(0, true, 700*time.Millisecond),
		"01 06 00 01 01 00 D9 9A": Config{Kind: Registers, FirstRelay: 1}.switching(0, true, time.Second),
	} {
		if got := (rtu{}).frame(1, p); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("% X, want %s", got, want)
		}
	}
}

// The board's own time is never shorter than what was asked for, and nothing is ever toggled.
func TestSwitching(t *testing.T) {
	for _, c := range []struct {
		high bool
		max  time.Duration
		want string
	}{
		{true, 400 * time.Millisecond, "05 02 02 00 04"},
		{true, 401 * time.Millisecond, "05 02 02 00 05"},
		{false, time.Second, "05 04 02 00 0A"}, // a relay that rests energised
		{true, 0, "05 00 02 FF 00"},            // for as long as it likes
		{false, 0, "05 00 02 00 00"},
		{true, 2 * time.Hour, "05 00 02 FF 00"}, // longer than the board can count
	} {
		if got := (Config{Kind: Waveshare}).switching(2, c.high, c.max); !bytes.Equal(got, unhex(t, c.want)) {
			t.Errorf("%v for %v: % X, want %s", c.high, c.max, got, c.want)
		}
	}
}

// Wherever an answer stands among stray bytes and answers to others, it is found; without it nothing is.
func TestAnswerIsFound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := ask(readInputs, 0, 8)
		other := rapid.SampledFrom([][]byte{
			(rtu{}).frame(2, pdu{readInputs, 1, 0xFF}),       // another board
			(rtu{}).frame(1, pdu{readCoils, 1, 0xFF}),        // another question
			(rtu{}).frame(1, pdu{readInputs, 2, 0xFF, 0xFF}), // another length
			(rtu{}).frame(1, order(writeCoil, 0, coilOn)),    // an order
			{0}, {0xFF, 0xFF}, {1, 2}, {1, readInputs, 1}, {1, 0}, // noise
		})
		got := bytes.Join(rapid.SliceOfN(other, 0, 4).Draw(t, "before"), nil)
		if _, err := (rtu{}).answer(got, 1, p); !errors.Is(err, errShort) {
			t.Fatalf("% X is taken for an answer: %v", got, err)
		}
		want := rapid.Byte().Draw(t, "levels")
		got = append(got, (rtu{}).frame(1, pdu{readInputs, 1, want})...)
		data, err := (rtu{}).answer(got, 1, p)
		if err != nil || len(data) != 1 || data[0] != want {
			t.Fatalf("% X: % X, %v, want %X", got, data, err, want)
		}
		for n := range len(got) - 1 { // and not before it is whole
			if _, err := (rtu{}).answer(got[:len(got)-1-n], 1, p); !errors.Is(err, errShort) {
				t.Fatalf("% X: %v", got[:n], err)
			}
		}
	})
}

// An order is confirmed by its own address and value and nothing else.
func TestOrderIsConfirmedByItself(t *testing.T) {
	off := order(writeCoil, 3, 0)
	for _, late := range []pdu{order(writeCoil, 3, coilOn), order(writeCoil, 2, 0), order(writeRegister, 3, 0)} {
		if _, err := (rtu{}).answer((rtu{}).frame(1, late), 1, off); !errors.Is(err, errShort) {
			t.Errorf("% X confirms % X: %v", late, off, err)
		}
	}
	if _, err := (rtu{}).answer((rtu{}).frame(1, off), 1, off); err != nil {
		t.Error(err)
	}
}

// Modbus TCP: the late answer to an older question is passed over.
func TestNumbers(t *testing.T) {
	line := &tcp{}
	p := ask(readInputs, 0, 8)
	line.frame(1, p)
	old := unhex(t, "00 01 00 00 00 04 01 02 01 FF")
	line.frame(1, p)
	if _, err := line.answer(old, 1, p); !errors.Is(err, errShort) {
		t.Errorf("the old answer: %v", err)
	}
	data, err := line.answer(append(old, unhex(t, "00 02 00 00 00 04 01 02 01 A5")...), 1, p)
	if err != nil || !bytes.Equal(data, []byte{0xA5}) {
		t.Errorf("% X, %v", data, err)
	}
	for _, bad := range []string{"00 02 00 01 00 04 01 02 01 A5", "00 02 00 00 00 02 01 02", "00 02 00 00 01 00 01 02"} {
		if _, err := line.answer(unhex(t, bad), 1, p); !errors.Is(err, errGarbled) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What a refusal says about an order.
func TestRefusals(t *testing.T) {
	for code := range 256 {
		err := refusal(byte(code))
		unsure := errors.Is(err, device.ErrUnsure)
		switch code {
		case 1, 2, 3, 6, 10: // the standard says that nothing was done
			if unsure {
				t.Errorf("%d: %v", code, err)
			}
		default:
			if !unsure {
				t.Errorf("%d: %v, and nobody knows", code, err)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{1, 2, 1, 0xFF, 0xE0, 0x08}, byte(1), byte(2), uint16(0), uint16(8))
	f.Add([]byte{0, 1, 0, 0, 0, 4, 1, 2, 1, 0xFF}, byte(1), byte(2), uint16(0), uint16(8))
	f.Add([]byte{1, 0x85, 2, 0xC3, 0x51}, byte(1), byte(5), uint16(3), uint16(0xFF00))
	f.Fuzz(func(t *testing.T, got []byte, unit, function byte, first, value uint16) {
		if function < readCoils || function > writeRegister || function < writeCoil && value > mostLines || function == 4 {
			return
		}
		p := words(function, first, value)
		for _, line := range []framing{rtu{}, &tcp{number: 1}} {
			data, err := line.answer(got, unit, p)
			if err != nil {
				continue
			}
			if p.orders() {
				if len(data) != 0 || !bytes.Contains(got, p) {
					t.Errorf("% X confirms % X", got, p)
				}
				continue
			}
			if len(data) != p.answerLen()-2 || !bytes.Contains(got, data) {
				t.Errorf("% X answers % X with % X", got, p, data)
			}
		}
	})
}
