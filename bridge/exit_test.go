package bridge

import (
	"strings"
	"testing"

	"github.com/loquet/loquet/hw/sim"
)

// A press of the exit button unlocks, and the history says who it was. A button that is pressed already
// when the house starts does nothing.
func TestExitButton(t *testing.T) {
	// The gate's open contact serves as the button, its closed contact as one that is stuck.
	text := strings.Replace(villa, "    door: \"sim:front/door\"\n", "    door: \"sim:front/door\"\n    exit: \"sim:gate/open\"\n", 1) +
		strings.Replace(studio, "    door: \"sim:studio/door\"\n", "    door: \"sim:studio/door\"\n    exit: \"sim:gate/closed\"\n", 1)
	r := newResidence(t, text)
	r.start()
	r.await("both locked", func() bool { return r.position("front") == "secured" && r.position("studio") == "secured" })
	if err := r.world.Event("gate", sim.Event{Name: sim.WallButton}); err != nil {
		t.Fatal(err)
	}
	r.await("unlocked", func() bool { return r.position("front") == "unsecured" })
	d, _ := r.Device("front")
	if d.State.Cause.Kind != "exit" || d.State.Cause.Place != "sim:gate/open" {
		t.Errorf("%+v", d.State.Cause)
	}
	r.await("gate open", func() bool { return r.position("gate") == "open" })
	if err := r.world.Event("gate", sim.Event{Name: sim.WallButton}); err != nil {
		t.Fatal(err)
	}
	r.await("the button that was stuck is pressed", func() bool { return r.position("studio") == "unsecured" })
	if s, err := r.world.Status("studio"); err != nil || s.PulsesTotal != 1 {
		t.Errorf("it unlocked the door while it was stuck: %+v, %v", s, err)
	}
}
