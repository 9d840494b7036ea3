package wiegand

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/sim"
	"github.com/rs/zerolog"
)

// demo opens the keypad of the demo's house as the bridge does.
func demo(t *testing.T, c Config) (*sim.World, device.Keypad) {
	t.Helper()
	w, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
		w.Close()
	})
	if err := env.Add("sim", w.Board()); err != nil {
		t.Fatal(err)
	}
	k, err := NewKeypad(t.Context(), env.For("studio-pad"), c)
	if err != nil {
		t.Fatal(err)
	}
	return w, k
}

func TestEntries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, k := demo(t, Config{D0: "sim:studio-pad/d0", D1: "sim:studio-pad/d1"})
		entries := k.Entries(t.Context())
		if err := w.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: "0042#"}); err != nil {
			t.Fatal(err)
		}
		var keys device.Keys
		for range 5 {
			e := <-entries
			if e.Card != nil || e.Arrived.IsZero() {
				t.Errorf("%v", e)
			}
			keys += e.Keys
		}
		if keys != "0042#" {
			t.Errorf("keys %s", string(keys))
		}
		if err := k.Feedback(t.Context(), device.Verdict{Kind: device.VerdictGranted}); err != nil {
			t.Errorf("a reader without light and beeper: %v", err)
		}
	})
}

func TestWhatBecomesOfAFrame(t *testing.T) {
	for _, c := range []struct {
		bits string
		want device.KeypadEntry
	}{
		{"0111", device.KeypadEntry{Keys: "7"}},
		{"01001011", device.KeypadEntry{Keys: "#"}},
		{"1111", device.KeypadEntry{Keys: "*"}},                       // no such key: clears
		{"00101110101001010111110010", device.KeypadEntry{Keys: "*"}}, // a card of which a bit is wrong
		{published[0].bits, device.KeypadEntry{Card: &device.Card{Bits: 26, Data: []byte{0xAE, 0xA9, 0xC0, 0xC0}}}},
	} {
		f := decode(new(signal).bits(c.bits, time.Millisecond).edges)[0]
		got := f.event().entry()
		same := got.Keys == c.want.Keys && (got.Card == nil) == (c.want.Card == nil)
		if same && got.Card != nil {
			same = got.Card.Bits == c.want.Card.Bits && bytes.Equal(got.Card.Data, c.want.Card.Data)
		}
		if !same {
			t.Errorf("%s: %q %v, want %q %v", c.bits, string(got.Keys), got.Card, string(c.want.Keys), c.want.Card)
		}
	}
}

func TestFeedback(t *testing.T) {
	for kind, want := range map[device.VerdictKind]struct {
		lit   bool
		beeps int
	}{
		device.VerdictNone:    {false, 0},
		device.VerdictGranted: {true, 1},
		device.VerdictWrong:   {false, 3},
		device.VerdictNotNow:  {false, 2},
		device.VerdictFailed:  {false, 2},
		device.VerdictLocked:  {false, 1},
		device.VerdictMore:    {false, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			_, k := demo(t, Config{D0: "sim:studio-pad/d0", D1: "sim:studio-pad/d1", LED: "sim:studio-pad/led", Beeper: "sim:studio-pad/beeper"})
			pad := k.(*Keypad)
			led, beeper := pad.led.Watch(t.Context()), pad.beeper.Watch(t.Context())
			<-led
			<-beeper
			if err := k.Feedback(t.Context(), device.Verdict{Kind: kind}); err != nil {
				t.Error(err)
			}
			lit, beeps := false, 0
			end := time.After(2 * shown)
			for open := true; open; {
				select {
				case level := <-led:
					lit = lit || level.Active
				case level := <-beeper:
					if level.Active {
						beeps++
					}
				case <-end:
					open = false
				}
			}
			if lit != want.lit || beeps != want.beeps {
				t.Errorf("%v: light %v, %d beeps, want %+v", kind, lit, beeps, want)
			}
			for _, out := range []hw.Output{pad.led, pad.beeper} {
				if level, ok := out.Last(); !ok || level.Active {
					t.Errorf("%v: an output is left on", kind)
				}
			}
		})
	}
}

func TestSettings(t *testing.T) {
	if err := (Config{D0: "gpio:12", D1: "gpio:13"}).Check(); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		Config
		field string
	}{
		{Config{D1: "gpio:13"}, "d0"},
		{Config{D0: "gpio:12", D1: "gpio:12"}, "d1"},
		{Config{D0: "gpio:12", D1: "barn:13"}, "d1"},
		{Config{D0: "gpio:12", D1: "!gpio:13"}, "d1"},
	} {
		errs := hw.FieldErrors(c.Check())
		if len(errs) != 1 || errs[0].Field != c.field || errs[0].Remedy == "" {
			t.Errorf("%s: %v", c.field, c.Check())
		}
	}
}
