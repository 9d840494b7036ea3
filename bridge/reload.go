package bridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/health"
)

// Reload implements api.Caretaker: it reads the configuration again and adds, renames, changes and
// removes devices. Devices that did not change are not touched, and controllers stay connected. A
// configuration that is refused, or whose devices cannot be opened, changes nothing.
func (a *App) Reload(ctx context.Context) error {
	a.reload.Lock()
	defer a.reload.Unlock()
	if a.opts.ConfigPath == "" {
		return &api.Error{Status: 409, Code: "no-configuration", Title: "Nothing to reload",
			Why: "this bridge runs without a configuration file", Remedy: "start it with `loquet run --config FILE`"}
	}
	next, _, err := config.Read(a.opts.ConfigPath, Catalog())
	if err == nil {
		err = a.apply(ctx, next)
	}
	if err != nil {
		a.board.Raise(health.ReloadRefused, "", firstLine(err))
		return &api.Error{Status: 409, Code: "configuration-refused", Title: "The configuration was not taken over", Why: err.Error(),
			Remedy: "correct it (`loquet check` names each place) and reload again; the old one is still in force"}
	}
	a.board.Clear(health.ReloadRefused, "")
	return nil
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// apply changes the running house into the one of next. A changed device gives its lines back before
// its successor asks for them, at rest all the time.
func (a *App) apply(ctx context.Context, next *config.Config) error {
	diff := config.Diff(a.cfg, next)
	stale := map[string]bool{}
	for _, c := range diff.Devices {
		stale[c.Device] = c.Kind == config.Changed || c.Kind == config.Removed
	}
	keep := map[string]*unit{}
	var gone []*unit
	for _, u := range a.allUnits() {
		if !stale[u.id] {
			keep[u.id] = u
			continue
		}
		gone = append(gone, u)
		if u.actor().Busy() {
			return fmt.Errorf("%s is moving: reload again when it is at rest", u.id)
		}
	}
	var errs []error
	for _, u := range gone {
		errs = append(errs, u.stop())
	}
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, a.restore(ctx, keep))
	}
	fresh, err := a.build(ctx, next, keep)
	if err != nil {
		return errors.Join(err, a.restore(ctx, keep))
	}
	for _, u := range gone {
		a.board.Forget(u.id)
	}
	if err := a.take(ctx, next, keep, fresh); err != nil {
		return err
	}
	a.raise(health.RestartNeeded, "", strings.Join(diff.Restart, ", "), len(diff.Restart) > 0)
	return nil
}

// restore builds the devices of the old configuration again after a new one failed.
func (a *App) restore(ctx context.Context, keep map[string]*unit) error {
	back, err := a.build(ctx, a.cfg, keep)
	if err != nil {
		return err
	}
	return a.take(ctx, a.cfg, keep, back)
}

// take puts kept and fresh units into the order of the configuration and shows them.
func (a *App) take(ctx context.Context, cfg *config.Config, keep map[string]*unit, fresh []*unit) error {
	if z, err := time.LoadLocation(cfg.Home.Zone); err == nil && cfg.Home.Zone != "" {
		a.zone.Store(z)
	}
	for _, u := range fresh {
		a.run(a.run_, u)
	}
	settle(fresh, settleTime)
	units := fresh
	for _, u := range keep {
		units = append(units, u)
	}
	for _, u := range units {
		u.rename(cfg)
	}
	order := deviceOrder(cfg)
	slices.SortFunc(units, func(x, y *unit) int { return order[x.id] - order[y.id] })
	a.mu.Lock()
	a.units, a.cfg = units, cfg
	a.mu.Unlock()
	if err := a.faces.SetItems(ctx, items(units)); err != nil {
		return err
	}
	a.refreshReady()
	return nil
}

// deviceOrder is the place of each device in the configuration: doors, locks, contacts.
func deviceOrder(cfg *config.Config) map[string]int {
	order := map[string]int{}
	for _, d := range cfg.Doors {
		order[d.ID] = len(order)
	}
	for _, l := range cfg.Locks {
		order[l.ID] = len(order)
	}
	for _, c := range cfg.Contacts {
		order[c.ID] = len(order)
	}
	return order
}

// rename gives a unit that goes on the name and the settings of its faces that the configuration has now.
func (u *unit) rename(cfg *config.Config) {
	for _, d := range cfg.Doors {
		if d.ID == u.id {
			u.call(d.Name, timed(cfg, d.TimedWrites))
		}
	}
	for _, l := range cfg.Locks {
		if l.ID == u.id {
			u.call(l.Name, timed(cfg, l.TimedWrites))
		}
	}
	for _, c := range cfg.Contacts {
		if c.ID == u.id {
			u.call(c.Name, false)
		}
	}
}

func (u *unit) call(name string, timed bool) {
	u.name.Store(&name)
	u.item.Name, u.item.Timed = name, timed
}
