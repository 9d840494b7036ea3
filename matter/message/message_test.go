package message

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Messages of matter-js/matter.js packages/protocol/test/codec/MessageCodecTest.ts.
func TestCodecVectors(t *testing.T) {
	tests := map[string]struct {
		hex    string
		header Header
		proto  Protocol
		plain  bool // without extensions, so that it is written the same
	}{
		"PBKDFParamRequest": {"040000000a4ff2177ea0c8a7cb6a63520520d36400001530",
			Header{Counter: 401755914, HasSource: true, Source: 5936706156730294398},
			Protocol{Initiator: true, Reliable: true, Opcode: 0x20, Exchange: 25811}, true},
		"PBKDFParamResponse": {"01000000218712797ea0c8a7cb6a63520621d36400000a4ff2171530",
			Header{Counter: 2031257377, Dest: ToNode, DestNode: 5936706156730294398},
			Protocol{Reliable: true, HasAck: true, Acked: 401755914, Opcode: 0x21, Exchange: 25811}, true},
		"message extension": {"040000200a4ff2177ea0c8a7cb6a635203000102030520d36400001530",
			Header{Counter: 401755914, HasSource: true, Source: 5936706156730294398},
			Protocol{Initiator: true, Reliable: true, Opcode: 0x20, Exchange: 25811}, false},
		"secured extension": {"040000000a4ff2177ea0c8a7cb6a63520d20d364000003000102031530",
			Header{Counter: 401755914, HasSource: true, Source: 5936706156730294398},
			Protocol{Initiator: true, Reliable: true, Opcode: 0x20, Exchange: 25811}, false},
		"vendor": {"040000000a4ff2177ea0c8a7cb6a63521520d364f1ff34121530",
			Header{Counter: 401755914, HasSource: true, Source: 5936706156730294398},
			Protocol{Initiator: true, Reliable: true, Opcode: 0x20, Exchange: 25811, ID: 0xfff11234}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			raw := unhex(t, tt.hex)
			h, n, err := ParseHeader(raw)
			if err != nil || h != tt.header {
				t.Fatalf("header %+v, %v", h, err)
			}
			p, payload, err := ParseProtocol(raw[n:])
			if err != nil || p != tt.proto || !bytes.Equal(payload, []byte{0x15, 0x30}) {
				t.Fatalf("protocol %+v, payload %x, %v", p, payload, err)
			}
			if got := append(p.Append(h.Append(nil)), payload...); tt.plain && !bytes.Equal(got, raw) {
				t.Errorf("written %x", got)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, s := range map[string]string{
		"nothing": "", "short": "04000000", "version": "140000000a4ff2177ea0c8a7cb6a6352", "destination": "030000000a4ff2177ea0c8a7cb6a6352",
		"kind": "000000020a4ff217", "source cut": "040000000a4ff2177ea0c8", "group cut": "020000010a4ff21701",
		"extension too long": "000000200a4ff217ffff01", "extension cut": "000000200a4ff21703",
	} {
		if h, _, err := ParseHeader(unhex(t, s)); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	if _, _, err := ParseHeader(make([]byte, MaxSize+1)); !errors.Is(err, ErrHeader) {
		t.Error(err)
	}
	for name, s := range map[string]string{
		"short": "0520d36400", "vendor cut": "1520d364f1ff", "ack cut": "0220d3640000010203", "extension cut": "0820d364000003", "extension too long": "0820d3640000ffff00",
	} {
		if p, _, err := ParseProtocol(unhex(t, s)); !errors.Is(err, ErrHeader) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func TestHeadersComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{SessionID: rapid.Uint16().Draw(t, "session"), Kind: Kind(rapid.IntRange(0, 1).Draw(t, "kind")),
			Control: rapid.Bool().Draw(t, "control"), Privacy: rapid.Bool().Draw(t, "privacy"), Counter: rapid.Uint32().Draw(t, "counter"),
			HasSource: rapid.Bool().Draw(t, "has"), Dest: Destination(rapid.IntRange(0, 2).Draw(t, "dest"))}
		if h.HasSource {
			h.Source = rapid.Uint64().Draw(t, "source")
		}
		switch h.Dest {
		case ToNode:
			h.DestNode = rapid.Uint64().Draw(t, "node")
		case ToGroup:
			h.DestGroup = rapid.Uint16().Draw(t, "group")
		case ToNobody:
		}
		b := h.Append(nil)
		got, n, err := ParseHeader(append(b, 1, 2, 3))
		if err != nil || got != h || n != len(b) {
			t.Fatalf("%+v became %+v, %v", h, got, err)
		}
		if private, ok := PrivateSize(b); !ok || private != len(b)-4 {
			t.Fatalf("private %d of %d", private, len(b))
		}
		p := Protocol{Initiator: rapid.Bool().Draw(t, "i"), Reliable: rapid.Bool().Draw(t, "r"), HasAck: rapid.Bool().Draw(t, "a"),
			Opcode: rapid.Uint8().Draw(t, "op"), Exchange: rapid.Uint16().Draw(t, "x"), ID: rapid.Uint32().Draw(t, "p")}
		if p.HasAck {
			p.Acked = rapid.Uint32().Draw(t, "acked")
		}
		gotP, rest, err := ParseProtocol(append(p.Append(nil), 9))
		if err != nil || gotP != p || !bytes.Equal(rest, []byte{9}) {
			t.Fatalf("%+v became %+v, %v", p, gotP, err)
		}
	})
}

func TestNonce(t *testing.T) {
	if n := Nonce(0x81, 0x01020304, 0x1122334455667788); !bytes.Equal(n[:], unhex(t, "81040302018877665544332211")) {
		t.Errorf("%x", n)
	}
}

func TestWindow(t *testing.T) {
	type show struct {
		counter uint32
		fresh   bool
	}
	tests := map[string]struct {
		rule  Rule
		shown []show
	}{
		"in order":               {Sealed, []show{{5, true}, {6, true}, {7, true}, {7, false}, {6, false}, {5, false}}},
		"out of order":           {Sealed, []show{{40, true}, {39, true}, {39, false}, {8, true}, {8, false}, {7, false}}},
		"a jump forgets":         {Sealed, []show{{5, true}, {100, true}, {5, false}, {68, true}, {67, false}, {99, true}}},
		"a jump of the window":   {Sealed, []show{{10, true}, {42, true}, {10, false}, {11, true}, {11, false}}},
		"sealed never goes back": {Sealed, []show{{math.MaxUint32, true}, {1, false}, {math.MaxUint32, false}}},
		"plain restarts":         {Plain, []show{{1000, true}, {999, true}, {999, false}, {3, true}, {3, false}, {4, true}, {1000, true}}},
		"rolling goes around":    {Rolling, []show{{math.MaxUint32, true}, {2, true}, {math.MaxUint32, false}, {1, true}, {0, true}, {0, false}}},
		"rolling refuses old":    {Rolling, []show{{100, true}, {60, false}, {100 + 1<<31, false}, {99 + 1<<31, true}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var w Window
			for i, s := range tt.shown {
				if got := w.Fresh(s.counter, tt.rule); got != s.fresh {
					t.Fatalf("%d: counter %d is fresh: %t", i, s.counter, got)
				}
			}
		})
	}
}

// TestWindowNeverTakesTwice holds every rule but Plain against a plain set of seen counters.
func TestWindowNeverTakesTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rule := rapid.SampledFrom([]Rule{Sealed, Rolling}).Draw(t, "rule")
		base := rapid.SampledFrom([]uint32{1, 1000, math.MaxUint32 - 20}).Draw(t, "base")
		var w Window
		seen := map[uint32]bool{}
		for range 200 {
			c := base + rapid.Uint32Range(0, 90).Draw(t, "c")
			if w.Fresh(c, rule) {
				if seen[c] {
					t.Fatalf("counter %d was taken twice", c)
				}
				seen[c] = true
			}
		}
	})
}

