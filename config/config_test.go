package config_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
)

func mustRead(t *testing.T, text string) *config.Config {
	t.Helper()
	c, _, err := config.ReadBytes("test.yaml", []byte(text), catalog())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLoadsTheExample(t *testing.T) {
	c, err := config.Load("testdata/good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Check(c, catalog()); err != nil {
		t.Fatal(err)
	}
	if len(c.Doors) != 3 || c.Doors[0].ID != "garage" || c.Doors[1].ID != "workshop" || c.Doors[2].ID != "barn-door" {
		t.Fatalf("doors %+v", c.Doors)
	}
	g := c.Doors[0]
	if g.Name != "Garage" || g.Kind != config.KindSectional || g.Closed != "!gpio:27" || g.Travel != 15*time.Second ||
		g.RemoteClose != config.RemoteCloseWarned || g.WarnTime() != 6*time.Second || g.AutoClose.After != 10*time.Minute ||
		!g.AutoClose.CountsOutside() || !g.InHomeKit() {
		t.Errorf("garage %+v", g)
	}
	if g.Opener.Driver != "lines" || g.Opener.Line != 10 || g.Opener.Column != 22 {
		t.Errorf("opener %+v", g.Opener)
	}
	settings := lineSettings{Pulse: time.Second, Cycle: "no-stop"}
	if err := g.Opener.Decode(&settings); err != nil {
		t.Fatal(err)
	}
	if want := (lineSettings{Relay: "gpio:17", Pulse: 400 * time.Millisecond, Cycle: "open-stop-close-stop"}); settings != want {
		t.Errorf("settings %+v, want %+v", settings, want)
	}
	pad := c.Keypads[0]
	var wiegand wiegandSettings
	if err := pad.Part.Decode(&wiegand); err != nil {
		t.Fatal(err)
	}
	if wiegand != (wiegandSettings{D0: "gpio:12", D1: "gpio:13"}) || !cmp.Equal(pad.Opens, []string{"studio"}) {
		t.Errorf("keypad %+v, %+v", pad, wiegand)
	}
	if c.History.Keep() != 365*24*time.Hour || c.BridgeName() != "Villa Rose" {
		t.Errorf("retention %v, name %q", c.History.Keep(), c.BridgeName())
	}
}

func TestDecodeKeepsDefaults(t *testing.T) {
	c := mustRead(t, "doors:\n  a: {name: A, opener: {driver: lines, relay: \"gpio:1\"}, closed: \"gpio:2\"}\n")
	settings := lineSettings{Pulse: 300 * time.Millisecond}
	if err := c.Doors[0].Opener.Decode(&settings); err != nil || settings.Pulse != 300*time.Millisecond {
		t.Errorf("%+v, %v", settings, err)
	}
	for _, into := range []any{nil, settings, new(int)} {
		if err := c.Doors[0].Opener.Decode(into); err == nil {
			t.Errorf("decoded into %T", into)
		}
	}
}

func TestParseErrorsAreErrors(t *testing.T) {
	_, err := config.Parse("house.yaml", []byte("home: {nam: x}\ndors: 1\n"))
	var all config.Errors
	if !errors.As(err, &all) || len(all) != 2 {
		t.Fatalf("%v", err)
	}
	want := config.Finding{Severity: config.SeverityError, Rule: "unknown-field", File: "house.yaml", Line: 1, Column: 8,
		Path: "home.nam", What: `unknown field "nam"`, Remedy: `did you mean "name"?`,
		Excerpt: "> 1 | home: {nam: x}\n             ^"}
	if diff := cmp.Diff(want, all[0]); diff != "" {
		t.Error(diff)
	}
	if !strings.HasPrefix(err.Error(), "house.yaml:1:8: unknown field \"nam\"\n> 1 | home: {nam: x}\n             ^\ndid you mean \"name\"?\n\nhouse.yaml:2:1: ") {
		t.Error(err)
	}
	text, err := json.Marshal(all)
	if err != nil || !strings.Contains(string(text), `"rule":"unknown-field","file":"house.yaml","line":1,"column":8,"path":"home.nam"`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestReadReportsAMissingFile(t *testing.T) {
	_, _, err := config.Read(filepath.Join(t.TempDir(), "none.yaml"), catalog())
	if !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestEmptyFilesAreEmptyHouses(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n", "doors:\n", "\ufeffdoors:\r\nlocks:\r\n"} {
		c, warnings, err := config.ReadBytes("x", []byte(text), catalog())
		if err != nil || len(c.Doors) != 0 || len(warnings) != 1 || warnings[0].Rule != "no-devices" {
			t.Errorf("%q: %v, %v", text, warnings, err)
		}
	}
}

// A configuration built in code is held to the same rules; its findings name the path.
func TestCheckOfCode(t *testing.T) {
	c := &config.Config{Doors: []config.Door{{
		ID: "garage", Name: "Garage", RemoteClose: config.RemoteCloseWarned,
		Opener: config.NewPart("lines", lineSettings{Relay: "gpio:17", Pulse: 3 * time.Second}),
	}}}
	_, err := config.Check(c, catalog())
	var all config.Errors
	if !errors.As(err, &all) {
		t.Fatal(err)
	}
	var rules []string
	for _, f := range all {
		rules = append(rules, f.Rule+" "+f.Path)
		if f.Line != 0 || f.File != "" || !strings.HasPrefix(f.String(), f.Path+": ") {
			t.Errorf("%q", f.String())
		}
	}
	if diff := cmp.Diff([]string{"driver-settings doors.garage.opener.pulse", "close-no-kind doors.garage.remote_close"}, rules); diff != "" {
		t.Error(diff)
	}
}

func TestTraits(t *testing.T) {
	polled := device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true}
	for _, c := range []struct {
		name string
		door config.Door
		base device.DoorTraits
		want device.DoorTraits
	}{
		{"nothing", config.Door{}, device.DoorTraits{}, device.DoorTraits{}},
		{"one contact", config.Door{Closed: "gpio:1"}, device.DoorTraits{}, device.DoorTraits{SensesClosed: true, Refreshes: true}},
		{"one end cannot be asked", config.Door{Closed: "gpio:1"}, polled, polled},
		{"both ends can", config.Door{Closed: "gpio:1", Open: "gpio:2"}, polled,
			device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true}},
		{"half a warning", config.Door{Warning: &config.Warning{Light: "gpio:1"}}, device.DoorTraits{}, device.DoorTraits{}},
		{"a warning", config.Door{Warning: &config.Warning{Light: "gpio:1", Beeper: "gpio:2"}}, device.DoorTraits{}, device.DoorTraits{Warns: true}},
	} {
		if got := c.door.Traits(c.base); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestLine(t *testing.T) {
	l := config.Line("!gpio:pinctrl-bcm2711/17")
	if l.Board() != "gpio" || l.Name() != "pinctrl-bcm2711/17" || !l.ActiveLow() || config.Line("barn:3").ActiveLow() {
		t.Errorf("%q %q %v", l.Board(), l.Name(), l.ActiveLow())
	}
}

// What is too deep for the parser itself is told as what is too deep for us.
func TestTooDeepForTheParser(t *testing.T) {
	for _, piece := range []string{"- ", "? "} {
		_, err := config.Parse("x", []byte(strings.Repeat(piece, 20_000)))
		var all config.Errors
		if !errors.As(err, &all) || len(all) != 1 || all[0].Rule != "too-deep" {
			t.Errorf("%q: %v", piece, err)
		}
	}
}
