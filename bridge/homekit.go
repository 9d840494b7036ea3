package bridge

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/pairings"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	hap "github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/internal/garbage"
	"github.com/loquet/loquet/store"
)

// settleTime bounds the wait for first readings before anything is announced.
const settleTime = 2 * time.Second

// openAhead lets controllers in that are paired already: their pair-verify needs no device. A house that
// may run on another machine too stays shut until that is known.
func (a *App) openAhead(ctx context.Context) error {
	a.faces = homekit.New(homekit.Options{
		About:     homekit.About{Install: a.store.Install(), Firmware: a.opts.Version.Version},
		Name:      a.cfg.BridgeName(),
		Addr:      a.homekitAddr(),
		Numbers:   a.store.Space("accessories", store.Precious),
		Space:     func(bridge string) hap.Storage { return a.store.Space("homekit/"+bridge, store.Precious) },
		Advertise: a.announcer.Set,
		Rules:     a.people,
		Codes:     a.store.Space("homekit-codes", store.Precious),
		Register:  func() *homekit.Register { return a.keypads.InHome(a.slots.Decide, a.slots.Digits) },
		Settled:   a.settled,
		Changed:   a.changed,
		Answered:  a.points.answered,
		Refused:   a.refusals.Tell,
		Trouble:   func(bridge string, err error) { pairings.Trouble(a.board, bridge, err); a.changed() },
		Log:       a.log,
	})
	a.newMatter()
	a.pairings = &pairings.Pairings{House: a.faces, Matter: a.matter, Roster: a.people, Changed: a.changed}
	a.onStop("ahead", func(ctx context.Context) error { return errors.Join(a.matter.Stop(ctx), a.faces.Stop(ctx)) })
	if !a.guard.Moved() {
		a.faces.Ahead(ctx)
		a.matter.Ahead()
	}
	return nil
}

// openDevices builds the devices and their accessories and lets them live.
func (a *App) openDevices(ctx context.Context) error {
	a.builder.Env, a.builder.Journal, a.builder.Memory = a.env, a.journal, a.store.Memory()
	units, err := a.build(ctx, a.cfg, nil, a.builder.Begin)
	if err != nil {
		return err
	}
	a.adopt(a.cfg, units)
	a.onStop("devices", a.stopDevices)
	if err := a.display(ctx, a.cfg, units); err != nil {
		return err
	}
	a.work.Run(a.builder.Awake.Run)
	for _, u := range units {
		a.run(u)
	}
	return nil
}

// opening makes one device of a configuration: Builder.Build or Builder.Begin.
type opening func(ctx context.Context, cfg *config.Config, id string) (*unit.Unit, error)

// build opens every device of the configuration but those to keep, in its order. On an error everything
// that was opened is given back.
func (a *App) build(ctx context.Context, cfg *config.Config, keep map[string]*unit.Unit, open opening) ([]*unit.Unit, error) {
	var units []*unit.Unit
	for _, id := range unit.IDs(cfg) {
		if keep[id] != nil {
			continue
		}
		u, err := open(ctx, cfg, id)
		if err != nil {
			for _, u := range units {
				err = errors.Join(err, u.Stop())
			}
			return nil, err
		}
		units = append(units, u)
	}
	return units, nil
}

// show hands a new state to every face. It runs on a device's actor and never waits.
func (a *App) show(id string, d api.Device) {
	a.faces.Changed(id)
	a.matter.Show(id)
	a.stream.State(d)
	a.alerts.Seen(d)
	a.mqtt.Show(d)
}

func (a *App) stopDevices(context.Context) error {
	units := a.allUnits()
	errs := make([]error, len(units))
	var wg sync.WaitGroup
	for i, u := range units {
		wg.Go(func() { errs[i] = u.Stop() })
	}
	wg.Wait()
	a.builder.Crew.Close()
	return errors.Join(errs...)
}

func (a *App) homekitAddr() string {
	return cmp.Or(a.opts.HomeKit, a.settings().HomeKit.Listen, ":51826")
}

// openHomeKit lets controllers that know the house connect at once. What they ask is answered, and
// anything announced, when the first readings are there.
func (a *App) openHomeKit(ctx context.Context) error {
	if err := a.faces.Start(ctx); err != nil {
		return err
	}
	a.onStop("homekit", a.faces.Stop)
	unit.Settle(ctx, a.allUnits(), settleTime)
	close(a.settled)
	a.work.Run(func(ctx context.Context) {
		if a.opts.StartOver != nil {
			garbage.Started(ctx, a.faces.Quiet, a.opts.StartOver)
		}
		garbage.Collect(ctx, a.faces.Quiet)
	})
	return nil
}

// openNetwork announces what listens by now. It stops before the servers do: goodbye comes first.
func (a *App) openNetwork(context.Context) error {
	a.announcer.Start(a.announceOptions())
	a.onStop("network", a.announcer.Close)
	return nil
}

// nameOf is the owner's name for whoever caused something.
func (a *App) nameOf(c api.Cause) string {
	if c.Kind == api.CauseWord(device.CauseCode) && a.keypads != nil {
		return a.keypads.Name(c)
	}
	return a.pairings.Name(c)
}
