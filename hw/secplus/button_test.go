package secplus

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/secplus/emulator"
	"github.com/loquet/loquet/hw/secplus/frames"
)

func TestButton(t *testing.T) {
	t.Parallel()
	hwtest.TestOpener(t, func(t *testing.T) hwtest.OpenerRig {
		r := start1(t, newPeer(t, emulator.Options{Version: 1}), panelNone, brisk())
		r.at(t, device.PlaceClosed)
		held := func() bool { return r.Look().Held }
		return hwtest.OpenerRig{
			Opener: r.opener, Traits: Config{Protocol: version1}.Traits(), Move: r.stands,
			Peer: hwtest.Peer{Device: "garage", Clicks: r.count, Energised: held, Wire: r.wire, Close: func() error {
				err := r.env.Close()
				for end := time.Now().Add(patience); held() && time.Now().Before(end); { // the last byte may be on its way
					time.Sleep(time.Millisecond)
				}
				return err
			}},
		}
	})
}

// An opener whose panel asks it: loquet says nothing but the button's two bytes, between the panel's.
func TestBesideAPanel(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]emulator.Options{
		"digital": {Version: 1, Panel: frames.AskDoor, Every: 60 * time.Millisecond},
		"echo":    {Version: 1, Panel: frames.AskDoor, Every: 60 * time.Millisecond, Echo: true},
		"old":     {Version: 1, Panel: frames.OldQuestion, Every: 60 * time.Millisecond, Echo: true},
	} {
		t.Run(name, func(t *testing.T) {
			times := brisk()
			times.listen = time.Hour
			r := start1(t, newPeer(t, o), panelAuto, times)
			r.at(t, device.PlaceClosed)
			if err := r.opener.Trigger(t.Context(), device.TargetOpen); err != nil {
				t.Fatal(err)
			}
			r.until(t, "opening", func(x device.Reading) bool { return x.Moving == device.TargetOpen })
			r.sees(t, "the end of the press", func(s emulator.State) bool { return !s.Held })
			r.Obstruct(true)
			if o.Panel == frames.AskDoor {
				r.until(t, "an obstruction", func(x device.Reading) bool { return x.Obstructed == device.Yes })
			}
			if s := r.Look(); len(s.Presses) != 1 || s.Others != 0 || s.Moving != emulator.Up {
				t.Errorf("the opener saw %+v", s)
			}
		})
	}
}

// Where no panel is heard loquet asks; when one comes it listens; and when that one goes it asks again.
func TestPanelComesAndGoes(t *testing.T) {
	t.Parallel()
	p := newPeer(t, emulator.Options{Version: 1, Panel: frames.AskDoor, Every: 60 * time.Millisecond})
	p.Panel(false)
	times := brisk()
	times.silent = 300 * time.Millisecond
	times.poll = 20 * time.Millisecond
	r := start1(t, p, panelAuto, times)
	r.at(t, device.PlaceClosed)
	for range 2 {
		p.Panel(true)
		p.stands(device.PlaceOpen)
		r.at(t, device.PlaceOpen)
		p.Panel(false)
		p.stands(device.PlaceClosed)
		r.at(t, device.PlaceClosed)
	}
	if s := p.Look(); len(s.Presses) != 0 || s.Others != 0 {
		t.Errorf("the opener saw %+v", s)
	}
}

// A panel that was declared is waited for: loquet asks nothing itself.
func TestDigitalIsNotReplaced(t *testing.T) {
	t.Parallel()
	p := newPeer(t, emulator.Options{Version: 1})
	times := brisk()
	times.listen, times.brief = time.Millisecond, time.Millisecond
	r := start1(t, p, panelDigital, times)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for x := range r.opener.Readings(ctx) {
		t.Errorf("a reading: %+v", x)
	}
	if s := p.Look(); s.Asked != 0 {
		t.Errorf("the opener saw %+v", s)
	}
}

// An opener without power, or one that says nothing more, is away; nothing is pressed; it comes back by itself.
func TestSilence(t *testing.T) {
	t.Parallel()
	r := start1(t, newPeer(t, emulator.Options{Version: 1}), panelNone, func() times {
		x := brisk()
		x.silent, x.poll = 200*time.Millisecond, 20*time.Millisecond
		return x
	}())
	for i, silence := range []func(on bool){func(on bool) { r.Deaf(on) }, func(on bool) { r.Power(!on) }} {
		r.at(t, device.PlaceClosed)
		all := r.opener.Readings(t.Context())
		silence(true)
		for range all { //nolint:revive // until it ends
		}
		if err := r.opener.Trigger(t.Context(), device.TargetOpen); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) {
			t.Errorf("silence %d: %v", i, err)
		}
		silence(false)
		r.at(t, device.PlaceClosed)
	}
	if r.count() != 0 {
		t.Errorf("%d presses", r.count())
	}
}

// What an opener does not obey is unsure, and not pressed again.
func TestButtonNotObeyed(t *testing.T) {
	t.Parallel()
	r := start1(t, newPeer(t, emulator.Options{Version: 1}), panelNone, brisk())
	r.at(t, device.PlaceClosed)
	r.Lazy(true)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	if err := r.opener.Trigger(ctx, device.TargetOpen); !errors.Is(err, device.ErrUnsure) || r.count() != 1 {
		t.Errorf("%v, %d presses", err, r.count())
	}
}
