package config

import (
	"slices"

	"github.com/loquet/loquet/device"
)

// Driver is what a configuration must know of a driver without opening anything.
type Driver struct {
	Name string
	Doc  string
	// New returns a pointer to the driver's config struct with its defaults; nil for a driver that
	// takes no settings. Its fields are named by `yaml` tags and described by `doc` tags; a tag
	// `line:"output"` or `line:"input"` says that the field refers to a line. It may have the methods
	// Traits() device.DoorTraits or device.BoltTraits, and Validate() error.
	New func() any
}

// Catalog is what this build can do. The caller fills it from its lists of drivers.
type Catalog struct {
	Openers, Bolts, Sensors, Keypads, Boards []Driver

	Lines  []string          // drivers that lend lines without a section under boards: "gpio", "sim"
	Absent map[string]string // sections this build cannot serve, and why: "matter": "this build has no Matter server"
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

func (d Driver) settings() any {
	if d.New == nil {
		return &struct{}{}
	}
	return d.New()
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
