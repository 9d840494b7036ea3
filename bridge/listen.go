package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/bridge/console"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

func (a *App) openAPI(ctx context.Context) error {
	a.openKeeper()
	server, listeners, err := a.newAPI(ctx)
	if err != nil {
		return err
	}
	life, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.serveAPI(life, server, listeners)
	}()
	a.onStop("api", func(ctx context.Context) error {
		end()
		select {
		case <-done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	a.work.Run(a.follow)
	a.work.Run(a.watchHealth)
	return nil
}

// newAPI makes a server and opens where it listens.
func (a *App) newAPI(ctx context.Context) (*api.Server, []net.Listener, error) {
	server, err := api.New(a, api.Options{
		Log: a.log, Version: a.opts.Version, StartToken: a.token, Tokens: a.store.Space("tokens", store.Precious), Stream: a.stream,
		Pairings: a.pairings, Keeper: a.keeper, Clock: a.clockface, Ledger: a.ledger(), Keypads: a.keypads, Stays: a.stays, Adopter: a.mqtt, Sim: a.simulator(), Metrics: a.metrics,
	})
	if err != nil {
		return nil, nil, err
	}
	listeners, err := a.listen(ctx)
	return server, listeners, err
}

func (a *App) listen(ctx context.Context) ([]net.Listener, error) {
	var listeners []net.Listener
	path := filepath.Join(a.runtimeDir(), client.SocketName)
	socket, err := api.ListenUnix(path)
	switch {
	case errors.Is(err, api.ErrInUse):
		return nil, fmt.Errorf("socket: %w", err)
	case err != nil:
		// a folder that cannot be written keeps commands out, and nobody from the doors
		a.log.Error().Err(err).Msg("no socket, commands on this machine need --url and --token")
		a.board.Raise(health.NoSocket, "", err.Error())
		path = ""
	default:
		a.board.Clear(health.NoSocket, "")
		listeners = append(listeners, socket)
	}
	url := ""
	if a.opts.Console != "" {
		l, err := console.Listen(ctx, a.opts.Console, a.log)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("console: %w: choose another address with --console", err), closeAll(listeners))
		}
		url = "http://" + l.Addr().String()
		listeners = append(listeners, l)
	}
	a.mu.Lock()
	a.console, a.socket = url, path
	a.mu.Unlock()
	return listeners, nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// runtimeDir is where the socket is.
func (a *App) runtimeDir() string {
	if a.opts.RuntimeDir != "" {
		return a.opts.RuntimeDir
	}
	return a.opts.StateDir
}

// serveAPI answers until ctx ends. What ends before that is opened again, later each time.
func (a *App) serveAPI(ctx context.Context, server *api.Server, listeners []net.Listener) {
	for wait := time.Second; ; wait = min(2*wait, time.Minute) {
		if server != nil {
			a.board.Clear(health.PartDown, "api")
			err := server.Serve(ctx, listeners...)
			if ctx.Err() != nil {
				return
			}
			a.log.Error().Err(err).Dur("wait", wait).Msg("API ended, opening it again")
			a.board.Raise(health.PartDown, "api", fmt.Sprint(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		var err error
		if server, listeners, err = a.newAPI(ctx); err != nil {
			server = nil
			a.log.Error().Err(err).Msg("API does not open")
		}
		a.changed()
	}
}

// follow passes new rows of the history to the stream. A move that reached its end shows that a device
// works again.
func (a *App) follow(ctx context.Context) {
	err := a.history.Follow(ctx, func(r api.Row) {
		a.stream.Row(r)
		if r.Outcome == "reached" {
			a.board.Clear(health.InterruptedMove, r.Device)
		}
	})
	if ctx.Err() == nil {
		a.log.Error().Err(err).Msg("history is not followed any more")
	}
}
