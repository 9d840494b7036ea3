package secplus

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

func TestOpener(t *testing.T) {
	hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
		r := start(t, newPeer(t), t.TempDir())
		r.at(t, device.PlaceClosed)
		time.Sleep(betweenTime) // its question for the state keeps an order back for so long
		t.Cleanup(func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.dropped != 0 {
				t.Errorf("the opener dropped %d frames with a code that did not rise", r.dropped)
			}
		})
		return hwtest.OpenerRig{
			Opener: r.opener, Traits: Config{}.Traits(),
			Move: func(at device.Place) {
				r.stands(map[device.Place]byte{device.PlaceClosed: 2, device.PlaceBetween: 3, device.PlaceOpen: 1}[at])
			},
			Peer: hwtest.Peer{Device: "garage", Clicks: r.count, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.wire},
		}
	})
}

func TestOrders(t *testing.T) {
	p := newPeer(t)
	p.echoes = true // one wire for both
	r := start(t, p, t.TempDir())
	r.at(t, device.PlaceClosed)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.opener.Trigger(t.Context(), device.TargetOpen))
	r.stands(1)
	r.at(t, device.PlaceOpen)
	must(r.opener.Trigger(t.Context(), device.TargetClosed))
	must(r.opener.Stop(t.Context()))
	r.until(t, "the door stopped", func(x device.Reading) bool { return x.At == device.PlaceBetween && x.Moving == device.TargetUnknown })
	if err := r.env.Close(); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(p.presses, []byte{doOpen, doClose, doStop}) || p.dropped != 0 || p.let < 2 {
		t.Errorf("the button was pressed %v, let go %d times; %d frames were dropped", p.presses, p.let, p.dropped)
	}
}

// An opener takes no order to close while it opens: none is sent. What it does not obey is unsure.
func TestNotObeyed(t *testing.T) {
	r := start(t, newPeer(t), t.TempDir())
	r.at(t, device.PlaceClosed)
	r.stands(4)
	r.until(t, "opening", func(x device.Reading) bool { return x.Moving == device.TargetOpen })
	if err := r.opener.Trigger(t.Context(), device.TargetClosed); err == nil || errors.Is(err, device.ErrUnsure) || r.count() != 0 {
		t.Errorf("close while it opens: %v, %d presses", err, r.count())
	}
	r.stands(1)
	r.at(t, device.PlaceOpen)
	r.change(func() { r.lazy = true })
	ctx, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer cancel()
	if err := r.opener.Trigger(ctx, device.TargetClosed); !errors.Is(err, device.ErrUnsure) || r.count() != 1 {
		t.Errorf("an order that is not obeyed: %v, %d presses", err, r.count())
	}
}

func TestWhatItTells(t *testing.T) {
	r := start(t, newPeer(t), t.TempDir())
	r.at(t, device.PlaceClosed)
	r.change(func() { r.blocked = true })
	r.stands(5)
	r.until(t, "an obstruction while it closes", func(x device.Reading) bool {
		return x.Obstructed == device.Yes && x.Moving == device.TargetClosed && x.At == device.PlaceBetween
	})
	r.stands(9)
	r.until(t, "nonsense", func(x device.Reading) bool { return x.At == device.PlaceUnknown && x.Fault != "" })
	if r.count() != 0 {
		t.Errorf("%d presses", r.count())
	}
}

// No code goes out twice, whatever was not written when the power failed; and a folder that was put back from a
// backup is found out by the opener's silence.
func TestCodes(t *testing.T) {
	p, folder := newPeer(t), t.TempDir()
	file := filepath.Join(folder, "secplus-garage.key")
	var old []byte
	for i := range 4 {
		if i == 3 { // the backup
			if err := os.WriteFile(file, old, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := start(t, p, folder)
		r.at(t, device.PlaceClosed)
		p.mu.Lock()
		if i < 3 && p.dropped != 0 {
			t.Errorf("start %d: %d frames with an old code", i, p.dropped)
		}
		p.mu.Unlock()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			old = text
		}
		if err := r.env.Close(); err != nil {
			t.Error(err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.last) != 1 || p.dropped == 0 {
		t.Errorf("%d senders, %d frames dropped", len(p.last), p.dropped)
	}
}

// A code that cannot be written down is not sent.
func TestFullDisk(t *testing.T) {
	c, err := openCounter(filepath.Join(t.TempDir(), "no-such-folder", "x.key"))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := c.take(); err == nil {
		t.Errorf("code %d is given out", n)
	}
	file := filepath.Join(t.TempDir(), "x.key")
	for _, text := range []string{"", "rubbish", "0000000539 0", "0000000539 5 6", "0000000538 5", "ff00000539 5", "ffff00000539 5"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := openCounter(file); err == nil && text != "ff00000539 5" {
			t.Errorf("%q is read as %+v", text, c)
		}
	}
	seen := map[uint32]bool{}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		c, err := openCounter(file)
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			n, err := c.take()
			if err != nil || seen[n] {
				t.Fatalf("code %d again, %v", n, err)
			}
			seen[n] = true
		}
	}
	c.next = maxRolling
	c.until = maxRolling
	if n, err := c.take(); err == nil {
		t.Errorf("after the last code there is %d", n)
	}
}

// The same over a serial port of the kernel.
func TestOnASerialPort(t *testing.T) {
	far, near, err := serialtest.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	defer near.Close()
	env := hw.NewEnv(zerolog.Nop())
	if _, err := Open(t.Context(), env.For("garage"), Config{Port: near.Name()}); err == nil {
		t.Error("it opens without a folder for its codes")
	}
	env.KeepIn(t.TempDir())
	o, err := Open(t.Context(), env.For("garage"), Config{Port: near.Name()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = env.Close() }()
	var b [frameSize]byte
	if _, err := io.ReadFull(far, b[:]); err != nil {
		t.Fatal(err)
	}
	if m, err := decode(b); err != nil || m.command != cmdGetStatus {
		t.Fatalf("the first frame is % x: %+v, %v", b, m, err)
	}
	answer := encode(message{rolling: 9, id: 0x33445566, command: cmdStatus, nibble: 1, byte1: 0x40, byte2: 2})
	if _, err := far.Write(answer[:]); err != nil {
		t.Fatal(err)
	}
	r := rig{opener: o}
	r.at(t, device.PlaceOpen)
}

func TestChecks(t *testing.T) {
	for port, ok := range map[string]bool{"": false, "ttyUSB0": false, "/dev/serial/by-id/x": true} {
		if fields := hw.FieldErrors(Config{Port: port}.Check()); (len(fields) == 0) != ok || !ok && fields[0].Remedy == "" {
			t.Errorf("%q: %v", port, fields)
		}
	}
}
