package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
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
	"github.com/loquet/loquet/store"
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

func TestStartAndStop(t *testing.T) {
	r := newResidence(t, villa)
	before := runtime.NumGoroutine()
	begun := time.Now()
	r.start()
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("the start took %v", took)
	}
	var order []string
	for _, c := range r.cleanups {
		order = append(order, c.name)
	}
	// undone from the end: the network hears goodbye before the servers close, outputs are at rest before the state closes
	if got := strings.Join(order, " "); got != "state clock ahead lines alerts devices keypads homekit matter network api ready file systemd" {
		t.Errorf("undone from the end: %s", got)
	}
	f := r.ready()
	if f.Version != 1 || f.PID != os.Getpid() || f.Console.URL != r.Console() || f.Console.Token == "" || f.State != r.opts.StateDir ||
		f.Socket != filepath.Join(r.opts.StateDir, "loquet.sock") || len(f.HomeKit) != 1 {
		t.Errorf("%+v", f)
	}
	if b := f.HomeKit[0]; b.Name != "Villa Rose" || b.Paired || b.Accessories != 4 || b.SetupCode == "" || !strings.HasPrefix(b.SetupURI, "X-HM://") || b.DeviceID == "" {
		t.Errorf("%+v", b)
	}
	if info, err := os.Stat(r.opts.ReadyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for _, addr := range []string{f.HomeKit[0].Addr, strings.TrimPrefix(f.Console.URL, "http://")} {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	for id, want := range map[string]string{"garage": "closed", "gate": "closed", "front": "secured"} {
		if got := r.position(id); got != want { // known when Start returns: the sensors of a simulated house answer at once
			t.Errorf("%s is %s", id, got)
		}
	}
	r.stop()
	r.stop()
	noneLeft(t, before)
	if _, err := os.Stat(r.opts.ReadyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("ready file after the stop: %v", err)
	}
	if n := r.pulses(); n != 0 {
		t.Errorf("%d pulses", n)
	}
	if err := r.Reload(context.Background()); err == nil {
		t.Error("reloaded after the stop")
	}
	if err := r.Start(context.Background()); err == nil {
		t.Error("started twice")
	}
}

func TestIdentityOutlivesARestart(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	r.open()
	before, names := r.faces.Bridges()[0], r.names(r.open())
	r.stop()
	r.start()
	after := r.faces.Bridges()[0]
	if after.DeviceID != before.DeviceID || after.Addr != before.Addr || !after.Paired || after.SetupCode != "" {
		t.Errorf("%+v was %+v", after, before)
	}
	if got := r.names(r.open()); fmt.Sprint(got) != fmt.Sprint(names) {
		t.Errorf("%v was %v", got, names)
	}
	if f := r.ready(); f.HomeKit[0].SetupCode != "" || f.HomeKit[0].SetupURI != "" || !f.HomeKit[0].Paired {
		t.Errorf("a paired bridge shows %+v", f.HomeKit[0])
	}
}

// A start that fails half-way leaves nothing behind: no goroutine, no port, no lock, no ready file.
func TestAStartThatFailsIsRolledBack(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*residence)
		step   string
		says   string
	}{
		"homekit address": {func(r *residence) { r.opts.HomeKit = "192.0.2.1:51826" }, "homekit", "192.0.2.1"},
		"console address": {func(r *residence) { r.opts.Console = "192.0.2.1:8480" }, "api", "--console"},
		"ready file":      {func(r *residence) { r.opts.ReadyFile = filepath.Join(r.dir, "no", "ready.json") }, "ready", "no such file"},
		"state folder":    {func(r *residence) { r.opts.StateDir = "/dev/null/state" }, "state", "/dev/null"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newResidence(t, villa)
			opts := r.opts
			before := runtime.NumGoroutine()
			tt.change(r)
			err := r.make().Start(context.Background())
			if err == nil || !strings.HasPrefix(err.Error(), tt.step+": ") || !strings.Contains(err.Error(), tt.says) {
				t.Fatalf("%v", err)
			}
			noneLeft(t, before)
			if _, err := os.Stat(r.opts.ReadyFile); err == nil {
				t.Error("there is a ready file")
			}
			r.opts = opts
			r.write(villa)
			r.start() // everything is free
		})
	}
}

