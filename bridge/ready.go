package bridge

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/loquet/loquet/bridge/watchdog"
	"github.com/loquet/loquet/internal/ready"
)

// openReady tells whoever waits for the house that it is open: the ready file, and systemd.
func (a *App) openReady(context.Context) error {
	a.examine()
	a.tellWarnings(a.opts.Warnings)
	file := a.readyNow()
	written := file
	if path := a.opts.ReadyFile; path != "" {
		a.onStop("ready file", func(context.Context) error { a.removeReady(); return nil })
		err := ready.Write(path, file)
		switch {
		case errors.Is(err, os.ErrNotExist): // the folder: nobody can be waiting there
			return fmt.Errorf("%w: choose another file with --ready-file", err)
		case err != nil: // a full disk keeps scripts waiting, and nobody from the doors
			a.log.Error().Err(err).Msg("ready file not written")
			written = ready.File{}
		}
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		a.log.Warn().Err(err).Msg("systemd was not told")
	}
	a.onStop("systemd", func(context.Context) error {
		_, err := daemon.SdNotify(false, daemon.SdNotifyStopping)
		return err
	})
	a.work.Run(func(ctx context.Context) { a.keepTrue(ctx, written) })
	a.work.Run(func(ctx context.Context) { watchdog.Feed(ctx, a.log, a.alive) })
	return nil
}

// removeReady says that nobody runs, at the end, and at the beginning instead of a run that was killed.
func (a *App) removeReady() {
	if err := ready.Remove(a.opts.ReadyFile); err != nil {
		a.log.Error().Err(err).Msg("ready file not removed")
	}
}

// changed says that pairings, codes or addresses may have changed. It never waits.
func (a *App) changed() {
	select {
	case a.nudge <- struct{}{}:
	default:
	}
}

// keepTrue keeps the ready file and the list of problems in step with what changes.
func (a *App) keepTrue(ctx context.Context, written ready.File) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.nudge:
		}
		a.examine()
		file := a.readyNow()
		if a.opts.ReadyFile == "" || reflect.DeepEqual(file, written) {
			continue
		}
		if err := ready.Write(a.opts.ReadyFile, file); err != nil {
			a.log.Error().Err(err).Msg("ready file not written")
			continue
		}
		written = file
	}
}

// readyNow is what the ready file says.
func (a *App) readyNow() ready.File {
	a.mu.RLock()
	console, socket := a.console, a.socket
	a.mu.RUnlock()
	r := ready.File{Version: 1, PID: os.Getpid(), Console: ready.Console{URL: console, Token: a.token},
		HomeKit: []ready.HomeKit{}, Matter: a.matter.Ready(), Socket: socket, State: a.opts.StateDir}
	for _, b := range a.faces.Bridges() {
		r.HomeKit = append(r.HomeKit, ready.HomeKit{Name: b.Name, Addr: b.Addr, DeviceID: b.DeviceID, SetupCode: b.SetupCode,
			SetupURI: b.SetupURI, Paired: b.Paired, Accessories: b.Accessories})
	}
	return r
}
