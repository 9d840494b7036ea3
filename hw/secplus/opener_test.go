package secplus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/secplus/emulator"
	"github.com/loquet/loquet/hw/secplus/frames"
	"github.com/loquet/loquet/internal/serial/serialtest"
)

func TestOpener(t *testing.T) {
	t.Parallel()
	hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
		r := start(t, newPeer(t, emulator.Options{Version: 2}), t.TempDir())
		r.at(t, device.PlaceClosed)
		time.Sleep(betweenTime) // its question for the state keeps an order back for so long
		t.Cleanup(func() {
			if n := r.Look().Dropped; n != 0 {
				t.Errorf("the opener dropped %d frames with a code that did not rise", n)
			}
		})
		return hwtest.OpenerRig{
			Opener: r.opener, Traits: Config{Protocol: version2}.Traits(), Move: r.stands,
			Peer: hwtest.Peer{Device: "garage", Clicks: r.count, Energised: func() bool { return false }, Close: r.env.Close, Wire: r.wire},
		}
	})
}

func TestOrders(t *testing.T) {
	t.Parallel()
	p := newPeer(t, emulator.Options{Version: 2, Echo: true}) // one wire for both
	r := start(t, p, t.TempDir())
	r.at(t, device.PlaceClosed)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(r.opener.Trigger(t.Context(), device.TargetOpen))
	r.stands(device.PlaceOpen)
	r.at(t, device.PlaceOpen)
	must(r.opener.Trigger(t.Context(), device.TargetClosed))
	must(r.opener.(device.Stopper).Stop(t.Context()))
	r.until(t, "the door stopped", func(x device.Reading) bool {
		return x.At == device.PlaceBetween && x.Moving == device.TargetUnknown
	})
	if err := r.env.Close(); err != nil {
		t.Fatal(err)
	}
	if s := p.Look(); !slices.Equal(s.Presses, []byte{doOpen, doClose, doStop}) || s.Dropped != 0 || s.LetGo < 2 || s.Others != 0 {
		t.Errorf("the opener saw %+v", s)
	}
}

// An opener takes no order to close while it opens: none is sent. What it does not obey is unsure.
func TestNotObeyed(t *testing.T) {
	t.Parallel()
	r := start(t, newPeer(t, emulator.Options{Version: 2}), t.TempDir())
	r.at(t, device.PlaceClosed)
	r.Put(0.5, emulator.Up)
	r.until(t, "opening", func(x device.Reading) bool { return x.Moving == device.TargetOpen })
	if err := r.opener.Trigger(t.Context(), device.TargetClosed); err == nil || errors.Is(err, device.ErrUnsure) || r.count() != 0 {
		t.Errorf("close while it opens: %v, %d presses", err, r.count())
	}
	r.stands(device.PlaceOpen)
	r.at(t, device.PlaceOpen)
	r.Lazy(true)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := r.opener.Trigger(ctx, device.TargetClosed); !errors.Is(err, device.ErrUnsure) || r.count() != 1 {
		t.Errorf("an order that is not obeyed: %v, %d presses", err, r.count())
	}
}

func TestWhatItTells(t *testing.T) {
	t.Parallel()
	r := start(t, newPeer(t, emulator.Options{Version: 2}), t.TempDir())
	r.at(t, device.PlaceClosed)
	r.Put(0.4, emulator.Down)
	r.Obstruct(true)
	r.until(t, "an obstruction while it closes", func(x device.Reading) bool {
		return x.Obstructed == device.Yes && x.Moving == device.TargetClosed && x.At == device.PlaceBetween
	})
	r.Tell(9)
	r.until(t, "nonsense", func(x device.Reading) bool { return x.At == device.PlaceUnknown && x.Fault != "" })
	if r.count() != 0 {
		t.Errorf("%d presses", r.count())
	}
}

// No code goes out twice, whatever was not written when the power failed; and a folder that was put back from a
// backup is found out by the opener's silence.
func TestCodes(t *testing.T) {
	t.Parallel()
	p, folder := newPeer(t, emulator.Options{Version: 2}), t.TempDir()
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
		if n := p.Look().Dropped; i < 3 && n != 0 {
			t.Errorf("start %d: %d frames with an old code", i, n)
		}
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
	if s := p.Look(); s.Senders != 1 || s.Dropped == 0 {
		t.Errorf("%d senders, %d frames dropped", s.Senders, s.Dropped)
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
	c.next = frames.MaxRolling
	c.until = frames.MaxRolling
	if n, err := c.take(); err == nil {
		t.Errorf("after the last code there is %d", n)
	}
}

// The same over serial ports of the kernel.
func TestOnASerialPort(t *testing.T) {
	t.Parallel()
	for protocol, o := range map[string]emulator.Options{version2: {Version: 2}, version1: {Version: 1, Panel: frames.AskDoor, Echo: true}} {
		t.Run(protocol, func(t *testing.T) {
			far, near, err := serialtest.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer near.Close()
			env := hw.NewEnv(zerolog.Nop())
			c := Config{Port: near.Name(), Protocol: protocol}
			if _, err := Open(t.Context(), env.For("garage"), c); (err == nil) != (protocol == version1) {
				t.Errorf("without a folder for its codes: %v", err)
			}
			_ = env.Close()
			env = hw.NewEnv(zerolog.Nop())
			env.KeepIn(t.TempDir())
			opener, err := Open(t.Context(), env.For("garage"), c)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = env.Close() }()
			p := peer{Opener: emulator.New(o)}
			p.stands(device.PlaceOpen)
			go p.Run(t.Context())
			served := make(chan struct{})
			go func() {
				defer close(served)
				p.Serve(far)
			}()
			defer func() {
				far.Close()
				<-served
			}()
			rig{peer: p, opener: opener}.at(t, device.PlaceOpen)
		})
	}
}

func TestChecks(t *testing.T) {
	const port = "/dev/serial/by-id/x"
	for _, tt := range []struct {
		c     Config
		field string // empty: it is good
	}{
		{Config{Port: port, Protocol: version2}, ""},
		{Config{Port: port, Protocol: version1}, ""},
		{Config{Port: port, Protocol: version1, WallPanel: panelNone}, ""},
		{Config{Protocol: version2}, "port"},
		{Config{Port: "ttyUSB0", Protocol: version2}, "port"},
		{Config{Port: port, Protocol: "security+3.0"}, "protocol"},
		{Config{Port: port}, "protocol"},
		{Config{Port: port, Protocol: version2, WallPanel: panelAuto}, "wall_panel"},
		{Config{Port: port, Protocol: version1, WallPanel: "889LM"}, "wall_panel"},
	} {
		fields := hw.FieldErrors(tt.c.Check())
		if (len(fields) == 0) != (tt.field == "") || len(fields) > 0 && (fields[0].Field != tt.field || fields[0].Remedy == "") {
			t.Errorf("%+v: %v", tt.c, fields)
		}
	}
}
