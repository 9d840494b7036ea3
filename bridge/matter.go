package bridge

import (
	"cmp"
	"context"
	"time"

	"github.com/loquet/loquet/accessories/matter"
	"github.com/loquet/loquet/bridge/commission"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/store"
)

func (a *App) newMatter() {
	a.matter = commission.New(commission.Options{
		About: commission.About{Name: a.cfg.BridgeName(), Install: a.store.Install(), Version: a.opts.Version.Version},
		Addr:  a.matterAddr(), Storage: a.store.Space("matter", store.Precious), Light: a.store.Space("matter/sessions"), Labels: a.store.Space("matter/devices"),
		Announce: a.announcer.Offer, Find: a.announcer.Find, Rules: a.people, Answered: a.points.answered, Refused: a.refusals.Tell, Changed: a.changed, Log: a.log,
		Register: func() *matter.Register { return a.keypads.Register() },
		Clock: func() (time.Time, bool) {
			now, trust := a.clock.Now()
			return now, trust == clock.Trusted.String()
		},
	})
}

// matterAddr is where Matter shall listen.
func (a *App) matterAddr() string { return cmp.Or(a.opts.Matter, a.settings().MatterListen()) }

// openMatter lets the ecosystems in. Nothing that goes wrong there keeps anybody from the doors.
func (a *App) openMatter(ctx context.Context) error {
	a.onStop("matter", a.matter.Stop)
	a.matter.Start(ctx)
	return nil
}

// display shows the units in Apple Home and Matter.
func (a *App) display(ctx context.Context, cfg *config.Config, units []*unit.Unit) error {
	if err := a.faces.SetItems(ctx, unit.InHomeKit(cfg, units)); err != nil {
		return err
	}
	a.matter.SetItems(unit.InMatter(units))
	return nil
}