func TestTwoBridgesOnOneStateFolder(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	second := r.make()
	err := second.Start(context.Background())
	if !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), r.opts.StateDir) {
		t.Errorf("%v", err)
	}
	if f := r.ready(); f.HomeKit[0].Addr == "" {
		t.Error("the second one took the ready file away")
	}
}

func TestTheConsoleTakesTheNextFreePort(t *testing.T) {
	r := newResidence(t, villa)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r.opts.Console = taken.Addr().String()
	r.start()
	port := taken.Addr().(*net.TCPAddr).Port
	var got int
	if _, err := fmt.Sscanf(r.Console(), "http://127.0.0.1:%d", &got); err != nil || got <= port || got > port+100 {
		t.Errorf("console at %s, asked for %d", r.Console(), port)
	}
	if f := r.ready(); f.Console.URL != r.Console() {
		t.Errorf("%+v", f.Console)
	}
}

func TestTheReadyFileFollowsThePairings(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	code := r.ready().HomeKit[0].SetupCode
	c := r.open()
	r.await("paired in the ready file", func() bool { b := r.ready().HomeKit[0]; return b.Paired && b.SetupCode == "" && b.SetupURI == "" })
	if _, there := r.problem(health.NotPaired, ""); there {
		t.Error("a paired bridge is not paired")
	}
	if err := c.RemovePairing(c.Controller.ID); err != nil {
		t.Fatal(err)
	}
	r.await("unpaired in the ready file", func() bool { b := r.ready().HomeKit[0]; return !b.Paired && b.SetupCode != "" && b.SetupCode != code })
	r.await("not paired", func() bool { _, there := r.problem(health.NotPaired, ""); return there })
}

// The ready file of a run that was killed is gone before anything listens.
func TestAnOldReadyFileGoes(t *testing.T) {
	r := newResidence(t, villa)
	if err := os.WriteFile(r.opts.ReadyFile, []byte(`{"version":1}`), 0o600); err != nil {
		t.Fatal(err)
	}
	app := r.make()
	if err := app.openStore(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.opts.ReadyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if err := app.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// A move that a crash interrupted gets its end, unknown; its owner is told; nothing moves.
func TestUnfinishedMoves(t *testing.T) {
	r := newResidence(t, villa)
	s, err := store.Open(t.Context(), r.opts.StateDir, store.Options{Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	intent, err := s.Journal().Record(t.Context(), device.Entry{Kind: device.EntryIntent, Device: "gate", Action: device.ActionOpen,
		Cause: device.Cause{Kind: device.CauseHomeKit, Actor: "A"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	r.start()
	rows, err := r.History(t.Context(), api.HistoryQuery{Device: "gate", Limit: 10})
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rows, func(row api.Row) bool { return row.Kind == "outcome" })
	if i < 0 || rows[i].Intent != intent || rows[i].Outcome != "unknown" || rows[i].Action != "open" {
		t.Errorf("%+v", rows)
	}
	if _, there := r.problem(health.InterruptedMove, "gate"); !there {
		t.Error("nobody is told")
	}
	if n := r.pulses(); n != 0 {
		t.Errorf("%d pulses", n)
	}
	// Once it has moved and arrived, there is nothing to look at any more.
	// Nobody knows how long ago its relay was on: two seconds pass first.
	if _, err := r.command("gate", device.ActionOpen); err == nil {
		t.Log("two seconds had passed since the start")
	}
	r.await("the order to be taken", func() bool { _, err := r.command("gate", device.ActionOpen); return err == nil })
	r.await("gate open", func() bool { return r.position("gate") == "open" })
	r.await("problem over", func() bool { _, there := r.problem(health.InterruptedMove, "gate"); return !there })
	r.stop()
	r.start()
	if _, there := r.problem(health.InterruptedMove, "gate"); there {
		t.Error("told again after the next start")
	}
}
