package bridge

import (
	"context"
	"os"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/internal/ready"
)

// feedWatchdog tells systemd that the bridge lives, but only after it has seen it live: every actor and
// every server answered, and the journal took a look. A bridge that hangs is killed and started again.
func (a *App) feedWatchdog(ctx context.Context) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if part, ok := a.alive(ctx); !ok {
			a.log.Error().Str("part", part).Msg("no progress, the watchdog is not fed")
			continue
		}
		_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
	}
}

// alive asks every part for real progress and names the first that makes none.
func (a *App) alive(ctx context.Context) (string, bool) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	for _, u := range a.allUnits() {
		p, ok := u.actor().(interface{ Ping(context.Context) error })
		if ok && p.Ping(ctx) != nil {
			return u.id, false
		}
	}
	if _, err := a.History(ctx, api.HistoryQuery{Limit: 1}); err != nil {
		return "journal", false
	}
	return "", true
}

func (a *App) allUnits() []*unit {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return append([]*unit(nil), a.units...)
}

// readyNow is what the ready file says.
func (a *App) readyNow() ready.File {
	r := ready.File{Version: 1, PID: os.Getpid(), Console: ready.Console{URL: a.console, Token: a.token},
		HomeKit: []ready.HomeKit{}, Socket: a.socket, State: a.opts.StateDir}
	for _, b := range a.faces.Bridges() {
		r.HomeKit = append(r.HomeKit, ready.HomeKit{Name: b.Name, Addr: b.Addr, DeviceID: b.DeviceID, SetupCode: b.SetupCode,
			SetupURI: b.SetupURI, Paired: b.Paired, Accessories: b.Accessories})
	}
	return r
}
