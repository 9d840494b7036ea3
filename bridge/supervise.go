package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/health"
)

// run lets the device live until it is stopped. One that ends by itself is built again, later each
// time; it never takes the bridge down.
func (a *App) run(u *unit.Unit) {
	u.Start(func(ctx context.Context) {
		err := u.Live(ctx)
		for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, time.Minute) {
			a.log.Error().Err(err).Str("device", u.ID).Dur("wait", wait).Msg("device stopped, starting it again")
			a.board.Raise(health.DeviceUnavailable, u.ID, "it stopped and is started again")
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if err = a.revive(u); err == nil {
				return
			}
		}
	})
}

// revive builds a device again that ended by itself.
func (a *App) revive(u *unit.Unit) error {
	if !a.changing.TryLock() { // whoever holds it may be waiting for us
		return errors.New("the house is being changed")
	}
	defer a.changing.Unlock()
	units := a.allUnits()
	i := slices.Index(units, u)
	if i < 0 || a.work.ctx.Err() != nil {
		return nil // it is gone
	}
	ctx, cancel := context.WithTimeout(a.work.ctx, reloadTime)
	defer cancel()
	if err := u.Release(); err != nil {
		return err
	}
	again, err := a.builder.Build(ctx, a.cfg, u.ID)
	if err != nil {
		return err
	}
	a.run(again)
	settle(ctx, []*unit.Unit{again}, settleTime)
	units[i] = again
	a.adopt(units)
	a.board.Clear(health.DeviceUnavailable, u.ID)
	return a.faces.SetItems(ctx, items(units))
}
