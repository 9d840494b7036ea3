package osdp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mustParse(t testing.TB, s string) frame {
	t.Helper()
	b := unhex(t, s)
	f, n, err := parse(b)
	if err != nil || n != len(b) {
		t.Fatalf("%s: %v after %d bytes", s, err, n)
	}
	return f
}

const (
	idReply = "53 E5 14 00 04 45 69 7A 00 99 01 04 03 02 01 0B 0C 0D 5C 7E"
	ccrypt  = "53 E5 2B 00 0E 03 12 00 76 69 7A 99 00 04 03 02 01 CB 49 A1 6D D2 44 24 D5 64 A8 47 96 DC 25 2A BB 69 05 0C EF 4E 86 7A 9F 5E A2"
	rmacI   = "53 E5 1B 00 0F 03 14 01 78 3B F7 2C B7 3C 59 47 A3 DE F2 96 E7 2D 8A 1A A4 3D 3A"
)

// The conversation of a panel with a libosdp reader at address 101 with SCBK-D, byte for byte.
func TestTranscript(t *testing.T) {
	rndA := unhex(t, "B0 B1 B2 B3 B4 B5 B6 B7")
	for want, f := range map[string]frame{
		"53 65 09 00 04 61 00 D9 7A":                               {addr: 101, id: cmdID, data: []byte{0}},
		"53 65 09 00 05 62 00 BA 18":                               {addr: 101, seq: 1, id: 0x62, data: []byte{0}},
		"53 65 13 00 0E 03 11 00 76 B0 B1 B2 B3 B4 B5 B6 B7 5E 5A": {addr: 101, seq: 2, scb: scbChlng, scbArg: []byte{0}, id: cmdChlng, data: rndA},
	} {
		if got := f.bytes(); !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("% X, want %s", got, want)
		}
	}
	if id := mustParse(t, idReply); !id.reply || id.addr != 101 || id.id != repID || len(id.data) != 12 {
		t.Errorf("%+v", id)
	}
	s := newSession(defaultKey(), rndA)
	cc := mustParse(t, ccrypt)
	rndB := cc.data[8:16]
	if got := s.cryptogram(rndA, rndB); !bytes.Equal(got, cc.data[16:32]) {
		t.Fatalf("the reader's cryptogram % X, want % X", got, cc.data[16:32])
	}
	server := s.cryptogram(rndB, rndA)
	scrypt := frame{addr: 101, seq: 3, scb: scbScrypt, scbArg: []byte{0}, id: cmdScrypt, data: server}
	if want := "53 65 1B 00 0F 03 13 00 77 09 7E 1D 1B 5A 8B 0E 8A F1 8B 5F F3 06 21 68 58 CB 89"; !bytes.Equal(scrypt.bytes(), unhex(t, want)) {
		t.Fatalf("% X", scrypt.bytes())
	}
	rm := mustParse(t, rmacI)
	if got := s.begin(server); !bytes.Equal(got, rm.data) || rm.scbArg[0] != 1 {
		t.Fatalf("% X, want % X", got, rm.data)
	}
	for _, c := range []struct {
		seq, id               byte
		plain, command, reply string
	}{
		{1, cmdLED, "00 00 00 00 00 00 00 00 00 01 05 00 02 02", "53 65 1E 00 0D 02 17 69 C1 D4 50 E7 36 7E 10 FE 37 26 19 CC 81 37 63 A2 D4 63 9C 12 59 E2", "53 E5 0E 00 0D 02 16 40 BA 36 DE ED 44 D5"},
		{2, cmdBuzzer, "00 02 02 02 03", "53 65 1E 00 0E 02 17 6A BC D9 E6 B9 2E E0 6C 38 01 6F E7 A5 8D 4F 8E FA D2 4D 0C AD 14 45", "53 E5 0E 00 0E 02 16 40 27 B3 49 D3 63 64"},
		{3, 0x68, "00 05 32 00", "53 65 1E 00 0F 02 17 68 F3 2F B1 57 C0 6D FA 0F 87 59 D2 10 12 A2 DD F5 E6 F9 AE 8B 4D 07", "53 E5 0E 00 0F 02 16 40 4F ED 28 37 DF 3F"},
	} {
		sealed := s.seal(frame{addr: 101, seq: c.seq, id: c.id, data: unhex(t, c.plain)})
		if got := sealed.bytes(); !bytes.Equal(got, unhex(t, c.command)) {
			t.Fatalf("% X, want %s", got, c.command)
		}
		reply, err := s.open(mustParse(t, c.reply))
		if err != nil || reply.id != repAck || reply.seq != c.seq {
			t.Fatalf("%+v, %v", reply, err)
		}
	}
}

// A channel refuses what was changed, is in clear text, or comes from another session.
func TestChannelRefuses(t *testing.T) {
	pair := func(k key) (*session, *session) {
		a, b := newSession(k, []byte("12345678")), newSession(k, []byte("12345678"))
		a.begin(make([]byte, 16))
		b.begin(make([]byte, 16))
		return a, b
	}
	wire := func(f frame) frame {
		got, _, err := parse(f.bytes())
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	poll := frame{addr: 1, seq: 1, id: cmdPoll}
	keys := frame{addr: 1, seq: 1, reply: true, id: repKeypad, data: []byte("\x00\x041234")}
	panel, reader := pair(key{1})
	if _, err := reader.open(wire(panel.seal(poll))); err != nil {
		t.Fatal(err)
	}
	first := wire(reader.seal(keys))
	if got, err := panel.open(first); err != nil || !bytes.Equal(got.data, keys.data) {
		t.Fatalf("%+v, %v", got, err)
	}
	panel.seal(frame{addr: 1, seq: 2, id: cmdPoll})
	stranger, _ := pair(key{2})
	changed := wire(reader.seal(keys))
	changed.signed = bytes.Clone(changed.signed)
	changed.signed[len(changed.signed)-1] ^= 1
	for name, f := range map[string]frame{"a replay": first, "clear text": wire(keys), "another key": wire(stranger.seal(keys)), "a changed bit": changed,
		"its own command": wire(panel.seal(poll))} {
		if got, err := panel.open(f); !errors.Is(err, errSecure) && name != "its own command" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{idReply, ccrypt, rmacI, "FF 53 65 09 00 04 61 00 D9 7A", "53 E5 0E 00 0F 02 16 40 4F ED 28 37 DF 3F"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for len(b) > 0 {
			got, n, err := parse(b)
			if errors.Is(err, errShort) {
				return
			}
			if n < 1 || n > len(b) {
				t.Fatalf("%d of %d bytes", n, len(b))
			}
			if err == nil && !bytes.Equal(got.bytes(), b[:n]) && b[4]&^(seqBits|crcBit|scbBit) == 0 {
				t.Fatalf("% X is written % X", b[:n], got.bytes())
			}
			if err == nil {
				s := newSession(key{}, make([]byte, 8))
				_, _ = s.open(got)
			}
			b = b[n:]
		}
	})
}
