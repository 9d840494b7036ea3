package bridge

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
	"github.com/loquet/loquet/hw/sim"
)

func (r *residence) reload(text string) error {
	r.t.Helper()
	r.write(text)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.Reload(ctx)
}

func (r *residence) mustReload(text string) {
	r.t.Helper()
	if err := r.reload(text); err != nil {
		r.t.Fatal(err)
	}
}

// ids lists the devices with their names.
func (r *residence) ids() []string {
	var out []string
	for _, d := range r.Devices() {
		out = append(out, d.ID+"="+d.Name)
	}
	return out
}

// A session stays open through every kind of change, and reads the new list.
func TestReload(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	garage, gate := r.unit("garage"), r.unit("gate")
	check := func(what, devices, seen string) {
		t.Helper()
		if got := strings.Join(r.ids(), " "); got != devices {
			t.Errorf("%s: devices %s, want %s", what, got, devices)
		}
		var names []string
		for aid, name := range r.names(c) {
			if aid > 1 {
				names = append(names, name)
			}
		}
		for _, want := range strings.Split(seen, ",") {
			found := false
			for _, name := range names {
				found = found || name == want
			}
			if !found {
				t.Errorf("%s: a controller sees %v, not %s", what, names, want)
			}
		}
		if n := len(strings.Split(seen, ",")); len(names) != n {
			t.Errorf("%s: a controller sees %v, want %d", what, names, n)
		}
	}
	check("start", "garage=Garage gate=Gate front=Front door", "Garage,Gate,Front door")

	r.mustReload(villa + studio)
	check("added", "garage=Garage gate=Gate front=Front door studio=Studio", "Garage,Gate,Front door,Studio")
	if got := r.position("studio"); got != "secured" {
		t.Errorf("the new lock is %s", got)
	}
	r.await("five accessories in the ready file", func() bool { return r.ready().HomeKit[0].Accessories == 5 })

	r.mustReload(strings.Replace(villa+studio, "name: Gate", "name: Drive", 1))
	check("renamed", "garage=Garage gate=Drive front=Front door studio=Studio", "Garage,Drive,Front door,Studio")
	if r.unit("gate") != gate || r.unit("garage") != garage {
		t.Error("a device that was only renamed, or not touched, was built again")
	}

	r.mustReload(villa)
	check("removed", "garage=Garage gate=Gate front=Front door", "Garage,Gate,Front door")

	r.mustReload(strings.Replace(villa, "travel: 16s", "travel: 18s", 1))
	if r.unit("gate") == gate {
		t.Error("a door that changed is the old one")
	}
	check("changed", "garage=Garage gate=Gate front=Front door", "Garage,Gate,Front door")
	if _, err := r.command("gate", device.ActionOpen); err != nil {
		t.Errorf("the changed door: %v", err)
	}
	r.await("gate open", func() bool { return r.position("gate") == "open" })

	r.mustReload(strings.Replace(villa, "    travel: 16s\n", "    travel: 18s\n    homekit: false\n", 1))
	check("hidden", "garage=Garage gate=Gate front=Front door", "Garage,Front door")
	r.mustReload(strings.Replace(villa, "    travel: 16s\n", "    travel: 18s\n    own_tile: true\n", 1))
	check("own tile", "garage=Garage gate=Gate front=Front door", "Garage,Front door")
	r.await("two bridges in the ready file", func() bool { return len(r.ready().HomeKit) == 2 })
	if _, there := r.problem(health.NotPaired, "gate"); !there {
		t.Error("nobody is told that the tile is not paired")
	}
	r.mustReload(villa)
	r.await("one bridge in the ready file", func() bool { return len(r.ready().HomeKit) == 1 })
	if _, there := r.problem(health.NotPaired, "gate"); there {
		t.Error("a tile that is gone is not paired")
	}
	if n := r.pulses(); n != 1 {
		t.Errorf("%d pulses, want the one that was asked for", n)
	}
}

