// Package simulated shows the physics of simulated devices as the API does.
package simulated

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/hw/sim"
)

// House implements api.Simulator.
type House struct {
	World func() sim.Simulation // nil while nothing is simulated
}

var _ api.Simulator = House{}

// Sim implements api.Simulator.
func (h House) Sim(id string) (api.SimState, bool) {
	world := h.World()
	if world == nil {
		return api.SimState{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := world.Status(ctx, id)
	if err != nil {
		return api.SimState{}, false
	}
	signal := func(s sim.Signal) api.SimSignal {
		return api.SimSignal{On: s.On, Edges: int64(s.Edges), Total: s.Total, Lasts: s.Lasts}
	}
	return api.SimState{Pulses: int64(s.Pulses), PulsesTotal: int64(s.PulsesTotal), Edges: int64(s.Edges), LastEdgeUnixNS: s.LastEdgeUnixNS,
		Position: s.Position, Moving: s.Moving, Energised: s.Energised, Obstructed: s.Obstructed, Jammed: s.Jammed,
		Lamp: signal(s.Lamp), Beeper: signal(s.Beeper), LastMove: api.SimMove(s.LastMove)}, true
}

// SimEvent implements api.Simulator.
func (h House) SimEvent(ctx context.Context, id string, event api.SimEvent, digits string) error {
	world := h.World()
	if world == nil {
		return fmt.Errorf("device %q is not simulated: %w", id, api.ErrNotFound)
	}
	err := world.Event(ctx, id, sim.Event{Name: string(event), Digits: digits})
	if errors.Is(err, sim.ErrNoDevice) {
		return fmt.Errorf("device %q: %w", id, api.ErrNotFound)
	}
	return err
}
