package bridge

import (
	"context"
	"fmt"
	"slices"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/simulated"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/device"
)

// The App is the house that the API asks.
var _ api.House = (*App)(nil)

// Devices implements api.Doors.
func (a *App) Devices() []api.Device {
	units := a.allUnits()
	out := make([]api.Device, 0, len(units))
	for _, u := range units {
		out = append(out, a.named(u.View(a.zone.Load())))
	}
	return append(out, a.keypads.Devices()...)
}

// Device implements api.Doors.
func (a *App) Device(id string) (api.Device, bool) {
	u := a.unit(id)
	if u == nil {
		return a.keypads.Device(id)
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
		if err := a.keypads.Command(id); err != nil {
			return device.Answer{}, err
		}
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

// simulator is what the API may do to simulated devices; nil if there are none.
func (a *App) simulator() api.Simulator {
	if a.simulated() == nil {
		return nil
	}
	return simulated.House{World: a.simulated}
}

func (a *App) simulated() World {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.world
}
