package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	hap "github.com/loquet/loquet/homekit"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/store"
)

// settleTime bounds the wait for first readings before anything is announced.
const settleTime = 2 * time.Second

// runtimeDir is where the socket is.
func (a *App) runtimeDir() string {
	if a.opts.RuntimeDir != "" {
		return a.opts.RuntimeDir
	}
	return a.opts.StateDir
}

func (a *App) openStore(ctx context.Context) error {
	s, err := store.Open(ctx, a.opts.StateDir, store.Options{
		Log: a.log, RuntimeDir: a.opts.RuntimeDir, Retention: a.cfg.History.Keep(), OnDegraded: a.degraded,
	})
	if err != nil {
		return err
	}
	a.store, a.journal = s, a.points.journal(s.Journal())
	a.onStop("state", func(context.Context) error { return s.Close() })
	s.SetIdle(a.idle)
	if reason, ok := s.Degraded(); ok {
		a.degraded(reason)
	}
	a.tellNotes()
	a.people = roster.New(s.Space("controllers", store.Precious))
	for _, id := range a.people.Damaged() {
		a.board.Raise(health.RecordDamaged, id, "the role of this controller")
	}
	if err := a.people.Lost(); err != nil {
		a.board.Raise(health.RecordDamaged, "", err.Error())
	}
	return a.closeUnfinished(ctx)
}

// tellNotes tells the owner what was found and put right in the state folder.
func (a *App) tellNotes() {
	for _, n := range a.store.Notes() {
		code := health.IdentityRebuilt
		if strings.HasPrefix(filepath.Base(n.Path), "journal") {
			code = health.JournalGap
		}
		a.board.Raise(code, "", n.Error())
	}
}

