package bridge

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/loquet/loquet/api"
)

// probeLimit bounds a look at all parts of the program.
const probeLimit = 2 * time.Second

// feedWatchdog tells systemd that the bridge lives, but only after it has seen it live: every actor
// answered, and the journal took a look. A bridge that hangs is killed and started again.
func (a *App) feedWatchdog(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if part, ok := a.alive(ctx); ok {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			a.log.Error().Str("part", part).Msg("no progress, the watchdog is not fed")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// alive asks every part for real progress and names the first that makes none. A part that hangs for
// ever hangs the one who asks: that is no progress either.
func (a *App) alive(ctx context.Context) (part string, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for _, u := range a.allUnits() {
		if err := u.Ping(ctx); ctx.Err() != nil {
			return u.ID, false
		} else if err != nil {
			continue // it does not run: it is told of and built again
		}
	}
	if _, err := a.History(ctx, api.HistoryQuery{Limit: 1}); err != nil {
		return "journal", false
	}
	a.faces.Bridges()
	return "", true
}
