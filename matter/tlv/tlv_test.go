package tlv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSpecificationExamples holds writer and reader against the sample encodings of Matter 1.4 A.12.
func TestSpecificationExamples(t *testing.T) {
	tests := map[string]struct {
		write func(w *Writer)
		hex   string
	}{
		"false":              {func(w *Writer) { w.Bool(Anonymous(), false) }, "08"},
		"true":               {func(w *Writer) { w.Bool(Anonymous(), true) }, "09"},
		"signed 42":          {func(w *Writer) { w.Int(Anonymous(), 42) }, "00 2a"},
		"signed -17":         {func(w *Writer) { w.Int(Anonymous(), -17) }, "00 ef"},
		"unsigned 42":        {func(w *Writer) { w.Uint(Anonymous(), 42) }, "04 2a"},
		"signed -170000":     {func(w *Writer) { w.Int(Anonymous(), -170000) }, "02 f0 67 fd ff"},
		"signed 40000000000": {func(w *Writer) { w.Int(Anonymous(), 40000000000) }, "03 00 90 2f 50 09 00 00 00"},
		"hello":              {func(w *Writer) { w.Text(Anonymous(), "Hello!") }, "0c 06 48 65 6c 6c 6f 21"},
		"tschüs":             {func(w *Writer) { w.Text(Anonymous(), "Tschüs") }, "0c 07 54 73 63 68 c3 bc 73"},
		"octets":             {func(w *Writer) { w.Octets(Anonymous(), []byte{0, 1, 2, 3, 4}) }, "10 05 00 01 02 03 04"},
		"null":               {func(w *Writer) { w.Null(Anonymous()) }, "14"},
		"float 0":            {func(w *Writer) { w.Float32(Anonymous(), 0) }, "0a 00 00 00 00"},
		"float 17.9":         {func(w *Writer) { w.Float32(Anonymous(), 17.9) }, "0a 33 33 8f 41"},
		"float infinity":     {func(w *Writer) { w.Float32(Anonymous(), float32(math.Inf(1))) }, "0a 00 00 80 7f"},
		"double 17.9":        {func(w *Writer) { w.Float64(Anonymous(), 17.9) }, "0b 66 66 66 66 66 e6 31 40"},
		"empty structure":    {func(w *Writer) { w.Struct(Anonymous()); w.End() }, "15 18"},
		"empty array":        {func(w *Writer) { w.Array(Anonymous()); w.End() }, "16 18"},
		"empty list":         {func(w *Writer) { w.List(Anonymous()); w.End() }, "17 18"},
		"structure {0 = 42, 1 = -17}": {func(w *Writer) {
			w.Struct(Anonymous())
			w.Int(Context(0), 42)
			w.Int(Context(1), -17)
			w.End()
		}, "15 20 00 2a 20 01 ef 18"},
		"array of 0 to 4": {func(w *Writer) {
			w.Array(Anonymous())
			for i := range 5 {
				w.Int(Anonymous(), int64(i))
			}
			w.End()
		}, "16 00 00 00 01 00 02 00 03 00 04 18"},
		"list [1, 0=42, 2, 3, 0=-17]": {func(w *Writer) {
			w.List(Anonymous())
			w.Int(Anonymous(), 1)
			w.Int(Context(0), 42)
			w.Int(Anonymous(), 2)
			w.Int(Anonymous(), 3)
			w.Int(Context(0), -17)
			w.End()
		}, "17 00 01 20 00 2a 00 02 00 03 20 00 ef 18"},
		"mixed array": {func(w *Writer) {
			w.Array(Anonymous())
			w.Int(Anonymous(), 42)
			w.Int(Anonymous(), -170000)
			w.Struct(Anonymous())
			w.End()
			w.Float32(Anonymous(), 17.9)
			w.Text(Anonymous(), "Hello!")
			w.End()
		}, "16 00 2a 02 f0 67 fd ff 15 18 0a 33 33 8f 41 0c 06 48 65 6c 6c 6f 21 18"},
		"context 1 = 42":          {func(w *Writer) { w.Uint(Context(1), 42) }, "24 01 2a"},
		"common 1 = 42":           {func(w *Writer) { w.Uint(CommonProfile(1), 42) }, "44 01 00 2a"},
		"common 100000 = 42":      {func(w *Writer) { w.Uint(CommonProfile(100000), 42) }, "64 a0 86 01 00 2a"},
		"full fff1:deed:1":        {func(w *Writer) { w.Uint(FullyQualified(0xfff1, 0xdeed, 1), 42) }, "c4 f1 ff ed de 01 00 2a"},
		"full fff1:deed:aa55feed": {func(w *Writer) { w.Uint(FullyQualified(0xfff1, 0xdeed, 0xaa55feed), 42) }, "e4 f1 ff ed de ed fe 55 aa 2a"},
		"tags inside tags": {func(w *Writer) {
			w.Struct(FullyQualified(0xfff1, 0xdeed, 1))
			w.Uint(FullyQualified(0xfff1, 0xdeed, 0xaa), 42)
			w.End()
		}, "d5 f1 ff ed de 01 00 c4 f1 ff ed de aa 00 2a 18"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			want := unhex(t, tt.hex)
			w := NewWriter(nil)
			tt.write(w)
			got, err := w.Finish()
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("wrote %x, %v; want %x", got, err, want)
			}
			e, err := Decode(want)
			if err != nil {
				t.Fatal(err)
			}
			if again := rewrite(t, e); !bytes.Equal(again, want) {
				t.Errorf("written again %x", again)
			}
		})
	}
}