func TestCounterEnds(t *testing.T) {
	c := NewCounterAt(math.MaxUint32)
	if v, err := c.Next(); v != math.MaxUint32 || err != nil {
		t.Error(v, err)
	}
	if _, err := c.Next(); !errors.Is(err, ErrExhausted) {
		t.Error(err)
	}
	for range 100 {
		if v, err := NewCounter().Next(); err != nil || v < 1 || v > 1<<28 {
			t.Fatal(v, err)
		}
	}
	p := NewPlainCounter()
	p.last.Store(math.MaxUint32)
	if v, err := p.Next(); v != 0 || err != nil {
		t.Error(v, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(unhex(f, "040000000a4ff2177ea0c8a7cb6a63520520d36400001530"))
	f.Add(unhex(f, "040000200a4ff2177ea0c8a7cb6a635203000102030d20d364000003000102031530"))
	f.Add(unhex(f, "067ddb81d926afce24c8a0981bdd44f4e7302b2f915a66c9596290ebe4408217b3c0c921a2fca4e1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, n, err := ParseHeader(b)
		if err != nil {
			return
		}
		if again, _, err := ParseHeader(h.Append(nil)); err != nil || again != h {
			t.Fatalf("%+v became %+v, %v", h, again, err)
		}
		p, _, err := ParseProtocol(b[n:])
		if err != nil {
			return
		}
		if again, _, err := ParseProtocol(p.Append(nil)); err != nil || again != p {
			t.Fatalf("%+v became %+v, %v", p, again, err)
		}
	})
}
