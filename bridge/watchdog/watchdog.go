// Package watchdog tells systemd that the bridge lives, but only after it has been seen alive: a bridge that hangs is killed
// and started again.
package watchdog

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// Feed asks again and again until ctx ends whether all parts make progress, and says so. alive names the first part that makes
// none. Without a watchdog it does nothing.
func Feed(ctx context.Context, log zerolog.Logger, alive func(context.Context) (part string, ok bool)) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil || interval == 0 {
		return
	}
	tick := time.NewTicker(interval / 3)
	defer tick.Stop()
	for {
		if part, ok := alive(ctx); ok {
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		} else if ctx.Err() == nil {
			log.Error().Str("part", part).Msg("no progress, the watchdog is not fed")
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
