package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/api/client"
	"github.com/loquet/loquet/bridge"
	"github.com/loquet/loquet/bridge/folder"
	"github.com/loquet/loquet/cli"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw/sim"
)

// release is set by the linker for a packaged build.
var release = "dev"

func version() api.Version {
	v := api.Version{Version: release}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Go = info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v.Revision = s.Value
			}
		}
	}
	return v
}

func logger(w io.Writer, format string) zerolog.Logger {
	if format == "json" {
		return zerolog.New(w).With().Timestamp().Logger().Level(zerolog.InfoLevel)
	}
	return zerolog.New(zerolog.ConsoleWriter{Out: w, NoColor: true, TimeFormat: time.TimeOnly}).
		With().Timestamp().Logger().Level(zerolog.InfoLevel)
}

// Garbage may pile up while the house starts, which is over in an instant, but not while it lives for
// months in little memory: a collection of a few megabytes takes nobody's time then.
const (
	garbageStarting = 400
	garbageLiving   = 30
)

// collect sets how much garbage there may be, as a share of what lives, unless the owner says so (GOGC).
func collect(percent int) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// started gives back what the start took until doors can be operated.
func started() error {
	collect(garbageLiving)
	giveBack()
	return nil
}

// giveBack gives back what the start took. It takes a few milliseconds, and what is used comes back at its first use.
func giveBack() {
	debug.FreeOSMemory()
	forgetStart()
}

// run serves the house of a configuration until ctx ends.
func run(ctx context.Context, o cli.RunOptions, s cli.Streams) error {
	collect(garbageStarting)
	log := logger(s.Err, o.LogFormat)
	state := o.State
	if state == "" {
		state = defaultState()
	}
	ahead := folder.Ahead(ctx, state, os.Getenv("RUNTIME_DIRECTORY"), log)
	cfg, warnings, err := readConfig(o.Config)
	if err != nil {
		return ahead.Drop(err)
	}
	opts := options(o.StartOptions, cfg, state, log)
	opts.ConfigPath, opts.Warnings, opts.Folder, opts.StartOver = o.Config, warnings, ahead, giveBack
	if !o.Set("homekit") {
		opts.HomeKit = "" // the configuration's, or the usual one
	}
	if !o.Set("matter") {
		opts.Matter = ""
	}
	app, err := bridge.New(opts)
	if err != nil {
		return ahead.Drop(err)
	}
	return withRemedy(app.Run(ctx, started))
}

func options(o cli.StartOptions, cfg *config.Config, state string, log zerolog.Logger) bridge.Options {
	return bridge.Options{
		Config: cfg, StateDir: state, RuntimeDir: os.Getenv("RUNTIME_DIRECTORY"), Credentials: os.Getenv("CREDENTIALS_DIRECTORY"), Console: o.Console, HomeKit: o.HomeKit, Matter: o.Matter,
		Interfaces: o.Interfaces, ReadyFile: o.ReadyFile, Log: log, Version: version(), Guard: guardCommand(),
	}
}

// demo serves a simulated house until ctx ends.
func demo(ctx context.Context, o cli.DemoOptions, s cli.Streams) (err error) {
	state := o.State
	if state == "" {
		if state, err = os.MkdirTemp("", "loquet-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(state)) }()
		if _, err := fmt.Fprintf(s.Out, "State    %s (removed at the end)\n", state); err != nil {
			return err
		}
	}
	house := houseOf(o.Size)
	cfg, err := demoChecked(house)
	if err != nil {
		return err
	}
	simulated, end, err := demoWorld(ctx, o, house)
	if err != nil {
		return err
	}
	defer end()
	opts := options(o.StartOptions, cfg, state, logger(s.Err, o.LogFormat))
	opts.World = simulated
	app, err := bridge.New(opts)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.RemoveDemo(os.Getenv, os.Getpid())) }()
	return app.Run(ctx, func() error { return welcome(s, app, state) })
}

