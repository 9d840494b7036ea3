package simulated

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/loquet/loquet/hw/sim"
)

// oneStatus is a simulation that knows one device.
type oneStatus struct {
	sim.Simulation
	status sim.Status
}

func (o oneStatus) Status(_ context.Context, id string) (sim.Status, error) {
	if id != "garage" {
		return sim.Status{}, sim.ErrNoDevice
	}
	return o.status, nil
}

// What the API shows of a simulated door is what its world says of it, under the same names.
func TestSimulatedDoorOnTheAPI(t *testing.T) {
	world := oneStatus{status: sim.Status{
		Pulses: 1, PulsesTotal: 2, Edges: 3, LastEdgeUnixNS: 4, Position: 0.5, Moving: "down", Energised: true, Obstructed: true, Jammed: true,
		Lamp:     sim.Signal{On: true, Edges: 5, Total: 6 * time.Second, Lasts: 7 * time.Second},
		Beeper:   sim.Signal{On: true, Edges: 8, Total: 9 * time.Second, Lasts: 10 * time.Second},
		LastMove: sim.Move{UnixNS: 11, Direction: "down", Cause: "relay", Lamp: 12 * time.Second, Beeper: 13 * time.Second},
		DoorOpen: true, Keys: "1234#",
	}}
	app := House{World: func() sim.Simulation { return world }}
	shown, ok := app.Sim("garage")
	if !ok {
		t.Fatal("it is not simulated")
	}
	want := members(t, world.status)
	maps.DeleteFunc(want, func(name string, _ any) bool { return name == "door_open" || name == "keys" })
	if got := members(t, shown); !reflect.DeepEqual(got, want) {
		t.Errorf("the API shows\n%v\nof\n%v", got, want)
	}
	if _, ok := app.Sim("attic"); ok {
		t.Error("a device that is not there is simulated")
	}
}

func members(t *testing.T, v any) (out map[string]any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
