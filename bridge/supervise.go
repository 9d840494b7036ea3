package bridge

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/health"
)

// Times between two tries to build a device: one that fails by itself is left alone longer each time, one
// whose hardware is missing comes back soon after its plug.
const (
	firstTry   = time.Second
	lastTry    = time.Minute
	lastPlugIn = 5 * time.Second
)

// run lets the device live until it is stopped. One that ends by itself, or whose hardware is missing, is
// built again; it never takes the bridge down.
func (a *App) run(u *unit.Unit) {
	u.Start(func(ctx context.Context) {
		err := u.Live(ctx)
		said := ""
		for wait := firstTry; ctx.Err() == nil; wait *= 2 {
			what, missing := unit.Trouble(err)
			if missing {
				wait = min(wait, lastPlugIn)
			}
			wait = min(wait, lastTry)
			if what != said || !missing {
				a.log.Error().Err(err).Str("device", u.ID).Msg("device unavailable, starting it again")
			}
			a.board.Raise(health.DeviceUnavailable, u.ID, what)
			said = what
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			if tried := a.revive(u); tried == nil {
				return
			} else if !errors.Is(tried, errChanging) {
				err = tried
			}
		}
	})
}

var errChanging = errors.New("the house is being changed")

// revive builds a device again that ended by itself.
func (a *App) revive(u *unit.Unit) error {
	if !a.changing.TryLock() { // whoever holds it may be waiting for us
		return errChanging
	}
	defer a.changing.Unlock()
	units := a.allUnits()
	i := slices.Index(units, u)
	if i < 0 || a.work.Context().Err() != nil {
		return nil // it is gone
	}
	ctx, cancel := context.WithTimeout(a.work.Context(), reloadTime)
	defer cancel()
	if err := u.Release(); err != nil {
		return err
	}
	again, err := a.builder.Build(ctx, a.cfg, u.ID)
	if err != nil {
		return err
	}
	a.run(again)
	unit.Settle(ctx, []*unit.Unit{again}, settleTime)
	units[i] = again
	a.adopt(a.cfg, units)
	a.board.Clear(health.DeviceUnavailable, u.ID)
	return a.display(ctx, a.cfg, units)
}
