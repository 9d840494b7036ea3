package wiegand

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/hw"
	"pgregory.net/rapid"
)

// published are frames with known contents: H10301 93/21377, 0/0 and 255/65535; 34 bits 1234/56789; H10304
// 1234/123456.
var published = []struct {
	bits string
	want Card
}{
	{"10101110101010011100000011", Card{H10301, 93, 21377}},
	{"00000000000000000000000001", Card{H10301, 0, 0}},
	{"01111111111111111111111111", Card{H10301, 255, 65535}},
	{"1000001001101001011011101110101010", Card{W34, 1234, 56789}},
	{"1000001001101001000111100010010000001", Card{H10304, 1234, 123456}},
}

// signal writes edges as a reader and a kernel do.
type signal struct {
	at    time.Duration
	seq   uint32
	edges []hw.Edge
}

func (s *signal) edge(line int, active bool) {
	s.seq++
	s.edges = append(s.edges, hw.Edge{Line: line, Active: active, At: s.at, Seq: s.seq})
}

func (s *signal) bits(bits string, every time.Duration) *signal {
	for _, b := range bits {
		s.edge(int(b-'0'), false)
		s.at += 50 * time.Microsecond
		s.edge(int(b-'0'), true)
		s.at += every - 50*time.Microsecond
	}
	return s
}

func (s *signal) pause(d time.Duration) *signal { s.at += d; return s }

// decode is all frames of edges, the last one ended by the pause after them.
func decode(edges []hw.Edge) []Frame {
	var (
		d   Decoder
		all []Frame
	)
	for _, e := range edges {
		if f, ok := d.Edge(e); ok {
			all = append(all, f)
		}
	}
	if f, ok := d.Flush(); ok {
		all = append(all, f)
	}
	return all
}

func TestPublishedCards(t *testing.T) {
	for _, c := range published {
		for _, every := range []time.Duration{200 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
			frames := decode(new(signal).bits(c.bits, every).edges)
			if len(frames) != 1 || frames[0].Err != nil || frames[0].Len != len(c.bits) {
				t.Fatalf("%s every %v: %+v", c.bits, every, frames)
			}
			if got, err := frames[0].Card(H10304); err != nil || got != c.want {
				t.Errorf("%s: %v, %v, want %v", c.bits, got, err, c.want)
			}
		}
	}
	long := decode(new(signal).bits(published[4].bits, time.Millisecond).edges)[0]
	if got, err := long.Card(H10302); err != nil || got != (Card{H10302, 0, 1234<<19 | 123456}) {
		t.Errorf("as H10302: %v, %v", got, err)
	}
}