func TestConfigNumberRisesWithStructureOnly(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	accessories := func() string {
		body, err := c.Accessories()
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	before := accessories()
	r.mustReload(strings.Replace(villa, "travel: 16s", "travel: 18s", 1))
	if after := accessories(); after != before {
		t.Errorf("a longer way changed the accessories:\n%s\n%s", before, after)
	}
}

func TestARefusedReloadChangesNothing(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	c := r.open()
	names, ids := r.names(c), r.ids()
	for name, text := range map[string]string{
		"no yaml":     "doors: [",
		"a mistake":   strings.Replace(villa, "kind: sectional", "kind: sectionnal", 1),
		"no line":     strings.Replace(villa, "sim:front/unsecure", "sim:front/nothing", 1),
		"line taken":  strings.Replace(villa, "sim:gate/open-relay", "sim:garage/relay", 1),
		"no board":    villa + "boards:\n  barn: {driver: sim, world: /nowhere/world.sock}\n",
		"new on none": villa + strings.Replace(studio, "sim:studio/relay", "sim:nobody/relay", 1),
	} {
		err := r.reload(text)
		var refused *api.Error
		if !errors.As(err, &refused) || refused.Code != "configuration-refused" || refused.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
		if _, there := r.problem(health.ReloadRefused, ""); !there {
			t.Errorf("%s: nobody is told", name)
		}
		if got := r.ids(); strings.Join(got, " ") != strings.Join(ids, " ") {
			t.Errorf("%s: %v", name, got)
		}
		if got := r.names(c); len(got) != len(names) {
			t.Errorf("%s: %v", name, got)
		}
	}
	for id, want := range map[string]string{"garage": "closed", "gate": "closed", "front": "secured"} {
		if d, _ := r.Device(id); !d.Available || r.position(id) != want {
			t.Errorf("%s is %s", id, r.position(id))
		}
	}
	for _, id := range []string{"gate", "front"} { // what was taken down and built again works
		action := device.ActionOpen
		if id == "front" {
			action = device.ActionUnlock
		}
		if _, err := r.command(id, action); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	r.await("both moved", func() bool { return r.position("gate") == "open" && r.position("front") == "unsecured" })
	r.mustReload(villa)
	if _, there := r.problem(health.ReloadRefused, ""); there {
		t.Error("the problem stays after a reload that worked")
	}
}

// Whoever asked for the reload goes away in the middle: the house is whole all the same.
func TestAReloadGoesOnWithoutItsCaller(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	r.write(strings.Replace(villa, "travel: 16s", "travel: 18s", 1))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := r.Reload(ctx); err != nil {
		t.Errorf("%v", err)
	}
	if got := r.position("gate"); got != "closed" {
		t.Errorf("the gate is %s", got)
	}
}

func TestABusyDoorRefusesAReload(t *testing.T) {
	r := newResidence(t, villa)
	world, err := sim.New(sim.DemoHouse(), 1) // slow enough to be caught moving
	if err != nil {
		t.Fatal(err)
	}
	defer world.Close()
	r.world = world
	r.start()
	if _, err := r.command("gate", device.ActionOpen); err != nil {
		t.Fatal(err)
	}
	err = r.reload(strings.Replace(villa, "travel: 16s", "travel: 18s", 1))
	var refused *api.Error
	if !errors.As(err, &refused) || refused.Code != "device-moving" || refused.Why != "gate is moving" {
		t.Errorf("%v", err)
	}
	if _, there := r.problem(health.ReloadRefused, ""); there {
		t.Error("a door that moves is told as a mistake in the configuration")
	}
	if d, _ := r.Device("gate"); d.State.Position != "opening" {
		t.Errorf("the gate is %s", d.State.Position)
	}
	r.mustReload(villa + studio) // what does not touch the door is fine
}

func TestSettingsOfAReload(t *testing.T) {
	r := newResidence(t, villa)
	r.start()
	r.mustReload(strings.Replace(villa, "Europe/Paris", "Asia/Tokyo", 1))
	if got := r.zone.Load().String(); got != "Asia/Tokyo" {
		t.Errorf("zone %s", got)
	}
	r.mustReload(strings.Replace(villa, ", zone: Europe/Paris", "", 1))
	if got := r.zone.Load(); got != time.Local {
		t.Errorf("zone %s", got)
	}
	r.mustReload(strings.Replace(villa, "Villa Rose", "Villa Vert", 1) + "history: {retention: 30d}\n")
	if detail, there := r.problem(health.RestartNeeded, ""); !there || detail != "homekit.name, history.retention" {
		t.Errorf("%q", detail)
	}
	r.mustReload(villa)
	if detail, there := r.problem(health.RestartNeeded, ""); there {
		t.Errorf("everything is as at the start, and still %q waits", detail)
	}

	c := r.open()
	body, err := c.Accessories()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(body), `"tw"`); n != 5 { // two doors with a lock-out each, one lock
		t.Errorf("%d targets want a prepare", n)
	}
	r.mustReload(villa + "homekit: {timed_writes: accepted}\n")
	if body, err = c.Accessories(); err != nil || strings.Contains(string(body), `"tw"`) {
		t.Errorf("%d targets want a prepare, %v", strings.Count(string(body), `"tw"`), err)
	}
}

func TestNothingToReload(t *testing.T) {
	r := newResidence(t, villa)
	r.opts.ConfigPath = ""
	r.start()
	var refused *api.Error
	if err := r.Reload(t.Context()); !errors.As(err, &refused) || refused.Code != "no-configuration" {
		t.Errorf("%v", err)
	}
}

// Boards come, change and go with the configuration.
func TestBoardsOfAReload(t *testing.T) {
	r := newResidence(t, villa)
	serve := func(name string) string {
		world, err := sim.New(sim.DemoHouse(), 40)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(world.Close)
		path := filepath.Join(r.dir, name)
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = sim.Serve(ctx, l, world)
		}()
		t.Cleanup(func() { cancel(); <-done })
		return path
	}
	first, second := serve("a"), serve("b")
	with := func(world string) string {
		return villa + strings.ReplaceAll(studio, "sim:studio", "barn:studio") + "boards:\n  barn: {driver: sim, world: " + world + "}\n"
	}
	r.start()
	r.mustReload(with(first))
	old := r.unit("studio")
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	r.mustReload(with(second))
	if r.unit("studio") == old {
		t.Error("a lock whose board changed is the old one")
	}
	r.await("studio known", func() bool { return r.position("studio") == "secured" })
	if err := r.reload(with(filepath.Join(r.dir, "nobody"))); err == nil {
		t.Error("a board that is not there was taken")
	}
	r.await("studio known again", func() bool { return r.position("studio") == "secured" })
	if _, err := r.command("studio", device.ActionUnlock); err != nil {
		t.Errorf("%v", err)
	}
	r.await("studio unlocked", func() bool { return r.position("studio") == "unsecured" })
	r.await("and locked", func() bool { return r.position("studio") == "secured" })
	r.mustReload(villa)
	if r.boards.Len() != 0 {
		t.Errorf("%d boards", r.boards.Len())
	}
}

// A reload while the house starts waits for it; one while it stops is refused.
func TestReloadWhileStartingAndStopping(t *testing.T) {
	r := newResidence(t, villa)
	r.App = r.make()
	reloaded := make(chan error, 1)
	r.changing.Lock()
	go func() { reloaded <- r.Reload(context.Background()) }()
	r.changing.Unlock()
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var refused *api.Error
	if err := <-reloaded; err != nil && (!errors.As(err, &refused) || refused.Code != "stopped") { // before the start or after it, never in it
		t.Errorf("%v", err)
	}
	go func() { reloaded <- r.Reload(context.Background()) }()
	r.stop()
	<-reloaded
	for _, d := range r.Devices() {
		if d.Available {
			t.Errorf("%s lives after the stop", d.ID)
		}
	}
	if _, err := os.Stat(r.opts.ReadyFile); err == nil {
		t.Error("a reload wrote the ready file after the stop")
	}
}
