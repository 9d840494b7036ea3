package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/store"
)

// The App is the house that the API asks.
var (
	_ api.House     = (*App)(nil)
	_ api.Pairings  = (*App)(nil)
	_ api.Simulator = (*App)(nil)
)

// Devices implements api.Doors.
func (a *App) Devices() []api.Device {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := make([]api.Device, 0, len(a.units))
	for _, u := range a.units {
		out = append(out, a.named(u.view(a.zone.Load())))
	}
	return out
}

// Device implements api.Doors.
func (a *App) Device(id string) (api.Device, bool) {
	u := a.unit(id)
	if u == nil {
		return api.Device{}, false
	}
	return a.named(u.view(a.zone.Load())), true
}

// named adds the owner's name for whoever caused the state.
func (a *App) named(d api.Device) api.Device {
	d.State.Cause.Name = a.nameOf(d.State.Cause)
	return d
}

func (a *App) unit(id string) *unit {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, u := range a.units {
		if u.id == id {
			return u
		}
	}
	return nil
}

// Command implements api.Doors.
func (a *App) Command(ctx context.Context, id string, c device.Command) (device.Answer, error) {
	u := a.unit(id)
	if u == nil {
		return device.Answer{}, fmt.Errorf("device %q: %w", id, api.ErrNotFound)
	}
	answer, err := u.command(ctx, c)
	a.points.answered()
	return answer, err
}

// History implements api.Historian.
func (a *App) History(ctx context.Context, q api.HistoryQuery) ([]api.Row, error) {
	find := store.Query{Device: q.Device, Since: q.Since, Until: q.Until, AfterSeq: q.After, Limit: q.Limit}
	rows, err := a.store.Journal().History(ctx, find)
	if err != nil {
		return nil, err
	}
	if q.OldestFirst {
		if rows, err = a.oldestFirst(ctx, find, rows); err != nil {
			return nil, err
		}
	}
	out := make([]api.Row, len(rows))
	for i, r := range rows {
		out[i] = a.row(r)
	}
	return out, nil
}

// oldestFirst goes back page by page to the oldest row that matches and returns the first ones from there.
func (a *App) oldestFirst(ctx context.Context, find store.Query, page []store.Row) ([]store.Row, error) {
	all := slices.Clone(page)
	for len(page) == find.Limit {
		find.BeforeSeq = page[len(page)-1].Seq
		var err error
		if page, err = a.store.Journal().History(ctx, find); err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	slices.Reverse(all)
	return all[:min(len(all), find.Limit)], nil
}

func (a *App) row(r store.Row) api.Row {
	action, _ := api.ParseAction(r.Action)
	cause := api.Cause{Kind: r.Cause.Kind, Actor: r.Cause.Actor, Place: r.Cause.Place}
	cause.Name = a.nameOf(cause)
	return api.Row{
		Seq: r.Seq, At: r.At.In(a.zone.Load()), Trust: r.Trust, Device: r.Device, Kind: r.Kind, Cause: cause, Action: r.Action,
		Target: api.EntryRow(device.Entry{Action: action}).Target, Intent: r.Intent, Outcome: r.Outcome, Code: r.Code, State: r.State, Confirmed: r.Confirmed,
		Detail: r.Detail, Prev: r.Prev, Hash: r.Hash,
	}
}

// VerifyHistory implements api.Historian.
func (a *App) VerifyHistory(ctx context.Context) (api.Verdict, error) {
	v, err := a.store.Journal().Verify(ctx)
	if err != nil {
		return api.Verdict{}, err
	}
	out := api.Verdict{OK: v.OK(), Rows: v.Rows, First: v.First, Last: v.Last, Limits: v.Limits}
	for _, b := range v.Breaks {
		out.Faults = append(out.Faults, fmt.Sprintf("row %d: %s", b.Seq, b.What))
	}
	return out, nil
}

// follow passes new rows of the history to the stream until ctx ends.
func (a *App) follow(ctx context.Context) {
	stats, err := a.store.Journal().Stats(ctx)
	if err != nil {
		a.log.Error().Err(err).Msg("history cannot be followed")
		return
	}
	for r := range a.store.Journal().Subscribe(ctx, stats.Last) {
		a.stream.Row(a.row(r))
	}
}

// Problems implements api.Caretaker.
func (a *App) Problems() []api.Problem {
	active := a.board.Active()
	out := make([]api.Problem, len(active))
	for i, p := range active {
		out[i] = api.Problem{Code: string(p.Code), Severity: p.Severity.String(), Title: p.Title,
			Subject: p.Subject, Detail: p.Detail, Remedy: p.Remedy, Since: p.Since.In(a.zone.Load())}
	}
	return out
}

// Sim implements api.Simulator.
func (a *App) Sim(id string) (api.SimState, bool) {
	if a.world == nil {
		return api.SimState{}, false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := a.world.Status(ctx, id)
	if err != nil {
		return api.SimState{}, false
	}
	return api.SimState{Pulses: int64(s.Pulses), PulsesTotal: int64(s.PulsesTotal), Edges: int64(s.Edges), LastEdgeUnixNS: s.LastEdgeUnixNS,
		Position: s.Position, Moving: s.Moving}, true
}

// SimEvent implements api.Simulator.
func (a *App) SimEvent(ctx context.Context, id string, event api.SimEvent, digits string) error {
	if a.world == nil {
		return fmt.Errorf("device %q is not simulated: %w", id, api.ErrNotFound)
	}
	err := a.world.Event(ctx, id, sim.Event{Name: string(event), Digits: digits})
	if errors.Is(err, sim.ErrNoDevice) {
		return fmt.Errorf("device %q: %w", id, api.ErrNotFound)
	}
	return err
}
