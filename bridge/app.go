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
	"github.com/loquet/loquet/access/tally"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/bridge/alerts"
	"github.com/loquet/loquet/bridge/announce"
	"github.com/loquet/loquet/bridge/boards"
	"github.com/loquet/loquet/bridge/commission"
	"github.com/loquet/loquet/bridge/folder"
	"github.com/loquet/loquet/bridge/history"
	"github.com/loquet/loquet/bridge/keypads"
	"github.com/loquet/loquet/bridge/mqtt"
	"github.com/loquet/loquet/bridge/pairings"
	"github.com/loquet/loquet/bridge/slots"
	"github.com/loquet/loquet/bridge/stays"
	"github.com/loquet/loquet/bridge/tasks"
	"github.com/loquet/loquet/bridge/timekeeper"
	"github.com/loquet/loquet/bridge/unit"
	"github.com/loquet/loquet/clock"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/store"
)

// Options say what to run and where. Config and StateDir are required.
type Options struct {
	Config     *config.Config
	Warnings   []config.Finding // of Config, for the owner to find
	ConfigPath string           // read again by Reload; empty: there is nothing to read
	StateDir   string
	RuntimeDir string // for the socket and, when the disk fails, the intents; empty: the socket is in StateDir
	// Credentials is the folder of what systemd hands to the service ($CREDENTIALS_DIRECTORY); empty: nothing.
	Credentials string
	Console     string   // "127.0.0.1:8480"; empty: no TCP listener
	HomeKit     string   // overrides the configuration's homekit.listen; empty: that, or ":51826"
	Matter      string   // overrides the configuration's matter.listen; "off": no Matter; empty: that, or ":5540"
	Interfaces  []string // to announce on; empty: all sensible ones
	ReadyFile   string
	Folder      *folder.Folder // StateDir, if somebody began to open it already
	World       World          // the simulated house; nil unless there is one
	StartOver   func()         // called once in a quiet moment when all that comes with a start is over; may be nil
	Guard       []string       // the command that starts the guard of this machine's output lines; nil: none
	Log         zerolog.Logger
	Version     api.Version
}

// App is one running loquet. Its methods may be called from any goroutine once Start has returned.
type App struct {
	opts Options
	log  zerolog.Logger

	board   *health.Board
	stream  *api.Stream
	points  *failpoints
	token   string
	work    *tasks.Tasks  // everything that belongs to no device
	settled chan struct{} // closed when the devices of the start have told where they are
	nudge   chan struct{} // what the ready file says may have changed
	zone    atomic.Pointer[time.Location]

	store     *store.Store
	journal   device.Journal
	history   *history.History
	people    *roster.Roster
	refusals  history.Refusals
	faces     *homekit.House
	matter    *commission.Node
	pairings  *pairings.Pairings
	announcer *announce.Announcer
	guard     *announce.Guard
	keeper    keeper
	keypads   *keypads.Keypads
	alerts    *alerts.Alerts
	uses      *tally.Tally
	slots     *slots.Slots
	stays     *stays.Stays
	clock     *clock.Keeper
	clockface *timekeeper.Timekeeper
	env       *hw.Env
	mqtt      *mqtt.House // nil in a house without
	builder   *unit.Builder

	changing sync.Mutex // held by whoever changes the house: start, reload, revival, stop
	started  bool
	cleanups []cleanup
	boards   *boards.Boards

	mu      sync.RWMutex // held for memory only
	cfg     *config.Config
	units   []*unit.Unit // in the order of the configuration
	world   World
	console string
	socket  string
}

// cleanup is undone in reverse order by Stop, also when Start failed half-way.
type cleanup struct {
	name string
	undo func(ctx context.Context) error
}

// pulsesPerController is how many owed pulses one controller gets in how much time: more are a program
// that has gone wrong.
const (
	pulsesPerController = 10
	pulseWindow         = 10 * time.Second
)

