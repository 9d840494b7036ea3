package bridge

import (
	"context"
	"fmt"

	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/access/tally"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/announce"
	"github.com/loquet/loquet/bridge/doctor"
	"github.com/loquet/loquet/bridge/folder"
	"github.com/loquet/loquet/bridge/history"
	"github.com/loquet/loquet/bridge/place"
	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

// openStore opens what is known of the house and its controllers.
func (a *App) openStore(ctx context.Context) error {
	f := a.opts.Folder
	if f == nil {
		f = folder.Open(ctx, a.opts.StateDir, a.opts.RuntimeDir, a.log)
	}
	s, err := f.Store()
	if err != nil {
		return err
	}
	a.onStop("state", func(context.Context) error { return s.Close() })
	if a.opts.ReadyFile != "" { // of a run that was killed; the folder is ours now
		a.removeReady()
	}
	a.store = s
	a.keepTime(f.Time)
	a.guard = announce.NewGuard(ctx, a.announceOptions(), a.opts.StateDir, s.Space(place.Space))
	a.people = roster.New(s.Space("controllers", store.Precious))
	for _, id := range a.people.Damaged() {
		a.board.Raise(health.RecordDamaged, id, "the role of this controller")
	}
	if err := a.people.Lost(); err != nil {
		a.board.Raise(health.RecordDamaged, "", err.Error())
	}
	return nil
}

// openJournal waits for the history, which was being opened beside the lines.
func (a *App) openJournal(ctx context.Context) error {
	s := a.store
	err := s.Finish(store.Later{Retention: a.cfg.History.Keep(), OnDegraded: func(reason string) { doctor.TellDegraded(a.board, s, reason) }})
	if err != nil {
		return err
	}
	if reason, ok := s.Degraded(); ok {
		doctor.TellDegraded(a.board, s, reason)
	}
	s.SetIdle(a.idle)
	a.uses = tally.New(s.Space("uses"))
	a.journal = a.points.journal(a.uses.Journal(s.Journal()))
	a.history = &history.History{Journal: s.Journal(), Name: a.nameOf, Zone: a.zone.Load, Board: a.board}
	a.work.Run(a.history.Check)
	a.work.Run(func(ctx context.Context) { a.refusals.Write(ctx, a.journal, a.log) })
	doctor.TellNotes(a.board, s.Notes())
	return a.closeUnfinished(ctx)
}

// keepTime lets the clock remember over restarts what it knew. Nothing is waited for: a lost clock is
// told, and locks nobody out.
func (a *App) keepTime(time *clock.Keeper) {
	failed := func(err error) { a.log.Warn().Err(err).Msg("the time was not kept") }
	if err := time.Recall(a.store.Space("clock")); err != nil {
		failed(err)
	}
	a.clock = time
	a.raise(health.ClockUntrusted, "", "", a.trust() == clock.Floor.String())
	a.work.Run(func(ctx context.Context) { time.Run(ctx, failed) })
	a.onStop("clock", func(context.Context) error {
		if _, bad := a.store.Degraded(); bad {
			return nil
		}
		return time.Keep()
	})
}

// trust is how far the time is known.
func (a *App) trust() string {
	_, trust := a.clock.Now()
	return trust
}

// closeUnfinished writes the end of every move that a crash or a power cut left open. None of them is
// acted on again: the sensors tell where the doors are.
func (a *App) closeUnfinished(ctx context.Context) error {
	a.builder.Interrupted = map[string]bool{}
	for _, u := range a.store.Unfinished() {
		a.builder.Interrupted[u.Row.Device] = true
		action, _ := api.ParseAction(u.Row.Action)
		e := device.Entry{Kind: device.EntryOutcome, Device: u.Row.Device, Action: action, Intent: u.Row.Seq,
			Outcome: device.OutcomeUnknown, Detail: "restart"}
		if _, err := a.journal.Record(ctx, e); err != nil {
			return fmt.Errorf("moves without an end: %w", err)
		}
		a.board.Raise(health.InterruptedMove, u.Row.Device, "")
	}
	return nil
}

// idle reports that no door is owed anything, so that the store may do what takes long.
func (a *App) idle() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, u := range a.units {
		if u.Busy() {
			return false
		}
	}
	return true
}
