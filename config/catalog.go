package config

import (
	"reflect"
	"slices"

	"github.com/loquet/loquet/device"
)

// Driver is what a configuration must know of a driver without opening anything.
type Driver struct {
	Name string
	Doc  string // one line
	// Config is the struct of its settings, for the schema: fields named by `yaml` tags and described
	// by `jsonschema_description` tags. Nil for a driver that takes none.
	Config reflect.Type
	// Load fills a struct that holds the driver's defaults with decode, and judges it. The settings it
	// returns may have the method Traits() device.DoorTraits or device.BoltTraits; their fields
	// tagged `line:"output"` or `line:"input"` refer to lines; with a method UsesMQTT() the house needs
	// the section mqtt. Nil for a driver that takes none.
	Load func(decode func(into any) error) (settings any, err error)
}

// SettingError is a setting that its driver refuses.
type SettingError struct {
	Field   string // its name in the section: "pulse"; empty if it is about the whole section
	Problem string
	Remedy  string
}

// Catalog is what this build can do. The caller fills it from its lists of drivers.
type Catalog struct {
	Openers, Bolts, Sensors, Keypads, Boards []Driver

	Lines  []string          // drivers that lend lines without a section under boards: "gpio", "sim"
	Absent map[string]string // sections this build cannot serve, and why: "matter": "this build has no Matter server"

	// Setting translates an error of Driver.Load which is about one setting. May be nil.
	Setting func(error) (SettingError, bool)
}

func find(drivers []Driver, name string) (Driver, bool) {
	i := slices.IndexFunc(drivers, func(d Driver) bool { return d.Name == name })
	if i < 0 {
		return Driver{}, false
	}
	return drivers[i], true
}

func driverNames(drivers []Driver) []string {
	names := make([]string, len(drivers))
	for i, d := range drivers {
		names[i] = d.Name
	}
	slices.Sort(names)
	return names
}

func doorTraits(settings any) (device.DoorTraits, bool) {
	t, ok := settings.(interface{ Traits() device.DoorTraits })
	if !ok {
		return device.DoorTraits{}, false
	}
	return t.Traits(), true
}

func boltTraits(settings any) (device.BoltTraits, bool) {
	t, ok := settings.(interface{ Traits() device.BoltTraits })
	if !ok {
		return device.BoltTraits{}, false
	}
	return t.Traits(), true
}
