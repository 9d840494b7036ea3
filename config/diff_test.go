package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/loquet/loquet/config"
)

const house = `
home: {name: House}
homekit: {listen: ":51826"}
boards:
  barn: {driver: modbus, url: tcp}
doors:
  garage: {name: Garage, opener: {driver: lines, relay: "gpio:17"}, closed: "gpio:27"}
  barn: {name: Barn, opener: {driver: updown, up: "barn:1", down: "barn:2"}, closed: "barn:3"}
locks:
  front: {name: Front, bolt: {driver: strike, relay: "gpio:5"}, door: "gpio:6"}
contacts:
  window: {name: Window, input: "gpio:8"}
interlocks:
  air: {devices: [garage, front]}
`

func TestDiff(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new string // replaced in the house
		want     config.Changes
	}{
		{"nothing", "", "", config.Changes{}},
		{"comments and order", "home: {name: House}", "# a comment\nhome: {name: 'House', }", config.Changes{}},
		{"order of a driver's fields", `url: tcp`, `"url": 'tcp'`, config.Changes{}},
		{"renamed", "name: Garage", "name: Carport", config.Changes{Devices: []config.Change{
			{Kind: config.Renamed, Device: "garage", Type: "door", Fields: []string{"name"}}}}},
		{"changed", `relay: "gpio:17"`, `relay: "gpio:18"`, config.Changes{Devices: []config.Change{
			{Kind: config.Changed, Device: "garage", Type: "door", Fields: []string{"opener"}}}}},
		{"changed and renamed", `{name: Front, `, `{name: Back, own_tile: true, `, config.Changes{Devices: []config.Change{
			{Kind: config.Changed, Device: "front", Type: "lock", Fields: []string{"name", "own_tile"}}}}},
		{"other id", "  window:", "  pane:", config.Changes{Devices: []config.Change{
			{Kind: config.Removed, Device: "window", Type: "contact"}, {Kind: config.Added, Device: "pane", Type: "contact"}}}},
		{"other type", `contacts:
  window: {name: Window, input: "gpio:8"}`, `  window: {name: Window, bolt: {driver: strike, relay: "gpio:8"}}`, config.Changes{Devices: []config.Change{
			{Kind: config.Removed, Device: "window", Type: "contact"}, {Kind: config.Added, Device: "window", Type: "lock"}}}},
		{"board", "url: tcp", "url: rtu", config.Changes{Devices: []config.Change{
			{Kind: config.Changed, Device: "barn", Type: "door", Fields: []string{"board"}}}}},
		{"interlock", "devices: [garage, front]", "devices: [garage, front, barn]", config.Changes{Devices: []config.Change{
			{Kind: config.Changed, Device: "garage", Type: "door", Fields: []string{"interlock"}},
			{Kind: config.Changed, Device: "barn", Type: "door", Fields: []string{"interlock"}},
			{Kind: config.Changed, Device: "front", Type: "lock", Fields: []string{"interlock"}}}}},
		{"interlock's order", "devices: [garage, front]", "devices: [front, garage]", config.Changes{}},
		{"address", ":51826", ":51827", config.Changes{Restart: []string{"homekit.listen"}}},
		{"name of the house", "name: House", "name: Home", config.Changes{Restart: []string{"homekit.name"}}},
		{"history", "boards:", "history: {retention: 30d}\nboards:", config.Changes{Settings: []string{"history.retention"}}},
		{"the default said aloud", "boards:", "history: {retention: 90d}\nboards:", config.Changes{}},
		{"mqtt", "boards:", "mqtt: {listen: \":1883\"}\nboards:", config.Changes{Restart: []string{"mqtt"}}},
		{"timed writes", `{listen: ":51826"}`, `{listen: ":51826", timed_writes: accepted}`, config.Changes{Settings: []string{"homekit.timed_writes"}}},
		{"zone", "home: {", "home: {zone: Europe/Paris, ", config.Changes{Settings: []string{"home.zone"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if !strings.Contains(house, c.old) {
				t.Fatalf("%q is not in the house", c.old)
			}
			before := mustRead(t, house)
			after := mustRead(t, strings.Replace(house, c.old, c.new, 1))
			got := config.Diff(before, after)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if got.Empty() != cmp.Equal(c.want, config.Changes{}) {
				t.Errorf("Empty is %v", got.Empty())
			}
		})
	}
}