// rewrite writes an element value by value, so that the accessors are proved too.
func rewrite(t testing.TB, e Element) []byte {
	t.Helper()
	w := NewWriter(nil)
	copyTo(t, w, e)
	b, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func copyTo(t testing.TB, w *Writer, e Element) {
	t.Helper()
	var err error
	switch e.Type() {
	case TypeInt:
		var v int64
		v, err = e.Int()
		w.Int(e.Tag(), v)
	case TypeUint:
		var v uint64
		v, err = e.Uint()
		w.Uint(e.Tag(), v)
	case TypeBool:
		var v bool
		v, err = e.Bool()
		w.Bool(e.Tag(), v)
	case TypeFloat32:
		var v float64
		v, err = e.Float()
		w.Float32(e.Tag(), float32(v))
	case TypeFloat64:
		var v float64
		v, err = e.Float()
		w.Float64(e.Tag(), v)
	case TypeText:
		var v string
		v, err = e.Text()
		w.Text(e.Tag(), v)
	case TypeOctets:
		var v []byte
		v, err = e.Octets()
		w.Octets(e.Tag(), v)
	case TypeNull:
		w.Null(e.Tag())
	default:
		switch e.Type() {
		case TypeStruct:
			w.Struct(e.Tag())
		case TypeArray:
			w.Array(e.Tag())
		case TypeList:
			w.List(e.Tag())
		default:
			t.Fatalf("type %d", e.Type())
		}
		for m := range e.Members() {
			copyTo(t, w, m)
		}
		w.End()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := strings.Repeat("15", 17) + strings.Repeat("18", 17)
	tests := map[string]struct {
		hex  string
		want error
	}{
		"nothing":                       {"", ErrEncoding},
		"an end alone":                  {"18", ErrEncoding},
		"a reserved type":               {"19", ErrEncoding},
		"a tagged end":                  {"15 38 01", ErrEncoding},
		"an open structure":             {"15 24 01 2a", ErrEncoding},
		"octets after it":               {"08 08", ErrEncoding},
		"a short integer":               {"05 01", ErrEncoding},
		"a short string":                {"0c 06 48", ErrEncoding},
		"a string of 2^64 octets":       {"0f ff ff ff ff ff ff ff ff", ErrEncoding},
		"text that is not UTF-8":        {"0c 02 c3 28", ErrEncoding},
		"an anonymous member":           {"15 04 2a 18", ErrEncoding},
		"a tagged array member":         {"16 24 01 2a 18", ErrEncoding},
		"the same context tag twice":    {"15 24 01 2a 24 01 2b 18", ErrEncoding},
		"the same common tag twice":     {"15 44 01 00 2a 44 01 00 2b 18", ErrEncoding},
		"a short tag":                   {"e4 f1 ff", ErrEncoding},
		"a tower of structures":         {strings.Replace(deep, "15", "15", 1), ErrEncoding},
		"a tower of arrays":             {strings.Repeat("16", 17) + strings.Repeat("18", 17), ErrLimit},
		"a tower of arrays without end": {strings.Repeat("16", 4000), ErrLimit},
		"many elements":                 {"16" + strings.Repeat("08", 9000) + "18", ErrLimit},
		"too many octets":               {strings.Repeat("08", 70000), ErrLimit},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if e, err := Decode(unhex(t, tt.hex)); !errors.Is(err, tt.want) {
				t.Errorf("%v, %v; want %v", e.Type(), err, tt.want)
			}
		})
	}
}

