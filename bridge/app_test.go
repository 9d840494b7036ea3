package bridge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/store"
)

func TestStartAndStop(t *testing.T) {
	r := newResidence(t, villa)
	before := runtime.NumGoroutine()
	r.start()
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