// New returns an App that owns nothing yet.
func New(opts Options) (*App, error) {
	if opts.Config == nil || opts.StateDir == "" {
		return nil, errors.New("bridge: a configuration and a state folder are needed")
	}
	zone, err := zoneOf(opts.Config)
	if err != nil {
		return nil, err
	}
	token := make([]byte, 32)
	if _, err := rand.Read(token); err != nil {
		return nil, err
	}
	a := &App{
		opts: opts, log: opts.Log, cfg: opts.Config, world: opts.World, board: health.NewBoard(), stream: api.NewStream(),
		announcer: announce.New(), points: newFailpoints(), token: hex.EncodeToString(token),
		work: tasks.New(), settled: make(chan struct{}), nudge: make(chan struct{}, 1),
	}
	a.zone.Store(zone)
	a.builder = &unit.Builder{Limit: device.NewPulseLimit(pulsesPerController, pulseWindow), Awake: device.NewAwake(), Crew: &device.Crew{}, Board: a.board, Zone: a.zone.Load,
		Shown: a.show, Log: a.log}
	return a, nil
}

func zoneOf(cfg *config.Config) (*time.Location, error) {
	if cfg.Home.Zone == "" {
		return time.Local, nil
	}
	zone, err := time.LoadLocation(cfg.Home.Zone)
	if err != nil {
		return nil, fmt.Errorf("zone %q: %w: use a name as Europe/Paris", cfg.Home.Zone, err)
	}
	return zone, nil
}

func (a *App) onStop(name string, undo func(ctx context.Context) error) {
	a.cleanups = append(a.cleanups, cleanup{name, undo})
}

// Start brings the house up and returns once every listener accepts. If it fails, what was started is
// stopped again, for good. Nothing moves because of it.
func (a *App) Start(ctx context.Context) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	if a.started || a.work.Context().Err() != nil {
		return errors.New("bridge: an App starts once")
	}
	for _, step := range []struct {
		name string
		do   func(ctx context.Context) error
	}{
		{"state", a.openStore},
		{"ahead", a.openAhead},
		{"lines", a.openLines},
		{"journal", a.openJournal},
		{"alerts", a.openAlerts},
		{"devices", a.openDevices},
		{"keypads", a.openKeypads},
		{"copies", a.refuseCopies},
		{"homekit", a.openHomeKit},
		{"matter", a.openMatter},
		{"network", a.openNetwork},
		{"api", a.openAPI},
		{"ready", a.openReady},
	} {
		begun := time.Now()
		if err := step.do(ctx); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", step.name, err), a.stop(context.WithoutCancel(ctx)))
		}
		a.log.Debug().Str("step", step.name).Dur("took", time.Since(begun)).Msg("started")
	}
	a.started = true
	a.replay()
	return nil
}

// Stop takes the house down, last started first: the network is told goodbye, controllers are closed,
// outputs go to rest, the state is closed. It is bounded by ctx and may be called twice.
func (a *App) Stop(ctx context.Context) error {
	a.work.Cancel() // a reload that is under way gives up
	a.changing.Lock()
	defer a.changing.Unlock()
	return a.stop(ctx)
}

func (a *App) stop(ctx context.Context) error {
	a.started = false
	errs := []error{a.work.End(ctx)}
	for len(a.cleanups) > 0 {
		last := a.cleanups[len(a.cleanups)-1]
		a.cleanups = a.cleanups[:len(a.cleanups)-1]
		if err := last.undo(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
	return errors.Join(errs...)
}

// Console is the URL of the API over TCP, and empty without one.
func (a *App) Console() string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.console
}

// settings are the configuration in force.
func (a *App) settings() *config.Config {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.cfg
}

// Pairings are the controllers of the house and what they may do.
func (a *App) Pairings() api.Pairings { return a.pairings }

// stopTime is how long Run gives everything to stop.
const stopTime = 5 * time.Second

// Run starts the house, calls ready (which may be nil), waits for ctx to end, and stops. If ready fails
// it stops at once.
func (a *App) Run(ctx context.Context, ready func() error) error {
	if err := a.Start(ctx); err != nil {
		return err
	}
	var err error
	if ready != nil {
		err = ready()
	}
	if err == nil {
		<-ctx.Done()
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTime)
	defer cancel()
	return errors.Join(err, a.Stop(bounded))
}