func TestWriterMisuse(t *testing.T) {
	tests := map[string]func(w *Writer){
		"end alone":        func(w *Writer) { w.End() },
		"open":             func(w *Writer) { w.Struct(Anonymous()) },
		"anonymous member": func(w *Writer) { w.Struct(Anonymous()); w.Bool(Anonymous(), true); w.End() },
		"tagged member":    func(w *Writer) { w.Array(Anonymous()); w.Bool(Context(1), true); w.End() },
		"text":             func(w *Writer) { w.Text(Anonymous(), "\xc3\x28") },
		"no element":       func(w *Writer) { w.Element(Anonymous(), Element{}) },
		"rewind":           func(w *Writer) { w.Rewind(Mark{size: 3}) },
	}
	for name, f := range tests {
		w := &Writer{}
		f(w)
		if _, err := w.Finish(); !errors.Is(err, ErrMisuse) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRewindAndElement(t *testing.T) {
	in, err := Decode(unhex(t, "15 24 01 2a 35 02 28 03 18 18"))
	if err != nil {
		t.Fatal(err)
	}
	inner, ok := in.Member(Context(2))
	if !ok {
		t.Fatal("no member 2")
	}
	w := NewWriter(nil)
	w.Array(Anonymous())
	w.Element(Anonymous(), inner)
	m := w.Mark()
	w.Struct(Anonymous())
	w.Uint(Context(1), 7)
	w.Rewind(m)
	w.End()
	got, err := w.Finish()
	if want := unhex(t, "16 15 28 03 18 18"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%x, %v; want %x", got, err, want)
	}
}

func TestFields(t *testing.T) {
	w := NewWriter(nil)
	w.Struct(Anonymous())
	w.Octets(Context(1), []byte{1, 2, 3})
	w.Uint(Context(2), 300)
	w.Text(Context(3), "door")
	w.Struct(Context(4))
	w.Bool(Context(0), true)
	w.End()
	w.Int(Context(5), -4)
	w.Null(Context(6))
	w.End()
	b, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	e, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	f := OpenStruct(e)
	o, u, s, in, i := f.Octets(1, 1, 3), f.Uint16(2), f.Text(3, 4), f.Struct(4).Bool(0), f.Int(5, -4, 4)
	if f.Err() != nil || !bytes.Equal(o, []byte{1, 2, 3}) || u != 300 || s != "door" || !in || i != -4 {
		t.Errorf("%x %d %s %t %d: %v", o, u, s, in, i, f.Err())
	}
	if !f.Has(6) || f.Has(7) || !f.OptionalBool(9, true) {
		t.Error("optional members")
	}
	if _, ok := f.OptionalUint(9, 1); ok || f.Err() != nil {
		t.Error("a member that is not there is no error")
	}
	bad := map[string]struct {
		read func(f *Fields)
		want error
	}{
		"missing":   {func(f *Fields) { f.Uint8(9) }, ErrMissing},
		"too large": {func(f *Fields) { f.Uint8(2) }, ErrType},
		"too long":  {func(f *Fields) { f.Octets(1, 0, 2) }, ErrType},
		"too short": {func(f *Fields) { f.Octets(1, 4, 9) }, ErrType},
		"null":      {func(f *Fields) { f.Uint8(6) }, ErrType},
		"text":      {func(f *Fields) { f.Text(3, 3) }, ErrType},
		"signed":    {func(f *Fields) { f.Int(2, 0, 400) }, ErrType},
		"array":     {func(f *Fields) { f.Array(4) }, ErrType},
		"struct":    {func(f *Fields) { f.Struct(3) }, ErrType},
		"bool":      {func(f *Fields) { f.Bool(2) }, ErrType},
		"first":     {func(f *Fields) { f.Bool(2); f.Uint8(9) }, ErrType},
	}
	for name, tt := range bad {
		f := OpenStruct(e)
		if tt.read(f); !errors.Is(f.Err(), tt.want) {
			t.Errorf("%s: %v", name, f.Err())
		}
	}
	if f := OpenList(e); f.Err() == nil || f.Uint8(2) != 0 {
		t.Error("a structure is no list")
	}
}

// TestIntegersTakeTheShortestForm goes to both sides of every edge.
func TestIntegersTakeTheShortestForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64().Draw(t, "v")
		w := NewWriter(nil)
		w.Array(Anonymous())
		w.Int(Anonymous(), v)
		w.Uint(Anonymous(), uint64(v))
		w.End()
		b, err := w.Finish()
		if err != nil {
			t.Fatal(err)
		}
		e, err := Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		i, u := false, false
		for m := range e.Members() {
			switch m.Type() {
			case TypeInt:
				got, _ := m.Int()
				i = got == v
			case TypeUint:
				got, _ := m.Uint()
				u = got == uint64(v)
			default:
				t.Errorf("a number came back as type %d", m.Type())
			}
		}
		if !i || !u {
			t.Errorf("%d came back otherwise: %x", v, b)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"08", "15 24 01 2a 35 02 28 03 18 18", "17 00 01 20 00 2a 18", "d5 f1 ff ed de 01 00 c4 f1 ff ed de aa 00 2a 18",
		"0c 07 54 73 63 68 c3 bc 73", "16 15 18 0a 33 33 8f 41 18"} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Raw(), b) {
			t.Fatalf("raw is %x", e.Raw())
		}
		once := rewrite(t, e)
		again, err := Decode(once)
		if err != nil {
			t.Fatalf("what was written is not read: %v", err)
		}
		if twice := rewrite(t, again); !bytes.Equal(once, twice) {
			t.Fatalf("%x became %x", once, twice)
		}
	})
}
