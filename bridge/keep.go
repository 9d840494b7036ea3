package bridge

import (
	"context"
	"strings"

	"github.com/loquet/loquet/bridge/announce"
	"github.com/loquet/loquet/bridge/backup"
	"github.com/loquet/loquet/bridge/doctor"
)

// keeper implements api.Keeper.
type keeper struct {
	*backup.Source
	*doctor.Doctor
}

// openKeeper begins to look after what is around the doors.
func (a *App) openKeeper() {
	a.keeper = keeper{
		&backup.Source{Store: a.store, State: a.opts.StateDir, HandedKey: a.keypads.HandedKey, Config: a.opts.ConfigPath, Version: a.opts.Version.Version},
		&doctor.Doctor{State: a.opts.StateDir, Interfaces: a.opts.Interfaces, Degraded: a.store.Degraded, Clock: a.clockface.ClockFacts,
			Network: a.announcer.Facts, Controllers: a.pairings.Facts, Matter: a.pairings.MatterFacts, Zone: a.zone.Load,
			Runs: a.store.Space(doctor.NotesSpace), Board: a.board, Log: a.log},
	}
	a.work.Run(a.keeper.Run)
}

// refuseCopies keeps a house shut that is open on another machine.
func (a *App) refuseCopies(ctx context.Context) error {
	var ids []string
	for _, b := range a.faces.Bridges() {
		ids = append(ids, b.DeviceID)
	}
	return a.guard.Check(ctx, ids)
}

func (a *App) announceOptions() announce.Options {
	return announce.Options{Interfaces: a.opts.Interfaces, Hostname: "loquet-" + strings.ToLower(a.store.Install()[:8]), Board: a.board,
		Changed: func() { a.matter.NetworkChanged() }, Log: a.log}
}
