// Package bridge is the program: App builds the house from its configuration, starts it, stops it and
// supervises what runs. It knows everybody and does nothing else.
package bridge

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access/roster"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/mdns"
	"github.com/loquet/loquet/store"
)

// Options say what to run and where. Config and StateDir are required.
type Options struct {
	Config     *config.Config
	ConfigPath string // read again by Reload; empty: there is nothing to read
	StateDir   string
	RuntimeDir string   // for the socket and, when the disk fails, the intents; empty: the socket is in StateDir
	Console    string   // "127.0.0.1:8480"; empty: no TCP listener
	HomeKit    string   // overrides the configuration's homekit.listen; empty: that, or ":51826"
	Interfaces []string // to announce on and serve; empty: all sensible ones
	ReadyFile  string
	World      World // the simulated house; nil unless there is one
	Log        zerolog.Logger
	Version    api.Version
}

// App is one running loquet. Its methods may be called from any goroutine once Start has returned.
type App struct {
	opts Options
	log  zerolog.Logger
	zone atomic.Pointer[time.Location]

	cleanups []cleanup

	store   *store.Store
	journal device.Journal
	board   *health.Board
	people  *roster.Roster
	points  *failpoints
	world   World
	env     *hw.Env
	mdns    *mdns.Responder
	faces   *homekit.House
	stream  *api.Stream
	token   string
	socket  string
	console string

	cfg     *config.Config
	run_    context.Context // ends with Stop
	started atomic.Bool
	reload  sync.Mutex // one at a time
	ready   sync.Mutex // one writer of the ready file
	failed  chan error

	mu    sync.RWMutex
	units []*unit

	announced announcements
}

// cleanup is undone in reverse order by Stop, also when Start failed half-way.
type cleanup struct {
	name string
	undo func(ctx context.Context) error
}

// New returns an App that owns nothing yet.
func New(opts Options) (*App, error) {
	if opts.Config == nil || opts.StateDir == "" {
		return nil, errors.New("bridge: a configuration and a state folder are needed")
	}
	zone := time.Local
	if z := opts.Config.Home.Zone; z != "" {
		loaded, err := time.LoadLocation(z)
		if err != nil {
			return nil, fmt.Errorf("zone %q: %w", z, err)
		}
		zone = loaded
	}
	token := make([]byte, 32)
	if _, err := rand.Read(token); err != nil {
		return nil, err
	}
	a := &App{
		opts: opts, log: opts.Log, cfg: opts.Config, board: health.NewBoard(), stream: api.NewStream(),
		points: newFailpoints(), token: hex.EncodeToString(token), failed: make(chan error, 8), world: opts.World,
		announced: announcements{byBridge: map[string]*mdns.Registration{}},
	}
	a.zone.Store(zone)
	return a, nil
}

func (a *App) onStop(name string, undo func(ctx context.Context) error) {
	a.cleanups = append(a.cleanups, cleanup{name, undo})
}

func (a *App) isStarted() bool { return a.started.Load() }

// Start brings the house up and returns once every listener accepts. If it fails, what was started is
// stopped again. Nothing moves because of it.
func (a *App) Start(ctx context.Context) error {
	steps := []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"state", a.openStore},
		{"lines", a.openLines},
		{"devices", a.openDevices},
		{"network", a.openNetwork},
		{"homekit", a.openHomeKit},
		{"api", a.openAPI},
		{"ready", a.openReady},
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	a.run_ = life
	a.onStop("work", func(context.Context) error { end(); return nil })
	for _, step := range steps {
		begun := time.Now()
		if err := step.do(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", step.name, err), a.Stop(context.WithoutCancel(ctx)))
		}
		a.log.Debug().Str("step", step.name).Dur("took", time.Since(begun)).Msg("started")
	}
	a.started.Store(true)
	return nil
}

// Failed delivers the first error of something that should have gone on.
func (a *App) Failed() <-chan error { return a.failed }

// Stop takes the house down, last started first: controllers are told goodbye, outputs go to rest, the
// state is closed. It is bounded by ctx and may be called twice.
func (a *App) Stop(ctx context.Context) error {
	var errs []error
	for len(a.cleanups) > 0 {
		last := a.cleanups[len(a.cleanups)-1]
		a.cleanups = a.cleanups[:len(a.cleanups)-1]
		if err := last.undo(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	a.started.Store(false)
	return errors.Join(errs...)
}

// Console is the URL of the API over TCP, and empty without one.
func (a *App) Console() string { return a.console }

// Run starts the house, calls ready (which may be nil), waits for ctx to end or for a failure, and stops
// within 5 s.
func (a *App) Run(ctx context.Context, ready func() error) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	var failure error
	if ready != nil {
		if failure = ready(); failure != nil {
			a.fail(failure)
		}
	}
	select {
	case <-ctx.Done():
	case failure = <-a.failed:
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return errors.Join(failure, a.Stop(bounded))
}
