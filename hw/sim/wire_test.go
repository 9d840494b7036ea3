package sim

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

func frame(t testing.TB, v any) []byte {
	t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestErrorsCrossTheWire(t *testing.T) {
	for _, want := range []error{hw.ErrInUse, hw.ErrNoLine, ErrNoDevice, ErrNoEvent, ErrImpossible, device.ErrUnavailable} {
		r := reply{Error: "words", Code: codeOf(want)}
		if err := r.err(); !errors.Is(err, want) || err.Error() != "words" {
			t.Errorf("%v arrives as %v", want, err)
		}
	}
	if err := (reply{Error: "words", Code: "new"}).err(); err == nil || errors.Unwrap(err) != nil {
		t.Errorf("an unknown code arrives as %v", err)
	}
	if err := (reply{}).err(); err != nil {
		t.Errorf("no error arrives as %v", err)
	}
}

// A client that breaks the protocol is told, or left.
func TestProtocol(t *testing.T) {
	hello := request{ID: 1, Op: opHello, Version: wireVersion, Holder: "a"}
	for _, tt := range []struct {
		name  string
		sends [][]byte
		wants []string // a part of each error; empty for none
	}{
		{"no hello", [][]byte{frame(t, request{ID: 1, Op: opDevices})}, []string{"hello comes first"}},
		{"another version", [][]byte{frame(t, request{ID: 1, Op: opHello, Version: 9})}, []string{"version 1, not 9"}},
		{"hello twice", [][]byte{frame(t, hello), frame(t, hello)}, []string{"", "hello comes first"}},
		{"unknown", [][]byte{frame(t, hello), frame(t, request{ID: 2, Op: "dance"})}, []string{"", `"dance"`}},
		{"not requested", [][]byte{frame(t, hello), frame(t, request{ID: 2, Op: opSet, Line: "garage/relay", Level: true})}, []string{"", "was not requested"}},
		{"an input set", [][]byte{frame(t, hello), frame(t, request{ID: 2, Op: opOutput, Line: "garage/closed"})}, []string{"", "other way round"}},
		{"no event", [][]byte{frame(t, hello), frame(t, request{ID: 2, Op: opEvent, Device: "garage"})}, []string{"", "no event is given"}},
		{"a tap without lines", [][]byte{frame(t, hello), frame(t, request{ID: 2, Op: opEdges, Tap: 1})}, []string{"", "watched together"}},
		{"too long", [][]byte{{0xff, 0xff, 0xff, 0xff}}, nil},
		{"empty", [][]byte{{0, 0, 0, 0}}, nil},
		{"not JSON", [][]byte{{0, 0, 0, 1, '{'}}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := house(t, DemoHouse(), 1)
			ours, theirs := net.Pipe()
			defer ours.Close()
			go serveConn(t.Context(), theirs, w)
			go func() {
				for _, b := range tt.sends {
					if _, err := ours.Write(b); err != nil {
						return
					}
				}
			}()
			in := bufio.NewReader(ours)
			var buf []byte
			for _, want := range tt.wants {
				var r reply
				if err := readFrame(in, &buf, &r); err != nil {
					t.Fatal(err)
				}
				if (r.Error == "") != (want == "") || !strings.Contains(r.Error, want) {
					t.Fatalf("answer %q, want %q", r.Error, want)
				}
			}
			if tt.wants == nil {
				if _, err := in.ReadByte(); !errors.Is(err, io.EOF) {
					t.Errorf("error %v, want to be left", err)
				}
			}
			if s := status(t, w, "garage"); s.PulsesTotal != 0 {
				t.Error("something moved")
			}
		})
	}
}

func FuzzReadFrame(f *testing.F) {
	f.Add(frame(f, request{ID: 1, Op: opHello, Version: 1}))
	f.Add([]byte{0, 0, 0, 2, '{', '}'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bufio.NewReader(bytes.NewReader(b))
		var buf []byte
		for {
			var r request
			if err := readFrame(in, &buf, &r); err != nil {
				if errors.Is(err, io.EOF) && in.Buffered() > 0 {
					t.Fatalf("the end is seen before it: %v", err)
				}
				break
			}
		}
		if len(buf) > maxFrame {
			t.Fatalf("a frame of %d bytes was read", len(buf))
		}
	})
}

// Whatever a client says: the world survives, and what it did not say well moves nothing.
func FuzzServe(f *testing.F) {
	hello := frame(f, request{ID: 1, Op: opHello, Version: wireVersion, Holder: "a"})
	for _, r := range []request{
		{ID: 2, Op: opOutput, Line: "garage/relay"}, {ID: 3, Op: opSet, Line: "garage/relay", Level: true},
		{ID: 4, Op: opWatch, Line: "garage/closed"}, {ID: 5, Op: opEdges, Tap: 1, Lines: []string{"studio-pad/d0", "garage/open"}},
		{ID: 6, Op: opEvent, Device: "studio", Event: &Event{Name: Keypad, Digits: "12"}}, {ID: 7, Op: opStatus, Device: "gate"},
		{ID: 8, Op: opRead, Line: "garage/relay"}, {ID: 9, Op: opFree, Line: "garage/relay"}, {ID: 10, Op: opUnwatch, Line: "x"},
	} {
		f.Add(append(bytes.Clone(hello), frame(f, r)...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := New(DemoHouse(), 1)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		ours, theirs := net.Pipe()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		done := make(chan struct{})
		go func() {
			serveConn(ctx, theirs, w)
			close(done)
		}()
		go func() { _, _ = io.Copy(io.Discard, ours) }()
		_, _ = ours.Write(b)
		ours.Close()
		<-done
		if ctx.Err() != nil {
			t.Fatal("the world hangs")
		}
		if s, err := w.Status("garage"); err != nil || s.PulsesTotal > 0 && !bytes.Contains(b, []byte(opSet)) {
			t.Fatalf("%+v, %v", s, err)
		}
	})
}
