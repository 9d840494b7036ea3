package boards

import (
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/catalog"
	"github.com/loquet/loquet/hw/sim"
)

const studio = `
home: {name: Studio}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "sim:garage/relay"}
    closed: "sim:garage/closed"
    travel: 12s
    remote_close: warned
    warning: {light: "sim:garage/lamp", beeper: "sim:garage/beeper"}
locks:
  studio:
    name: Studio
    bolt: {driver: strike, relay: "sim:studio/relay", hold: 5s}
keypads:
  studio-pad: {driver: wiegand, d0: "sim:studio-pad/d0", d1: "sim:studio-pad/d1", led: "sim:studio-pad/led", beeper: "sim:studio-pad/beeper", opens: [studio]}
`

// A bridge that died left everything on, what its keypads show included: all of it comes to rest.
func TestEveryOutputComesToRest(t *testing.T) {
	w, err := sim.New(sim.DemoHouse(), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	lines := []string{"garage/relay", "garage/lamp", "garage/beeper", "studio/relay", "studio-pad/led", "studio-pad/beeper"}
	dead := w.Board()
	for _, line := range lines {
		out, err := dead.Output(t.Context(), line, hw.OutputOptions{})
		if err == nil {
			err = out.Set(t.Context(), true, time.Minute)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	dead.Abandon()
	for _, line := range lines {
		if on, err := w.Energised(line); err != nil || !on {
			t.Fatalf("%s is not left on: %v", line, err)
		}
	}
	catalogue := catalog.Of()
	catalogue.Lines = append(catalogue.Lines, Sim)
	cfg, _, err := config.ReadBytes("studio.yaml", []byte(studio), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	env := hw.NewEnv(zerolog.Nop())
	defer env.Close()
	if err := env.Add(Sim, w.Board()); err != nil {
		t.Fatal(err)
	}
	rested, err := restAll(t.Context(), env, cfg)
	if err != nil || !slices.Equal(rested, []string{"garage", "studio", "studio-pad"}) {
		t.Errorf("%v, %v", rested, err)
	}
	for _, line := range lines {
		if on, err := w.Energised(line); err != nil || on {
			t.Errorf("%s stays on: %v", line, err)
		}
	}
}
