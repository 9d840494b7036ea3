package bridge

import (
	"context"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/keypads"
	"github.com/loquet/loquet/bridge/people"
	"github.com/loquet/loquet/bridge/slots"
	"github.com/loquet/loquet/bridge/stays"
	"github.com/loquet/loquet/bridge/timekeeper"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/store"
)

// openKeypads reads people and codes, lets the keypads listen, brings codes to locks that keep them, and lets the
// guests of calendars in. Nothing of it is waited for, and nothing is fetched before an owner adds a calendar.
func (a *App) openKeypads(context.Context) error {
	a.keypads = keypads.New(keypads.Options{
		Folder: a.opts.StateDir, Credentials: a.opts.Credentials, Codes: a.store.Space("codes", store.Precious), Tries: a.store.Space("tries"), Env: a.env,
		Journal: a.journal, Flush: a.store.Journal().Flush, Clock: a.clock, Uses: a.uses, Command: a.Command, Shown: a.stream.State,
		Zone: a.zone.Load, Board: a.board, Places: a.matter.Places(), Edited: a.edited, Log: a.log,
	})
	a.onStop("keypads", a.keypads.Stop)
	a.keypads.Apply(a.cfg)
	a.work.Run(func(ctx context.Context) { a.history.CountUses(ctx, a.uses, a.keypads.Known, a.log) })
	a.slots = slots.New(slots.Options{Space: a.store.Space("copies"), Ledger: a.keypads.Ledger, Clock: a.clock, Zone: a.zone.Load, Pads: a.keypads, Named: a.builder.Name, InHome: a.faces.ShownCodes, Board: a.board, Log: a.log})
	a.slots.Set(unit.Slots(a.allUnits()))
	a.work.Run(a.slots.Run)
	a.work.Run(a.faces.FollowCodes)
	a.clockface = &timekeeper.Timekeeper{Clock: a.clock, Zone: a.zone.Load, Journal: a.journal, Board: a.board, Changed: a.slots.Wake}
	a.stays = stays.New(stays.Options{
		Space: a.store.Space("stays", store.Precious), Ledger: a.keypads.Ledger, Group: keypads.Group, Clock: a.clock, Zone: a.zone.Load,
		Keep: a.cfg.History.Keep, Ready: a.slots.Ready, Opens: a.slots.Reaches, Low: a.batteryLow, Known: func() time.Time { return a.clock.Standing().Until }, Copies: a.slots.Copies, Changed: a.slots.Wake, Digits: a.keypads.Digits, Locks: a.slots, Rules: func() stays.Rules { return stays.RulesOf(a.settings().Guests) }, Board: a.board, Log: a.log,
	})
	a.work.Run(a.stays.Run)
	return nil
}

// edited tells everybody who shows or keeps codes that they have changed.
func (a *App) edited() {
	a.matter.PeopleChanged()
	a.faces.CodesChanged()
	if a.slots != nil { // nobody edits while the house begins
		a.slots.Wake()
	}
}

// batteryLow reports whether the battery of a door is low, before a guest comes.
func (a *App) batteryLow(door string) bool {
	d, _ := a.Device(door)
	return stays.Low(d.State.Battery, a.settings().Guests)
}

// ledger is what the API shows of people and codes.
func (a *App) ledger() api.Ledger {
	return &people.People{Ledger: a.keypads.Ledger, Group: keypads.Group, Opens: a.slots.Reaches, Sent: a.matter.TakesPIN, Takes: a.keypads.Takes, Digits: a.keypads.Digits, Clock: a.clock, Zone: a.zone.Load, Uses: a.uses.Uses, Copies: a.slots.Copies, Locks: a.slots}
}
