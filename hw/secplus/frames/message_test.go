package frames

import (
	"encoding/hex"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Messages and their bytes as the published reference implementation makes them.
func vectors() map[string]Message {
	const id = 0x539
	return map[string]Message{
		"55 01 00 5a 2d b6 cb 2d b2 c9 65 aa 2f b7 ff 6b 56 59 65": {0x1000, id, 0x080, 0, 0, 0},
		"55 01 00 59 01 20 14 40 04 12 07 a0 34 de 49 b1 39 ad b2": {0x1001, id, 0x280, 1, 1, 1},
		"55 01 00 59 01 20 14 40 04 12 03 a0 34 de 49 b1 39 ed b2": {0x1001, id, 0x280, 1, 0, 1},
		"55 01 00 04 3d ff f7 fd ff ff 7a 50 33 f9 25 b0 1e 7d b6": {0x1002, id, 0x280, 0, 1, 1},
		"55 01 00 02 19 64 9a 4b 24 92 5c 41 06 4b 6c 95 e1 34 99": {0x1003, id, 0x280, 3, 1, 1},
		"55 01 00 91 12 5b 27 92 c9 64 96 1a 0c a6 49 6e d7 93 4e": {0x1004, id, 0x281, 1, 0, 0},
		"55 01 00 90 16 d9 6c f6 5b 2d b6 10 17 5b ff b1 f3 2f f4": {0x1005, id, 0x18c, 1, 0, 0},
		"55 01 00 26 1a 69 f4 d3 6d 36 93 80 30 d9 25 b3 1f f5 92": {0x1006, id, 0x48b, 0, 0, 0},
		"55 01 00 25 3d a7 d9 7f be 5b 2c 55 2d ee ba 6b 7b eb 38": {0x2000, 0x1022334455, 0x081, 2, 0x40, 0},
		"55 01 00 24 2c de dd 7f f7 7f 9f 46 1e 77 a7 b8 c1 36 4e": {0x2001, 0x33445566, 0x081, 1, 0x40, 2},
		"55 01 00 8a 09 f5 9a 6f f6 df 7d a5 2a 9f 9a f9 46 5a 2a": {0x2002, 0x33445566, 0x081, 5, 0, 0},
		"55 01 00 89 34 0b 51 02 64 15 0a 96 38 64 a6 0e 8d 63 7b": {0x2003, 0x33445566, 0x48c, 0, 0x04, 0xd2},
		"55 01 00 58 00 94 1c 64 96 5b 24 85 38 ac ca 0c 52 4a eb": {0x2004, 0x33445566, 0x285, 0, 0, 0},
		"55 01 00 a8 36 db ef 92 69 a6 92 91 09 a4 93 69 8d f6 df": {0xfffffff, 0xffffffff, 0x080, 0xf, 0xff, 0xff},
		"55 01 00 00 36 db 6d b6 db 6d b6 00 36 db 6d b6 7b 6d b6": {0, 0, 0x080, 0, 0, 0},
	}
}

func frameOf(t testing.TB, text string) [Size]byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil || len(b) != Size {
		t.Fatal(text, err)
	}
	return [Size]byte(b)
}

func TestVectors(t *testing.T) {
	for text, m := range vectors() {
		want := frameOf(t, text)
		if got := Encode(m); got != want {
			t.Errorf("%+v\n is % x,\nwant % x", m, got, want)
		}
		if got, err := Decode(want); err != nil || got != m {
			t.Errorf("%s\n is %+v, %v,\nwant %+v", text, got, err, m)
		}
	}
}

func TestThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Message{
			Rolling: rapid.Uint32Range(0, MaxRolling).Draw(t, "rolling"), ID: rapid.Uint64Range(0, maxFixed).Draw(t, "id") & IDMask,
			Command: rapid.Uint16Range(0, 0xFFF).Draw(t, "command"), Nibble: rapid.ByteRange(0, 15).Draw(t, "nibble"),
			Byte1: rapid.Byte().Draw(t, "byte1"), Byte2: rapid.Byte().Draw(t, "byte2"),
		}
		b := Encode(m)
		if got, err := Decode(b); err != nil || got != m {
			t.Fatalf("%+v comes back as %+v, %v", m, got, err)
		}
		flipped := b // one bit that is wrong on the way is no other order of the same sender
		at := rapid.IntRange(0, 8*Size-1).Draw(t, "bit")
		flipped[at/8] ^= 1 << (at % 8)
		if got, err := Decode(flipped); err == nil && got.Rolling == m.Rolling && got.ID == m.ID {
			t.Fatalf("one wrong bit makes %+v of %+v", got, m)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for text := range vectors() {
		b := frameOf(f, text)
		f.Add(b[:])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Stream
		for _, m := range s.Take(b) {
			again, err := Decode(Encode(m))
			if err != nil || again != m {
				t.Errorf("%+v comes back as %+v, %v", m, again, err)
			}
		}
		if len(s.got) >= Size {
			t.Errorf("%d bytes are kept", len(s.got))
		}
	})
}
