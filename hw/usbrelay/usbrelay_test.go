package usbrelay

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board/boardtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
	"github.com/rs/zerolog"
)

// The bytes that are published for the first two relays.
func TestLCUSOrders(t *testing.T) {
	for _, c := range []struct {
		channel int
		on      bool
		want    []byte
	}{
		{1, true, []byte{0xA0, 1, 1, 0xA2}}, {1, false, []byte{0xA0, 1, 0, 0xA1}},
		{2, true, []byte{0xA0, 2, 1, 0xA3}}, {2, false, []byte{0xA0, 2, 0, 0xA2}},
	} {
		if got := lcusOrder(c.channel, c.on); !bytes.Equal(got, c.want) {
			t.Errorf("%d %v: % X, want % X", c.channel, c.on, got, c.want)
		}
	}
}

// What goes over the wire of a board that says nothing, from the first request to the end.
func TestLCUSOnTheWire(t *testing.T) {
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	defer far.Close()
	b := Open(hw.NewEnv(zerolog.Nop()), Config{Kind: LCUS, Port: near.Name(), Baud: 9600, Relays: 1})
	out, err := b.Output(t.Context(), "1", hw.OutputOptions{Cap: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	boardtest.Here(t.Context(), out.Watch)
	if err := out.Set(t.Context(), true, 0); err != nil {
		t.Fatal(err)
	}
	if err := out.Set(t.Context(), true, 0); !errors.Is(err, hw.ErrStillOn) {
		t.Errorf("a second order: %v", err)
	}
	if err := errors.Join(out.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	want := []byte{0xA0, 1, 0, 0xA1, 0xA0, 1, 1, 0xA2, 0xA0, 1, 0, 0xA1}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("% X, %v, want % X", got, err, want)
	}
}

func TestHIDOrders(t *testing.T) {
	if got, want := hidOrder(2, true), []byte{0, 0xFF, 2, 0, 0, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("% X, want % X", got, want)
	}
	if got, want := hidOrder(1, false), []byte{0, 0xFD, 1, 0, 0, 0, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("% X, want % X", got, want)
	}
}

// An order whose answer is lost, or says something else, is unsure, is not sent again, and the relay is
// at rest once the board is back.
func TestUnsure(t *testing.T) {
	for name, kind := range kinds() {
		if name == "lcus" {
			continue // nothing comes back that could be lost
		}
		for trouble, cause := range map[string]func(rig){
			"lost":      func(r rig) { r.wire.Lose() },
			"late":      func(r rig) { r.wire.Stall() },
			"disobeyed": func(r rig) { r.deaf.Store(true) },
		} {
			t.Run(name+" "+trouble, func(t *testing.T) {
				r := newRig(t, kind.config, kind.serve)
				out, err := r.board.Output(t.Context(), "2", hw.OutputOptions{Cap: time.Minute})
				if err != nil {
					t.Fatal(err)
				}
				boardtest.Here(t.Context(), out.Watch)
				cause(r)
				if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnsure) {
					t.Errorf("error %v, want unsure", err)
				}
				r.deaf.Store(false)
				r.wire.Heal()
				boardtest.Await(t, out.Watch, false)
				boardtest.Until(t, "the relay is at rest", func() bool { return !r.High(2) })
				if got := r.on.Load(); got != 1 {
					t.Errorf("the order was heard %d times; obeyed: %s", got, r.Orders())
				}
			})
		}
	}
}

// Nobody is kept waiting by a board that is not there.
func TestNoBoard(t *testing.T) {
	for name, c := range map[string]Config{
		"serial": {Kind: LCUS, Port: filepath.Join(t.TempDir(), "port"), Baud: 9600, Relays: 2},
		"hid":    {Kind: HID, Baud: 9600, Relays: 2, Serial: "NOONE"},
	} {
		b := Open(hw.NewEnv(zerolog.Nop()), c)
		out, err := b.Output(t.Context(), "1", hw.OutputOptions{Cap: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := out.Last(); ok {
			t.Errorf("%s: it tells a level", name)
		}
		if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("%s: error %v, want unavailable", name, err)
		}
		if err := b.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// fakeHID is a board without a plug.
type fakeHID struct {
	state  [hidReport]byte
	wrote  [][]byte
	fail   error
	deaf   bool
	pulled chan struct{}
}

func (f *fakeHID) Read([]byte) (int, error) { <-f.pulled; return 0, io.EOF }

func (f *fakeHID) Write(b []byte) (int, error) {
	f.wrote = append(f.wrote, bytes.Clone(b))
	if f.fail != nil {
		return 0, f.fail
	}
	bit := byte(1) << (b[2] - 1)
	switch {
	case f.deaf:
	case b[1] == 0xFF:
		f.state[hidBitmap] |= bit
	case b[1] == 0xFD:
		f.state[hidBitmap] &^= bit
	}
	return len(b), nil
}

func (f *fakeHID) Feature() ([hidReport]byte, error) { return f.state, nil }
func (f *fakeHID) Close() error                      { return nil }

func TestHID(t *testing.T) {
	f := &fakeHID{pulled: make(chan struct{})}
	h := newHID(f)
	ctx := context.Background()
	if err := errors.Join(h.set(ctx, 2, true), h.set(ctx, 1, true), h.set(ctx, 2, false)); err != nil || f.state[hidBitmap] != 1 {
		t.Errorf("%v, state %b", err, f.state[hidBitmap])
	}
	f.deaf = true
	if err := h.set(ctx, 2, true); !errors.Is(err, device.ErrUnsure) {
		t.Errorf("disobeyed: %v", err)
	}
	f.fail = os.ErrDeadlineExceeded
	if err := h.set(ctx, 2, true); !errors.Is(err, device.ErrUnsure) {
		t.Errorf("a write that fails: %v", err)
	}
	sent := len(f.wrote)
	close(f.pulled)
	<-h.Gone()
	if err := h.set(ctx, 2, true); !errors.Is(err, device.ErrUnavailable) || len(f.wrote) != sent {
		t.Errorf("pulled out: %v, %d writes after", err, len(f.wrote)-sent)
	}
}

func TestFindHID(t *testing.T) {
	class := t.TempDir()
	for name, uevent := range map[string]string{
		"hidraw0": "DRIVER=hid-generic\nHID_ID=0003:000016C0:000005DF\nHID_NAME=www.dcttech.com USBRelay2\n",
		"hidraw1": "HID_ID=0003:000016C0:000005DF\nHID_NAME=somebody's USBasp\n",
		"hidraw2": "HID_ID=0003:0000046D:0000C31C\nHID_NAME=USBRelay of a keyboard\n",
	} {
		dir := filepath.Join(class, name, "device")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "uevent"), []byte(uevent), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	names, err := hidNames(class)
	if err != nil || len(names) != 1 || names[0] != "hidraw0" {
		t.Errorf("%v, %v", names, err)
	}
}

func TestSettings(t *testing.T) {
	for field, c := range map[string]Config{
		"kind":     {Kind: "", Baud: 9600, Relays: 1},
		"port":     {Kind: LCUS, Baud: 9600, Relays: 1},
		"relays":   {Kind: Numato, Baud: 9600, Relays: 33, Port: "/dev/ttyACM0"},
		"baud":     {Kind: LCUS, Baud: 9601, Relays: 1, Port: "/dev/ttyUSB0"},
		"serial":   {Kind: HID, Baud: 9600, Relays: 1, Serial: "ABCD"},
		"readback": {Kind: HID, Baud: 9600, Relays: 1, Readback: true},
	} {
		errs := hw.FieldErrors(c.Check())
		if len(errs) != 1 || errs[0].Field != field || errs[0].Remedy == "" {
			t.Errorf("%s: %v", field, c.Check())
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("CH1: ON\r\nCH2: OFF\r\n"), "relay read 0")
	f.Add([]byte("relay on 0\r\n>relay read 0\r\non\n\r>"), "relay read 0")
	f.Fuzz(func(t *testing.T, answer []byte, line string) {
		for channel := range lcusStates(answer) {
			if channel < 1 || channel > 99 {
				t.Errorf("channel %d", channel)
			}
		}
		if text, ok := numatoAnswer(answer, line); ok && strings.Contains(text, ">") {
			t.Errorf("answer %q", text)
		}
	})
}

// told is a HID board that answers whatever it is told to, and never speaks by itself.
type told struct {
	state [hidReport]byte
	ended chan struct{}
}

func (b told) Read([]byte) (int, error)          { <-b.ended; return 0, io.EOF }
func (b told) Write(p []byte) (int, error)       { return len(p), nil }
func (b told) Feature() ([hidReport]byte, error) { return b.state, nil }
func (b told) Close() error                      { close(b.ended); return nil }

// FuzzHID: an order counts as obeyed only where the report says so, and only a relay board is one.
func FuzzHID(f *testing.F) {
	f.Add([]byte("ABCDE\x00\x00\x01"), uint8(0), true, "HID_ID="+hidID+"\nHID_NAME=www.dcttech.com "+hidProduct+"2\n")
	f.Add([]byte{}, uint8(7), false, "HID_ID=\n")
	f.Fuzz(func(t *testing.T, report []byte, relay uint8, on bool, uevent string) {
		b := told{ended: make(chan struct{})}
		copy(b.state[:], report)
		h := newHID(b)
		defer h.Close()
		channel := int(relay%8) + 1
		obeyed := b.state[hidBitmap]>>(channel-1)&1 == 1 == on
		if err := h.set(t.Context(), channel, on); (err == nil) != obeyed {
			t.Errorf("report %x, relay %d ordered %v: %v", b.state, channel, on, err)
		}
		if isHIDRelay(uevent) && (!strings.Contains(uevent, hidID) || !strings.Contains(uevent, hidProduct)) {
			t.Errorf("%q is a relay board", uevent)
		}
	})
}