// One bit that flips is always found: by the parity, whichever bit it is.
func TestOneWrongBitOfACard(t *testing.T) {
	for _, c := range published {
		for i := range len(c.bits) {
			wrong := []byte(c.bits)
			wrong[i] ^= 1
			f := decode(new(signal).bits(string(wrong), time.Millisecond).edges)[0]
			if got, err := f.Card(H10304); !errors.Is(err, ErrFrame) {
				t.Errorf("bit %d of %s: %v, %v", i+1, c.bits, got, err)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	four := map[string]byte{"0000": '0', "0001": '1', "0101": '5', "1001": '9', "1010": '*', "1011": '#'}
	eight := map[string]byte{"11110000": '0', "11100001": '1', "11010010": '2', "11000011": '3', "10110100": '4', "10100101": '5',
		"10010110": '6', "10000111": '7', "01111000": '8', "01101001": '9', "01011010": '*', "01001011": '#'}
	for _, keys := range []map[string]byte{four, eight} {
		for bits, want := range keys {
			f := decode(new(signal).bits(bits, 2*time.Millisecond).edges)[0]
			if got, err := f.Key(); err != nil || got != want {
				t.Errorf("%s is %q, %v, want %q", bits, got, err, want)
			}
		}
	}
	for _, bits := range []string{"1100", "1111", "11110001", "00000000", "001", "00000", "0110011"} {
		f := decode(new(signal).bits(bits, 2*time.Millisecond).edges)[0]
		if got, err := f.Key(); !errors.Is(err, ErrFrame) {
			t.Errorf("%s is %q, %v", bits, got, err)
		}
	}
}

func TestKeysOneAfterAnother(t *testing.T) {
	s := new(signal)
	for _, bits := range []string{"0101", "0101", "1011"} {
		s.bits(bits, 2*time.Millisecond).pause(Quiet)
	}
	var keys []byte
	for _, f := range decode(s.edges) {
		key, err := f.Key()
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
	}
	if string(keys) != "55#" {
		t.Errorf("keys %q", keys)
	}
}

// Anything odd rejects the frame, with its reason, and the one after it is good again.
func TestRejected(t *testing.T) {
	const key = "0101"
	cases := map[string]struct {
		spoil  func(*signal)
		reason string
	}{
		"an edge lost":          {func(s *signal) { s.bits("01", time.Millisecond); s.seq += 2; s.bits("01", time.Millisecond) }, "lost"},
		"lost before the first": {func(s *signal) { s.seq += 2; s.bits(key, time.Millisecond) }, "lost"},
		"out of order": {func(s *signal) {
			s.bits("01", time.Millisecond).pause(-5*time.Millisecond).bits("01", time.Millisecond)
		}, "order"},
		"too near": {func(s *signal) { s.bits("01", 99*time.Microsecond).bits("01", time.Millisecond) }, "near"},
		"at once":  {func(s *signal) { s.edge(0, false); s.edge(1, false); s.edge(0, true); s.edge(1, true) }, "near"},
		"both low": {func(s *signal) {
			s.edge(0, false)
			s.pause(200 * time.Microsecond)
			s.edge(1, false)
			s.edge(0, true)
			s.edge(1, true)
		}, "low"},
		"too late": {func(s *signal) {
			s.bits("01", time.Millisecond).pause(30*time.Millisecond).bits("01", time.Millisecond)
		}, "late"},
		"too long":     {func(s *signal) { s.edge(0, false); s.pause(2 * time.Millisecond); s.edge(0, true) }, "long"},
		"no beginning": {func(s *signal) { s.edge(1, true) }, "did not begin"},
		"a wire hangs": {func(s *signal) { s.bits(key, time.Millisecond); s.edge(0, false); s.pause(Quiet) }, "stays low"},
		"a third wire": {func(s *signal) { s.bits(key, time.Millisecond); s.edge(2, false) }, "third"},
		"too many":     {func(s *signal) { s.bits(strings.Repeat("01", 40), time.Millisecond) }, "many"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := new(signal).bits("1011", time.Millisecond).pause(2 * Quiet)
			c.spoil(s)
			s.pause(2*Quiet).bits("1001", time.Millisecond)
			frames := decode(s.edges)
			if name == "lost before the first" || name == "no beginning" {
				frames = frames[1:] // the frame before may have lost its end
			}
			if first := frames[0]; name != "lost before the first" && name != "no beginning" && first.Err != nil {
				t.Errorf("the frame before: %v", first.Err)
			}
			last := frames[len(frames)-1]
			if key, err := last.Key(); err != nil || key != '9' {
				t.Errorf("the frame after: %q, %v", key, err)
			}
			var reasons []string
			for _, f := range frames[:len(frames)-1] {
				if f.Err != nil {
					reasons = append(reasons, f.Err.Error())
				}
			}
			if all := strings.Join(reasons, "; "); !strings.Contains(all, c.reason) {
				t.Errorf("reasons %q, want %q; frames %+v", all, c.reason, frames)
			}
		})
	}
}

// The rest of a frame that was ended too early is no frame of its own.
func TestBitAfterTheEnd(t *testing.T) {
	s := new(signal).bits(published[0].bits, time.Millisecond)
	var d Decoder
	for _, e := range s.edges[:8] {
		d.Edge(e)
	}
	if f, ok := d.Flush(); !ok || f.Len != 4 {
		t.Fatalf("%+v, %v", f, ok)
	}
	for _, e := range s.edges[8:] {
		d.Edge(e)
	}
	if f, ok := d.Flush(); !ok || f.Err == nil {
		t.Errorf("the rest is taken for a frame: %+v, %v", f, ok)
	}
}

// Sources that tell only the starts of pulses are understood as well.
func TestStartsOnly(t *testing.T) {
	s := new(signal).bits(published[0].bits, time.Millisecond)
	var starts []hw.Edge
	for _, e := range s.edges {
		if !e.Active {
			e.Seq = uint32(len(starts) + 7)
			starts = append(starts, e)
		}
	}
	f := decode(starts)[0]
	if got, err := f.Card(H10304); err != nil || got != published[0].want {
		t.Errorf("%v, %v", got, err)
	}
}

// Whatever single edge is lost, no key and no card comes of the frame.
func TestNoEdgeMayBeMissing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := new(signal).bits("1011", time.Millisecond).pause(Quiet)
		from := len(s.edges)
		s.bits(published[rapid.IntRange(0, 4).Draw(t, "card")].bits, time.Millisecond).pause(Quiet)
		to := len(s.edges)
		s.bits("0000", time.Millisecond)
		gone := rapid.IntRange(from, to-1).Draw(t, "gone")
		edges := append(append([]hw.Edge(nil), s.edges[:gone]...), s.edges[gone+1:]...)
		for _, f := range decode(edges) {
			if card, err := f.Card(H10304); err == nil {
				t.Fatalf("edge %d of %d..%d lost: %v", gone, from, to, card)
			}
		}
	})
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte{0, 1, 50, 1, 1, 50})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var (
			d  Decoder
			at time.Duration
		)
		take := func(got Frame, ok bool) {
			if !ok {
				return
			}
			if got.Len > maxBits || got.Len < 64 && got.Bits>>got.Len != 0 || got.Err != nil && got.Bits != 0 {
				t.Fatalf("frame %+v", got)
			}
			if key, err := got.Key(); err == nil && !strings.ContainsRune("0123456789*#", rune(key)) {
				t.Fatalf("key %q", key)
			}
			if card, err := got.Card(H10304); err == nil && got.Len != 26 && got.Len != 34 && got.Len != 37 {
				t.Fatalf("card %v of %d bits", card, got.Len)
			}
		}
		for i := 0; i+2 < len(raw); i += 3 {
			at += time.Duration(int8(raw[i+1])) * 100 * time.Microsecond
			take(d.Edge(hw.Edge{Line: int(raw[i]>>1&3) - 1, Active: raw[i]&1 == 1, At: at, Seq: uint32(i/3) + uint32(raw[i+2]>>7)}))
			if raw[i+2]&1 == 1 {
				take(d.Flush())
			}
		}
	})
}
