package config_test

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/loquet/loquet/config"
	"github.com/loquet/loquet/device"
)

// A build with one driver of each character.

type lineSettings struct {
	Relay config.Line   `yaml:"relay" line:"output" jsonschema_description:"the relay across the opener's button"`
	Pulse time.Duration `yaml:"pulse" jsonschema_description:"how long the relay pulls"`
	Cycle string        `yaml:"cycle" jsonschema:"enum=open-stop-close-stop,enum=reverses-on-close,enum=no-stop" jsonschema_description:"what the pulses mean, one after another"`
}

func (lineSettings) Traits() device.DoorTraits { return device.DoorTraits{Drive: device.DrivePulse} }

func (s lineSettings) Check() error {
	var errs []error
	if s.Relay == "" {
		errs = append(errs, &fieldError{"relay", "the relay is missing", "add relay: and its line"})
	}
	if s.Pulse > time.Second {
		errs = append(errs, &fieldError{"pulse", fmt.Sprintf("a pulse of %s is too long", s.Pulse), "1s at most"})
	}
	return errors.Join(errs...)
}

type twoLineSettings struct {
	Up   config.Line `yaml:"up" line:"output"`
	Down config.Line `yaml:"down" line:"output"`
}

func (twoLineSettings) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveDiscrete, Stops: true}
}

type garadgetSettings struct {
	ID string `yaml:"id" jsonschema_description:"the device's id"`
}

func (garadgetSettings) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Refreshes: true, Warns: true}
}

type messageSettings struct{}

func (messageSettings) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, Refreshes: true}
}

func (messageSettings) UsesMQTT() {}

// blindSettings are those of a board that is believed.
type blindSettings struct {
	Back time.Duration `yaml:"back"`
}

func (blindSettings) Unproven() (field, what, remedy string) {
	return "back", "nothing tells whether the relay comes back by itself", "try it by hand"
}

type slowSettings struct{}

func (slowSettings) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DrivePulse, SensesClosed: true}
}

type strikeSettings struct {
	Relay config.Line   `yaml:"relay" line:"output"`
	Hold  time.Duration `yaml:"hold"`
}

func (s strikeSettings) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveStrike, Hold: s.Hold}
}

type maglockSettings struct {
	Relay config.Line `yaml:"relay" line:"output"`
	Rest  string      `yaml:"rest"`
}

func (maglockSettings) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveMaglock, FailSafe: true}
}

type motorSettings struct {
	Lock   config.Line `yaml:"lock" line:"output"`
	Unlock config.Line `yaml:"unlock" line:"output"`
}

func (motorSettings) Traits() device.BoltTraits {
	return device.BoltTraits{Drive: device.BoltDriveMotor, SensesBolt: true}
}

type wiegandSettings struct {
	D0 config.Line `yaml:"d0" line:"input"`
	D1 config.Line `yaml:"d1" line:"input"`
}

type modbusSettings struct {
	URL    string            `yaml:"url"`
	Unit   uint8             `yaml:"unit"`
	Retry  bool              `yaml:"retry"`
	Factor float64           `yaml:"factor"`
	Names  map[string]string `yaml:"names"`
	Map    []int             `yaml:"map"`
	Local  netip.Addr        `yaml:"local"`
}

type fieldError struct{ field, problem, remedy string }

func (e *fieldError) Error() string { return e.field + ": " + e.problem }

func driver[C any](name, doc string, defaults C) config.Driver {
	return config.Driver{Name: name, Doc: doc, Config: reflect.TypeFor[C](), Load: func(decode func(any) error) (any, error) {
		c := defaults
		if err := decode(&c); err != nil {
			return nil, err
		}
		if check, ok := any(c).(interface{ Check() error }); ok {
			if err := check.Check(); err != nil {
				return nil, err
			}
		}
		return c, nil
	}}
}

func catalog() config.Catalog {
	return config.Catalog{
		Openers: []config.Driver{
			driver("lines", "an opener with relays", lineSettings{Pulse: 400 * time.Millisecond}),
			driver("updown", "an opener with a line each way", twoLineSettings{}),
			driver("garadget", "a Garadget", garadgetSettings{}),
			driver("messages", "an opener behind a broker", messageSettings{}),
			driver("slow", "an opener that reports by itself", slowSettings{}),
		},
		Bolts: []config.Driver{
			driver("strike", "an electric strike", strikeSettings{Hold: 5 * time.Second}),
			driver("maglock", "a magnet", maglockSettings{}),
			driver("motor", "a motor deadbolt", motorSettings{}),
		},
		Sensors: []config.Driver{{Name: "beam", Doc: "a light beam"}},
		Keypads: []config.Driver{driver("wiegand", "a Wiegand reader", wiegandSettings{})},
		Boards:  []config.Driver{driver("modbus", "a Modbus board", modbusSettings{Unit: 1}), driver("blind", "a relay that is believed", blindSettings{})},
		Lines:   []string{"gpio", "sim"},
		Absent:  map[string]string{"matter": "this build has no Matter server"},
		Setting: func(err error) (config.SettingError, bool) {
			var f *fieldError
			if !errors.As(err, &f) {
				return config.SettingError{}, false
			}
			return config.SettingError{Field: f.field, Problem: f.problem, Remedy: f.remedy}, true
		},
	}
}
