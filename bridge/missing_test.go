package bridge

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/sim"
)

// A board that is not there, a chip that is not there, a line that does not exist: those devices are away
// and say why, everything else works, and what is plugged in later comes back by itself.
func TestMissingHardwareKeepsNobodyElseOut(t *testing.T) {
	world, err := sim.New(sim.DemoHouse(), 40)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	r := newResidence(t, villa)
	socket := filepath.Join(r.dir, "barn")
	r.write(strings.Replace(villa, "sim:front/unsecure", "sim:front/nothing", 1) + strings.ReplaceAll(studio, "sim:studio", "barn:studio") +
		"contacts:\n  shed:\n    name: Shed\n    input: \"gpio:no-such-chip/3\"\n" +
		"boards:\n  barn: {driver: sim, world: " + socket + "}\n")
	r.start()
	c := r.open()
	r.await("garage and gate", func() bool { return r.position("garage") == "closed" && r.position("gate") == "closed" })
	if names := r.names(c); len(names) != 6 {
		t.Errorf("%v: what is away is still an accessory", names)
	}
	for id, says := range map[string][]string{
		"front":  {"front/nothing", "correct the line"},
		"studio": {socket, "start the world first"},
		"shed":   {"find line no-such-chip/3"},
	} {
		r.await("a problem of "+id, func() bool { _, there := r.problem(health.DeviceUnavailable, id); return there })
		detail, _ := r.problem(health.DeviceUnavailable, id)
		for _, word := range says {
			if !strings.Contains(detail, word) {
				t.Errorf("%s: %q does not say %q", id, detail, word)
			}
		}
		if d, _ := r.Device(id); d.Available {
			t.Errorf("%s: %+v", id, d)
		}
	}
	_, err = r.command("studio", device.ActionUnlock)
	var refused *device.Refusal
	if !errors.As(err, &refused) || refused.Code != device.RefusedUnavailable || !strings.Contains(refused.Why, socket) || refused.Remedy == "" {
		t.Errorf("a command to what is away: %v", err)
	}
	if part, ok := r.alive(t.Context()); !ok {
		t.Errorf("the watchdog misses %s", part)
	}
	if _, err := r.command("gate", device.ActionOpen); err != nil {
		t.Errorf("%v", err)
	}
	// A reload that is not about it leaves it alone, also after it was tried again in vain.
	r.await("another try", func() bool {
		r.changing.Lock()
		defer r.changing.Unlock()
		return slices.ContainsFunc(r.allUnits(), func(u *unit.Unit) bool { return u.ID == "studio" && u.Ended })
	})
	r.mustReload(strings.Replace(r.text(), "name: Garage", "name: Big garage", 1))

	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = sim.Serve(ctx, l, world)
	}()
	t.Cleanup(func() { cancel(); <-done })
	r.await("the studio is back", func() bool { return r.position("studio") == "secured" })
	r.await("no problem", func() bool { _, there := r.problem(health.DeviceUnavailable, "studio"); return !there })
	if s, err := world.Status("studio"); err != nil || s.PulsesTotal != 0 {
		t.Errorf("it moved because it was plugged in: %+v, %v", s, err)
	}
	if _, err := r.command("studio", device.ActionUnlock); err != nil {
		t.Errorf("%v", err)
	}
	r.await("unlocked", func() bool { return r.position("studio") == "unsecured" })
	if names := r.names(c); len(names) != 6 { // the session of before still answers
		t.Errorf("%v", names)
	}
	// It goes while the house runs: the owner reads why.
	r.await("the studio is locked again", func() bool { return r.position("studio") == "secured" })
	cancel()
	<-done
	r.await("why it is away", func() bool {
		detail, there := r.problem(health.DeviceUnavailable, "studio")
		return there && strings.Contains(detail, "no connection")
	})
	r.stop()
}

// text is the configuration as it is written.
func (r *residence) text() string {
	b, err := os.ReadFile(r.file)
	if err != nil {
		r.t.Fatal(err)
	}
	return string(b)
}

// What a driver tells of its machine is a declared problem.
func TestProblemsOfTheMachineAreDeclared(t *testing.T) {
	declared := map[health.Code]bool{}
	for _, d := range health.All() {
		declared[d.Code] = true
	}
	for _, p := range []hw.Problem{hw.GuardDown, hw.OutputsKept} {
		if !declared[health.Code(p)] {
			t.Errorf("%s has no words", p)
		}
	}
}