// closeUnfinished writes the end of every move that a crash or a power cut left open. None of them is
// acted on again: the sensors tell where the doors are.
func (a *App) closeUnfinished(ctx context.Context) error {
	for _, u := range a.store.Unfinished() {
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

// degraded tells the owner that the disk takes nothing, and why, or that it does again.
func (a *App) degraded(reason string) {
	for _, code := range []health.Code{health.DiskFull, health.DiskReadOnly, health.DiskFailed, health.DatabaseLost} {
		a.board.Clear(code, "")
	}
	if reason == "" {
		return
	}
	code := health.DiskFailed
	if p := a.store.Problem(); p != nil {
		code = problemCode(p)
	}
	a.board.Raise(code, "", reason)
}

func problemCode(p error) health.Code {
	switch {
	case errors.Is(p, store.ErrDiskFull):
		return health.DiskFull
	case errors.Is(p, store.ErrDatabaseLost):
		return health.DatabaseLost
	case errors.Is(p, store.ErrUnwritable):
		return health.DiskReadOnly
	}
	return health.DiskFailed
}

// idle reports that no door is owed anything, so that the store may do what takes long.
func (a *App) idle() bool {
	a.mu.RLock()
	defer a.mu.RUnlock()
	for _, u := range a.units {
		if u.actor().Busy() {
			return false
		}
	}
	return true
}

func (a *App) openLines(ctx context.Context) error {
	a.env = hw.NewEnv(a.log)
	a.onStop("lines", func(context.Context) error { return a.env.Close() })
	if a.world != nil {
		if err := a.env.Add(simBoard, a.world); err != nil {
			return err
		}
	}
	return a.openBoards(ctx)
}

func (a *App) openDevices(ctx context.Context) error {
	faces, err := homekit.New(homekit.Options{
		About:     homekit.About{Install: a.store.Install(), Firmware: a.opts.Version.Version},
		Name:      a.cfg.BridgeName(),
		Addr:      a.homekitAddr(),
		Numbers:   a.store.Space("accessories", store.Precious),
		Space:     func(bridge string) hap.Storage { return a.store.Space("homekit/"+bridge, store.Precious) },
		Advertise: a.advertise,
		Rules:     a.people,
		Changed:   a.pairingsChanged,
		Answered:  a.points.answered,
		Log:       a.log,
	})
	if err != nil {
		return err
	}
	a.faces = faces
	units, err := a.build(ctx, a.cfg, nil)
	if err != nil {
		return err
	}
	a.units = units
	a.onStop("devices", func(context.Context) error {
		var wg sync.WaitGroup
		errs := make([]error, len(a.units))
		for i, u := range a.units {
			wg.Go(func() { errs[i] = u.stop() })
		}
		wg.Wait()
		return errors.Join(errs...)
	})
	if err := a.faces.SetItems(ctx, items(units)); err != nil {
		return err
	}
	for _, u := range units {
		a.run(a.run_, u)
	}
	settle(units, settleTime)
	return nil
}

func items(units []*unit) []homekit.Item {
	var out []homekit.Item
	for _, u := range units {
		if u.visible {
			out = append(out, u.item)
		}
	}
	return out
}

func (a *App) homekitAddr() string {
	switch {
	case a.opts.HomeKit != "":
		return a.opts.HomeKit
	case a.cfg.HomeKit.Listen != "":
		return a.cfg.HomeKit.Listen
	}
	return ":51826"
}

func (a *App) openNetwork(context.Context) error {
	r, err := mdns.New(mdns.Config{Interfaces: a.opts.Interfaces, Hostname: "loquet-" + strings.ToLower(a.store.Install()[:8]), Log: a.log})
	if err != nil {
		// doors work for controllers that know the address; that nobody finds them is told
		a.log.Error().Err(err).Msg("no multicast DNS, phones cannot find this bridge")
		a.board.Raise(health.NoMulticast, "", err.Error())
		return nil
	}
	a.mdns = r
	go func() {
		if err := r.Run(a.run_); err != nil && a.run_.Err() == nil {
			a.fail(fmt.Errorf("mdns: %w", err))
		}
	}()
	a.onStop("mdns", r.Close)
	return nil
}

func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

func (a *App) openHomeKit(ctx context.Context) error {
	if err := a.faces.Start(ctx); err != nil {
		return err
	}
	a.onStop("homekit", a.faces.Stop)
	return nil
}

func (a *App) openAPI(ctx context.Context) error {
	server, err := api.New(a, api.Options{
		Log: a.log, Version: a.opts.Version, StartToken: a.token, Tokens: a.store.Space("tokens", store.Precious), Stream: a.stream,
		Pairings: a, Sim: a.simulator(), Metrics: a.metrics,
	})
	if err != nil {
		return err
	}
	a.socket = filepath.Join(a.runtimeDir(), client.SocketName)
	var listeners []net.Listener
	socket, err := api.ListenUnix(a.socket)
	switch {
	case errors.Is(err, api.ErrInUse):
		return fmt.Errorf("socket: %w", err)
	case err != nil:
		// a folder that cannot be written keeps commands out, and nobody from the doors
		a.log.Error().Err(err).Msg("no socket, commands on this machine need --url and --token")
		a.board.Raise(health.NoSocket, "", err.Error())
		a.socket = ""
	default:
		listeners = append(listeners, socket)
	}
	if a.opts.Console != "" {
		l, err := listenConsole(ctx, a.opts.Console)
		if err != nil {
			return errors.Join(fmt.Errorf("console: %w: choose another address with --console", err), closeAll(listeners))
		}
		a.console = "http://" + l.Addr().String()
		listeners = append(listeners, l)
	}
	serving, stop := context.WithCancel(a.run_)
	done := make(chan error, 1)
	go func() {
		err := server.Serve(serving, listeners...)
		if err != nil && serving.Err() == nil {
			a.fail(fmt.Errorf("api: %w", err))
		}
		done <- err
	}()
	go a.follow(a.run_)
	go a.watchHealth(a.run_)
	a.onStop("api", func(context.Context) error { stop(); return <-done })
	return nil
}

func closeAll(listeners []net.Listener) error {
	var errs []error
	for _, l := range listeners {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}

// listenConsole takes the next free port where somebody else has the one that was asked for: a second
// bridge on a machine must not keep its doors shut because of a page.
func listenConsole(ctx context.Context, addr string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return l, err
	}
	host, _, splitErr := net.SplitHostPort(addr)
	if splitErr != nil {
		return nil, err
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

func (a *App) metrics(w io.Writer) {
	if stats, err := a.store.Journal().Stats(a.run_); err == nil {
		fmt.Fprintf(w, "loquet_journal_rows %d\nloquet_journal_last_seq %d\nloquet_journal_durable_seq %d\n", stats.Rows, stats.Last, stats.Durable)
	}
	for _, c := range a.faces.Controllers() {
		fmt.Fprintf(w, "loquet_homekit_sessions{bridge=%q,controller=%q} %d\n", c.Bridge, c.ID, c.Sessions)
	}
	for _, u := range a.allUnits() {
		up := 0
		if u.view(a.zone.Load()).Available {
			up = 1
		}
		fmt.Fprintf(w, "loquet_device_available{device=%q} %d\n", u.id, up)
	}
}

func (a *App) watchHealth(ctx context.Context) {
	for range a.board.Subscribe(ctx) {
		a.stream.Health(a.Problems())
	}
}
