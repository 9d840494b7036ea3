package homekit

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/e2e"
)

// TestIdentitySurvives restarts the bridge with the same configuration, with one in another order, with
// a door less and with the door again: whoever is paired stays paired, and no number ever means
// another door.
func TestIdentitySurvives(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{config: []section{garageSection, gateSection, frontSection, studioSection}})
	first := h.Bridge(t)
	numbers := Numbers(h.owner.Accessories(t))
	config := h.phone.Find(t, first.DeviceID).Config
	if first.Name != "Villa Rose" {
		t.Errorf("the bridge is named %q, want the name of the house", first.Name)
	}

	lives := []struct {
		name   string
		kill   bool
		config []section
		gone   string // the accessory that is missing
		raised int    // by how much the configuration number has risen since the beginning
	}{
		{"the same again", false, []section{garageSection, gateSection, frontSection, studioSection}, "", 0},
		{"after a kill", true, []section{garageSection, gateSection, frontSection, studioSection}, "", 0},
		{"in another order", false, []section{studioSection, frontSection, gateSection, garageSection}, "", 0},
		{"without the gate", false, []section{garageSection, frontSection, studioSection}, "Gate", 1},
		{"with the gate again", false, []section{gateSection, garageSection, frontSection, studioSection}, "", 2},
	}
	for _, life := range lives {
		if life.kill {
			h.Kill(t)
		} else {
			h.Stop(t)
		}
		h.again(t, func(o *e2e.Options) { o.Config = h.configuration(life.config...) })

		now := h.Bridge(t)
		if now.DeviceID != first.DeviceID || now.Addr != first.Addr || !now.Paired {
			t.Fatalf("%s: the bridge is %+v, it was %+v and paired", life.name, now, first)
		}
		want := maps.Clone(numbers)
		delete(want, life.gone)
		if diff := cmp.Diff(want, Numbers(h.owner.Accessories(t))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", life.name, diff)
		}
		if got := NewPhone(t, h.elsewhere).Find(t, first.DeviceID).Config; got != config+life.raised {
			t.Errorf("%s: c#=%d, it was %d at first, want %d more", life.name, got, config, life.raised)
		}
		for _, d := range h.Devices(t) {
			if n := h.pulses(t, d.ID); n != 0 {
				t.Errorf("%s: %s got %d pulses from a restart", life.name, d.ID, n)
			}
		}
	}
	h.owner.MustWrite(t, h.door(t, "garage").target, DoorOpen)
	h.wantPulses(t, "garage", 1)
}

// TestOneContactOnly: with a closed contact alone, open is inferred, and a close from there is allowed
// after a warning.
func TestOneContactOnly(t *testing.T) {
	t.Parallel()
	h := newHouse(t, setup{config: []section{garageSection.without("open"), frontSection}})
	garage := h.door(t, "garage")
	h.owner.Subscribe(t, garage.current, garage.target)
	h.owner.MustWrite(t, garage.target, DoorOpen)
	awaitMessage(t, h.owner, garage.current, DoorOpening, 5*time.Second)
	h.Await(t, "garage", "open", 30*time.Second)
	if c := h.Device(t, "garage").State.Confidence; c != "inferred" {
		t.Errorf("open without a contact for it is %q, want inferred", c)
	}
	h.wantPulses(t, "garage", 1)
	h.owner.MustWrite(t, garage.target, DoorOpen)

	h.owner.ForgetMessages()
	began := time.Now()
	guest, err := h.owner.Invite("guest", false)
	if err != nil {
		t.Fatal(err)
	}
	guest.MustWrite(t, garage.target, DoorClosed)
	awaitMessage(t, h.owner, garage.current, DoorClosing, shortly)
	if waited := time.Since(began); waited < shortestWarning {
		t.Errorf("closing after %v, without a full warning", waited)
	}
	awaitMessage(t, h.owner, garage.current, DoorClosed, 40*time.Second)
	h.wantExactly(t, "garage", 2)
}