func houseOf(size *cli.Size) sim.House {
	if size == nil {
		return sim.DemoHouse()
	}
	return sim.Size(size.Doors, size.Locks)
}

// demoChecked takes the demo's configuration through the text and the checks of a real one.
func demoChecked(house sim.House) (*config.Config, error) {
	cfg, _, err := config.ReadBytes("demo.yaml", demoConfig(house).Print(), bridge.DemoCatalog())
	return cfg, err
}

// demoWorld is the simulated house: in this process, or behind a socket.
func demoWorld(ctx context.Context, o cli.DemoOptions, house sim.House) (bridge.World, func(), error) {
	if o.World != "" {
		w, err := sim.Dial(ctx, o.World)
		return w, func() {}, err
	}
	w, err := sim.New(house, o.Speed)
	if err != nil {
		return nil, nil, err
	}
	return w.Board(), w.Close, nil
}

// world serves a simulated house on a socket until ctx ends.
func world(ctx context.Context, o cli.WorldOptions, s cli.Streams) error {
	w, err := sim.New(houseOf(o.Size), o.Speed)
	if err != nil {
		return err
	}
	defer w.Close()
	l, err := new(net.ListenConfig).Listen(ctx, "unix", o.Socket)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.Out, "World    %s\n", o.Socket); err != nil {
		return errors.Join(err, l.Close())
	}
	return sim.Serve(ctx, l, w)
}

// defaultState is the service's folder where this process may write it, else the user's.
func defaultState() string {
	folders := client.DefaultStates(os.Getenv)
	if os.Getenv("STATE_DIRECTORY") != "" || os.Geteuid() == 0 {
		return folders[0]
	}
	return folders[len(folders)-1]
}

// welcome is what a newcomer reads. It is also when other commands find this demo.
func welcome(s cli.Streams, app *bridge.App, state string) error {
	if err := client.WriteDemo(os.Getenv, client.Demo{PID: os.Getpid(), State: state, Socket: filepath.Join(state, "loquet.sock")}); err != nil {
		_, _ = fmt.Fprintf(s.Out, "Note     other commands need --state %s: %v\n", state, err)
	}
	if _, err := fmt.Fprintf(s.Out, "Doors    %s (simulated)\n", some(app.Devices())); err != nil {
		return err
	}
	bridges, err := app.Pairings().HomeKitBridges(context.Background())
	if err != nil {
		return err
	}
	for _, b := range bridges {
		if err := cli.ShowBridge(s, b); err != nil {
			return err
		}
	}
	if m, err := app.Pairings().MatterBridge(context.Background()); err == nil {
		if err := cli.ShowMatter(s, m); err != nil {
			return err
		}
	}
	self := called(os.Args[0], exec.LookPath)
	_, err = fmt.Fprintf(s.Out, "API      %s\nTry      %s devices\n         %s open garage\n         %s history\n", app.Console(), self, self, self)
	return err
}

// some names as many devices as a line has room for.
func some(devices []api.Device) string {
	const most = 12
	names := make([]string, 0, most)
	for _, d := range devices[:min(most, len(devices))] {
		names = append(names, d.Name)
	}
	line := strings.Join(names, " · ")
	if more := len(devices) - most; more > 0 {
		line += fmt.Sprintf(" and %d more", more)
	}
	return line
}

// goRun matches what go run builds: in a folder of its own, or in its cache.
var goRun = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`/go-build[0-9]*/|/[0-9a-f]{64}-d/`) })

// called is how to call this program, which was called arg0, once more: a newcomer has no loquet in PATH.
func called(arg0 string, look func(name string) (string, error)) string {
	if goRun().MatchString(arg0) {
		return "go run ./cmd/loquet"
	}
	name := filepath.Base(arg0)
	if path, err := look(name); err == nil && path == arg0 {
		return name
	}
	return arg0
}
