package wiegand

import (
	"sync/atomic"
	"testing"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/hwtest"
	"github.com/loquet/loquet/hw/sim"
	"github.com/rs/zerolog"
)

func TestSuite(t *testing.T) {
	hwtest.TestKeypad(t, func(t *testing.T) hwtest.KeypadRig {
		w, err := sim.New(sim.DemoHouse(), 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(w.Close)
		env := hw.NewEnv(zerolog.Nop())
		if err := env.Add("sim", w.Board()); err != nil {
			t.Fatal(err)
		}
		k, err := NewKeypad(t.Context(), env.For("studio-pad"), Config{
			D0: "sim:studio-pad/d0", D1: "sim:studio-pad/d1", LED: "sim:studio-pad/led", Beeper: "sim:studio-pad/beeper",
		})
		if err != nil {
			t.Fatal(err)
		}
		pad := k
		var shown atomic.Int64
		for _, out := range []hw.Output{pad.led, pad.beeper} {
			levels := out.Watch(t.Context())
			go func() {
				for level := range levels {
					if level.Active {
						shown.Add(1)
					}
				}
			}()
		}
		return hwtest.KeypadRig{
			Keypad: k, Close: env.Close, Shown: func() int { return int(shown.Load()) },
			Type: func(keys string) {
				if err := w.Event("studio-pad", sim.Event{Name: sim.Keypad, Digits: keys}); err != nil {
					t.Error(err)
				}
			},
		}
	})
}
