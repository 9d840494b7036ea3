// Package catalog describes the drivers of this build to the configuration, which knows none.
package catalog

import (
	"errors"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/all"
)

// Pins is the board driver whose lines need no section under boards: those of this machine.
const Pins = "gpio"

// Of returns the catalogue of this build; lines are further boards that need no section of their own.
func Of(lines ...string) config.Catalog {
	return config.Catalog{
		Openers: describe(all.Openers()),
		Bolts:   describe(all.Bolts()),
		Sensors: describe(all.Sensors()),
		Keypads: describe(all.Keypads()),
		Boards:  describe(all.Boards()),
		Lines:   append([]string{Pins}, lines...),
		Setting: setting,
	}
}

func describe[D any](r *hw.Registry[D]) []config.Driver {
	var out []config.Driver
	for d := range r.All() {
		out = append(out, config.Driver{Name: d.Name, Doc: d.Doc, Config: d.Config,
			Load: func(decode func(any) error) (any, error) {
				chosen, err := r.Load(d.Name, decode)
				return chosen.Config, err
			}})
	}
	return out
}

// setting tells the configuration which field a driver's complaint is about.
func setting(err error) (config.SettingError, bool) {
	var f *hw.FieldError
	if !errors.As(err, &f) {
		return config.SettingError{}, false
	}
	return config.SettingError{Field: f.Field, Problem: f.Problem, Remedy: f.Remedy}, true
}
