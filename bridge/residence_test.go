package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/hw/sim"
	"github.com/loquet/loquet/internal/ready"
)

// patience is far above what anything here takes, for a machine that is busy.
const patience = 20 * time.Second

// villa is the house of these tests; its lines are those of the demo's house.
const villa = `
home: {name: Villa Rose, zone: Europe/Paris}
doors:
  garage:
    name: Garage
    kind: sectional
    opener: {driver: lines, relay: "sim:garage/relay", pulse: 400ms}
    closed: "sim:garage/closed"
    open: "sim:garage/open"
    obstruction: "sim:garage/obstructed"
    travel: 13s
    remote_close: warned
    warning: {light: "sim:garage/lamp", beeper: "sim:garage/beeper", time: 5s}
  gate:
    name: Gate
    kind: gate-sliding
    opener: {driver: lines, open_relay: "sim:gate/open-relay", close_relay: "sim:gate/close-relay", stop_relay: "sim:gate/stop-relay"}
    closed: "sim:gate/closed"
    open: "sim:gate/open"
    travel: 16s
    remote_close: owner-declares-protected
locks:
  front:
    name: Front door
    bolt: {driver: motor, secure_relay: "sim:front/secure", unsecure_relay: "sim:front/unsecure", secured: "sim:front/secured", unsecured: "sim:front/unsecured"}
    door: "sim:front/door"
`

// studio is one more lock.
const studio = `
  studio:
    name: Studio
    bolt: {driver: strike, relay: "sim:studio/relay", hold: 5s}
    secured: "sim:studio/secured"
    door: "sim:studio/door"
`

// residence is an App of the tests with what outlives it.
type residence struct {
	*App
	t     *testing.T
	opts  Options
	dir   string
	file  string // the configuration
	world *sim.World
	log   *logged
	hook  atomic.Pointer[func(id string)] // runs on the actor of a device that shows a new state

	admin *haptest.Controller
	acc   *haptest.Accessory
}

// logged is a log that tests may read.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newResidence writes a configuration and builds a world whose physics run 40 times as fast.
func newResidence(t *testing.T, text string) *residence {
	t.Helper()
	world, err := sim.New(sim.DemoHouse(), 40)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	dir, err := os.MkdirTemp("", "lq") // short: the path of a socket is
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	r := &residence{t: t, dir: dir, file: filepath.Join(dir, "loquet.yaml"), world: world, log: &logged{}}
	r.write(text)
	r.opts = Options{
		ConfigPath: r.file, StateDir: filepath.Join(dir, "s"), Console: "127.0.0.1:0", HomeKit: "127.0.0.1:0", Matter: "127.0.0.1:0", Interfaces: []string{"lo"},
		ReadyFile: filepath.Join(dir, "ready.json"), Log: zerolog.New(r.log), Version: api.Version{Version: "1.2.3"},
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(r.log.String())
		}
	})
	return r
}

func (r *residence) write(text string) {
	r.t.Helper()
	if err := os.WriteFile(r.file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

// make reads the configuration and returns an App that has not started.
func (r *residence) make() *App {
	r.t.Helper()
	cfg, _, err := config.Read(r.file, DemoCatalog())
	if err != nil {
		r.t.Fatal(err)
	}
	opts := r.opts
	opts.Config, opts.World = cfg, r.world.Board()
	app, err := New(opts)
	if err != nil {
		r.t.Fatal(err)
	}
	shown := app.builder.Shown
	app.builder.Shown = func(id string, d api.Device) {
		if hook := r.hook.Load(); hook != nil {
			(*hook)(id)
		}
		shown(id, d)
	}
	return app
}

// onShown calls hook on the actor of every device that shows a new state from now on.
func (r *residence) onShown(hook func(id string)) { r.hook.Store(&hook) }

// start starts an App until the end of the test.
func (r *residence) start() {
	r.t.Helper()
	r.App = r.make()
	if err := r.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(r.stop)
}

func (r *residence) stop() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.Stop(ctx); err != nil {
		r.t.Errorf("stop: %v", err)
	}
}

// await looks again and again until something holds.
func (r *residence) await(what string, holds func() bool) {
	r.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%s: not in time", what)
		}
	}
}

func (r *residence) ready() (f ready.File) {
	r.t.Helper()
	raw, err := os.ReadFile(r.opts.ReadyFile)
	if err == nil {
		err = json.Unmarshal(raw, &f)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// problem reports whether a problem is there, and its detail.
func (r *residence) problem(code health.Code, subject string) (string, bool) {
	for _, p := range r.Problems() {
		if p.Code == string(code) && p.Subject == subject {
			return p.Detail, true
		}
	}
	return "", false
}

// open opens a session of the admin, who is paired first if there is none.
func (r *residence) open() *haptest.Client {
	r.t.Helper()
	b := r.faces.Bridges()[0]
	dial := func(who *haptest.Controller) *haptest.Client {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c, err := haptest.Dial(ctx, b.Addr)
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(func() { c.Close() })
		if who != nil {
			c.Controller = who
		}
		return c
	}
	if r.admin == nil {
		c := dial(nil)
		acc, err := c.PairSetup(b.SetupCode)
		if err != nil {
			r.t.Fatal(err)
		}
		r.admin, r.acc = c.Controller, acc
		c.Close()
	}
	c := dial(r.admin)
	if err := c.PairVerify(r.acc); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// names are what a controller sees, by accessory.
func (r *residence) names(c *haptest.Client) map[uint64]string {
	r.t.Helper()
	body, err := c.Accessories()
	if err != nil {
		r.t.Fatal(err)
	}
	var list struct {
		Accessories []struct {
			AID      uint64
			Services []struct {
				Type            string
				Characteristics []struct {
					Type  string
					Value any
				}
			}
		}
	}
	if err := json.Unmarshal(body, &list); err != nil {
		r.t.Fatal(err)
	}
	out := map[uint64]string{}
	for _, a := range list.Accessories {
		for _, ch := range a.Services[0].Characteristics {
			if ch.Type == "23" {
				out[a.AID] = fmt.Sprint(ch.Value)
			}
		}
	}
	return out
}

func (r *residence) position(id string) string {
	d, ok := r.Device(id)
	if !ok {
		return "none"
	}
	if d.State.Position != "" {
		return d.State.Position
	}
	return d.State.Bolt
}

func (r *residence) command(id string, action device.Action) (device.Answer, error) {
	return r.Command(context.Background(), id, device.Command{Action: action, Cause: device.Cause{Kind: device.CauseConsole, Actor: "test"}})
}

func (r *residence) pulses() int {
	n := 0
	for _, id := range []string{"garage", "gate", "front", "studio"} {
		s, err := r.world.Status(id)
		if err != nil {
			r.t.Fatal(err)
		}
		n += s.PulsesTotal
	}
	return n
}

// noneLeft fails if there are more goroutines than before, once they had the time to end.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for runtime.NumGoroutine() > before {
		select {
		case <-tick.C:
		case <-deadline:
			var b strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&b, 1)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, b.String())
		}
	}
}
