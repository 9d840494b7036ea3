package frames

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// What the firmware of boards that do this job takes the answers for, and logs of real wires.
func TestAnswers(t *testing.T) {
	for b, want := range map[byte]Place{
		0x50: Stopped, 0x56: Stopped, 0x00: Stopped, 0x06: Stopped, 0x01: Opening, 0x51: Opening, 0x02: Open, 0x52: Open, 0x12: Open,
		0x04: Closing, 0x54: Closing, 0x05: Closed, 0x55: Closed, 0xB5: Closed,
		0x53: NoPlace, 0x57: NoPlace, 0xFF: NoPlace, 0x35: NoPlace, 0x25: NoPlace, 0xF5: NoPlace,
	} {
		if got := Door(b); got != want {
			t.Errorf("door %02x is %v, want %v", b, got, want)
		}
	}
	for b, want := range map[byte][2]bool{0x00: {false, true}, 0x01: {true, true}, 0x04: {true, true}, 0xFF: {false, false}, 0x39: {false, false}} {
		if blocked, ok := Blocked(b); blocked != want[0] || ok != want[1] {
			t.Errorf("blocked %02x is %v, %v", b, blocked, ok)
		}
	}
	for b, want := range map[byte][3]bool{ // light, locked, ok
		0x5C: {true, false, true}, 0x4C: {true, false, true}, 0x58: {false, false, true}, 0x54: {true, true, true}, 0x50: {false, true, true},
		0xFF: {false, false, false}, 0x3A: {false, false, false}, 0x00: {false, false, false},
	} {
		if light, locked, ok := Rest(b); [3]bool{light, locked, ok} != want {
			t.Errorf("rest %02x is %v %v %v", b, light, locked, ok)
		}
	}
}

func TestEar(t *testing.T) {
	asked := func(q, a byte, ours bool) Heard { return Heard{q, a, true, ours} }
	for _, tt := range []struct {
		name  string
		bytes string // >: we send; .: a pause of 150 ms; all others are heard
		want  []Heard
	}{
		{"a panel that asks", "3A 4C 39 00 3A 4C 38 55", []Heard{{Byte: 0x3A}, asked(0x3A, 0x4C, false), {Byte: 0x39}, asked(0x39, 0, false),
			{Byte: 0x3A}, asked(0x3A, 0x4C, false), {Byte: 0x38}, asked(0x38, 0x55, false)}},
		{"we ask, and hear ourselves", ">38 38 55 >3A 3A 5C", []Heard{asked(0x38, 0x55, true), asked(0x3A, 0x5C, true)}},
		{"we ask, and do not hear ourselves", ">38 55 >39 00", []Heard{asked(0x38, 0x55, true), asked(0x39, 0, true)}},
		{"buttons of the panel", "30 31 31 32 33", []Heard{{Byte: 0x30}, {Byte: 0x31}, {Byte: 0x31}, {Byte: 0x32}, {Byte: 0x33}}},
		{"our own button", ">30 30 >31 31", nil},
		{"our own button and the panel's", ">30 30 30", []Heard{{Byte: 0x30}}},
		{"filler", "FF FF 38 FF FF", []Heard{{Byte: 0x38}, asked(0x38, 0xFF, false)}},
		{"an answer that is late", "38 . 55", []Heard{{Byte: 0x38}}},
		{"an answer to nothing", "55 00 02", nil},
		{"an old panel", "37 02 37 >38 38 55", []Heard{{Byte: 0x37}, {Byte: 0x37}, asked(0x38, 0x55, true)}},
		{"a question in between", "38 39 00", []Heard{{Byte: 0x38}, {Byte: 0x39}, asked(0x39, 0, false)}},
		{"an answer to something older, where we hear ourselves", ">38 38 55 >39 . 55 39 00", []Heard{asked(0x38, 0x55, true), asked(0x39, 0, true)}},
		{"we do not hear ourselves any more", ">38 38 55 >38 55 >38 55 >38 55 >38 55", []Heard{asked(0x38, 0x55, true), asked(0x38, 0x55, true)}},
		{"the panel asks what we just asked", ">38 38 38 55", []Heard{{Byte: 0x38}, asked(0x38, 0x55, false)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var e Ear
			now := time.Now()
			var got []Heard
			for word := range strings.FieldsSeq(tt.bytes) {
				now = now.Add(10 * time.Millisecond)
				if word == "." {
					now = now.Add(150 * time.Millisecond)
					continue
				}
				b, err := hex.DecodeString(strings.TrimPrefix(word, ">"))
				if err != nil {
					t.Fatal(err)
				}
				if word[0] == '>' {
					e.Sent(b[0], now)
				} else if h, ok := e.Take(b[0], now); ok {
					got = append(got, h)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("heard %+v,\nwant %+v", got, tt.want)
			}
		})
	}
}

// Whatever is on the wire: an answer belongs to a question that was asked, at most a tenth of a second before.
func FuzzEar(f *testing.F) {
	f.Add([]byte{0x3A, 0x4C, 0x39, 0x00, 0x3A, 0x4C, 0x38, 0x55})
	f.Add([]byte{0x35, 0xFF, 0x35, 0xFF, 0x35, 0xFF, 0x35, 0x33, 0x33, 0x53, 0x38, 0xFF, 0x3A, 0x3A})
	f.Add([]byte{0x80, 0x38, 0x38, 0x55, 0x80, 0x30, 0x30, 0x30, 0x31})
	f.Fuzz(func(t *testing.T, all []byte) {
		var e Ear
		now := time.Now()
		var asked byte
		var when time.Time
		for i := 0; i < len(all); i++ {
			now = now.Add(time.Duration(all[i]) * time.Millisecond)
			if all[i] >= 0x80 && i+1 < len(all) { // the next one is ours
				i++
				e.Sent(all[i], now)
				asked, when = all[i], now
				continue
			}
			h, ok := e.Take(all[i], now)
			switch {
			case ok && h.Answered && (h.Byte != asked || h.Answer != all[i] || asks(h.Answer) || !asks(h.Byte) || now.Sub(when) > AnswerTime):
				t.Fatalf("%+v at %d of % x, where %02x was asked %v ago", h, i, all, asked, now.Sub(when))
			case ok && !h.Answered && (h.Byte != all[i] || h.Byte < PressDoor || h.Byte > AskRest):
				t.Fatalf("%+v at %d of % x", h, i, all)
			}
			if asks(all[i]) {
				asked, when = all[i], now
			}
		}
	})
}
