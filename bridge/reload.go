package bridge

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/mqtt"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// reloadTime bounds a reload, whatever the boards do.
const reloadTime = 20 * time.Second

// Reload implements api.Caretaker: it reads the configuration again and adds, renames, changes and
// removes devices. Devices that did not change are not touched, and controllers stay connected. A
// configuration that is refused, or whose devices cannot be opened, changes nothing. Once begun it goes
// on although whoever asked went away: half a house helps nobody.
func (a *App) Reload(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.opts.ConfigPath == "" {
		return &api.Error{Status: 409, Code: "no-configuration", Title: "Nothing to reload",
			Why: "this bridge runs without a configuration file", Remedy: "start it with `loquet run --config FILE`"}
	}
	if !a.started {
		return &api.Error{Status: 409, Code: "stopped", Title: "The bridge is stopped", Why: "it cannot change any more", Remedy: "start it again"}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), reloadTime)
	defer cancel()
	defer context.AfterFunc(a.work.Context(), cancel)() // a stop ends it
	next, warnings, err := config.Read(a.opts.ConfigPath, a.catalog())
	if err == nil {
		err = a.apply(ctx, next)
	}
	var moving movingError
	if errors.As(err, &moving) { // nothing is wrong with the configuration
		return &api.Error{Status: 409, Code: "device-moving", Title: "The configuration was not taken over yet", Why: err.Error(),
			Remedy: "reload again when it is at rest"}
	}
	if err != nil {
		a.board.Raise(health.ReloadRefused, "", firstLine(err))
		return &api.Error{Status: 409, Code: "configuration-refused", Title: "The configuration was not taken over", Why: err.Error(),
			Remedy: "correct it (`loquet check` names each place) and reload again; the old one is still in force"}
	}
	a.board.Clear(health.ReloadRefused, "")
	a.tellWarnings(warnings)
	return nil
}

// movingError names a device that must come to rest before it can be built again.
type movingError string

func (e movingError) Error() string { return string(e) + " is moving" }

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// apply changes the running house into the one of next. A changed device gives its lines back before
// its successor asks for them, at rest all the time.
func (a *App) apply(ctx context.Context, next *config.Config) error {
	zone, err := zoneOf(next)
	if err != nil {
		return err
	}
	diff := config.Diff(a.cfg, next)
	stale := map[string]bool{}
	for _, c := range diff.Devices {
		stale[c.Device] = stale[c.Device] || c.Kind == config.Changed || c.Kind == config.Removed
	}
	keep, away := map[string]*unit.Unit{}, map[string]bool{} // away: not changed, and tried again and again
	var gone []*unit.Unit
	for _, u := range a.allUnits() {
		if !stale[u.ID] && !u.Ended {
			keep[u.ID] = u
			continue
		}
		if u.Busy() {
			return movingError(u.ID)
		}
		gone, away[u.ID] = append(gone, u), !stale[u.ID]
	}
	a.keypads.Drop(stale) // their lines must be free
	if err := a.replace(ctx, next, keep, gone, away); err != nil {
		err = errors.Join(err, a.restore(ctx, keep, gone))
		a.keypads.Apply(a.cfg)
		return err
	}
	a.keypads.Apply(next)
	a.alerts.Apply(next.Alerts, unit.IDs(next))
	a.mu.Lock()
	a.cfg = next
	a.mu.Unlock()
	a.zone.Store(zone)
	waits := restarts(a.opts.Config, next)
	a.raise(health.RestartNeeded, "", strings.Join(waits, ", "), len(waits) > 0)
	a.changed()
	return nil
}

// restarts names the settings that differ from those that the program was started with, and that only a
// start takes over.
func restarts(began, next *config.Config) []string {
	diff := config.Diff(began, next)
	waits := diff.Restart
	if slices.Contains(diff.Settings, "history.retention") {
		waits = append(waits, "history.retention") // the store is told when it is opened
	}
	return waits
}

// replace puts the devices of next in the place of those that are gone. What is new or changed must be there, and what
// was away before may stay away.
func (a *App) replace(ctx context.Context, next *config.Config, keep map[string]*unit.Unit, gone []*unit.Unit, away map[string]bool) error {
	var errs []error
	for _, u := range gone {
		errs = append(errs, u.Stop())
	}
	if err := errors.Join(append(errs, a.boards.Drop(next))...); err != nil {
		return err
	}
	if err := a.boards.Add(ctx, next); err != nil {
		return err
	}
	for _, u := range gone {
		a.board.Forget(u.ID) // before its successor says what is wrong with it
	}
	fresh, err := a.build(ctx, next, keep, a.builder.Opening(away))
	if err != nil {
		return err
	}
	if err := a.take(ctx, next, keep, fresh); err != nil {
		for _, u := range fresh {
			err = errors.Join(err, u.Stop())
		}
		return err
	}
	return nil
}

// restore brings the devices of the old configuration back after a new one failed. Each for itself: one
// that cannot be opened any more keeps nobody else out, and is tried again.
func (a *App) restore(ctx context.Context, keep map[string]*unit.Unit, gone []*unit.Unit) error {
	errs := []error{a.boards.Drop(a.cfg), a.boards.Start(ctx, a.cfg)}
	var back []*unit.Unit
	for _, u := range gone {
		again, err := a.builder.Begin(ctx, a.cfg, u.ID)
		if err != nil {
			a.board.Raise(health.DeviceUnavailable, u.ID, "it could not be opened again")
			errs, again = append(errs, err), u // it stays listed, and the next reload tries again
		} else if again.Missing() != nil {
			errs = append(errs, again.Missing())
		}
		back = append(back, again)
	}
	errs = append(errs, a.take(ctx, a.cfg, keep, back))
	return errors.Join(errs...)
}

// take shows kept and fresh units in the order of the configuration, and adopts them if that succeeds.
func (a *App) take(ctx context.Context, cfg *config.Config, keep map[string]*unit.Unit, fresh []*unit.Unit) error {
	var living []*unit.Unit
	for _, u := range fresh {
		if !u.Ended {
			a.run(u)
			living = append(living, u)
		}
	}
	unit.Settle(ctx, living, settleTime)
	a.chooseWorld()
	units := slices.Clone(fresh)
	for _, u := range keep {
		units = append(units, u)
	}
	ids := unit.IDs(cfg)
	slices.SortFunc(units, func(x, y *unit.Unit) int { return slices.Index(ids, x.ID) - slices.Index(ids, y.ID) })
	for _, u := range units {
		u.Restyle(cfg)
	}
	if err := a.display(ctx, cfg, units); err != nil {
		return err
	}
	a.adopt(cfg, units)
	return nil
}

// adopt makes these the devices of the house.
func (a *App) adopt(cfg *config.Config, units []*unit.Unit) {
	a.mu.Lock()
	a.units = units
	a.mu.Unlock()
	a.mqtt.Apply(func() []mqtt.Shown { return unit.InMQTT(cfg, units, a.zone.Load()) })
	if a.slots != nil {
		a.slots.Set(unit.Slots(units))
	}
}
