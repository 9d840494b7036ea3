package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/sim"
)

// The App is the house that the API asks.
var (
	_ api.House     = (*App)(nil)
	_ api.Simulator = (*App)(nil)
)

// Devices implements api.Doors.
func (a *App) Devices() []api.Device {
	units := a.allUnits()
	out := make([]api.Device, 0, len(units))
	for _, u := range units {
		out = append(out, a.named(u.View(a.zone.Load())))
	}
	return out
}

// Device implements api.Doors.
func (a *App) Device(id string) (api.Device, bool) {
	u := a.unit(id)
	if u == nil {
		return api.Device{}, false
	}
	return a.named(u.View(a.zone.Load())), true
}

// named adds the owner's name for whoever caused the state.
func (a *App) named(d api.Device) api.Device {
	d.State.Cause.Name = a.nameOf(d.State.Cause)
	return d
}

func (a *App) unit(id string) *unit.Unit {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, u := range a.units {
		if u.ID == id {
			return u
		}
	}
	return nil
}

func (a *App) allUnits() []*unit.Unit {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Clone(a.units)
}

// Command implements api.Doors.
func (a *App) Command(ctx context.Context, id string, c device.Command) (device.Answer, error) {
	u := a.unit(id)
	if u == nil {
		return device.Answer{}, fmt.Errorf("device %q: %w", id, api.ErrNotFound)
	}
	answer, err := u.Command(ctx, c)
	a.points.answered()
	return answer, err
}

// History implements api.Historian.
func (a *App) History(ctx context.Context, q api.HistoryQuery) ([]api.Row, error) {
	return a.history.History(ctx, q)
}

// VerifyHistory implements api.Historian.
func (a *App) VerifyHistory(ctx context.Context) (api.Verdict, error) {
	return a.history.VerifyHistory(ctx)
}

// simulator is the App for the API if there is something simulated, else nothing.
func (a *App) simulator() api.Simulator {
	if a.simulated() == nil {
		return nil
	}
	return a
}

func (a *App) simulated() World {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.world
}

// Sim implements api.Simulator.
func (a *App) Sim(id string) (api.SimState, bool) {
	world := a.simulated()
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
func (a *App) SimEvent(ctx context.Context, id string, event api.SimEvent, digits string) error {
	world := a.simulated()
	if world == nil {
		return fmt.Errorf("device %q is not simulated: %w", id, api.ErrNotFound)
	}
	err := world.Event(ctx, id, sim.Event{Name: string(event), Digits: digits})
	if errors.Is(err, sim.ErrNoDevice) {
		return fmt.Errorf("device %q: %w", id, api.ErrNotFound)
	}
	return err
}
