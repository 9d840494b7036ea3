package usbrelay

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/serial"
)

// Kind is the kind of board.
type Kind string

// Kinds of boards.
const (
	LCUS   Kind = "lcus"
	Numato Kind = "numato"
	HID    Kind = "hid"
)

// Config are the settings of the board driver "usbrelay".
type Config struct {
	Kind     Kind   `yaml:"kind" jsonschema:"enum=lcus,enum=numato,enum=hid" jsonschema_description:"lcus (CH340, relays 1 and up), numato (relays 0 and up) or hid (USBRelayN, relays 1 and up)"`
	Port     string `yaml:"port,omitempty" jsonschema_description:"lcus and numato: the serial port, best by its place: /dev/serial/by-path/..."`
	Baud     int    `yaml:"baud,omitempty" jsonschema_description:"lcus and numato: bits a second"`
	Relays   int    `yaml:"relays,omitempty" jsonschema_description:"how many relays the board has"`
	Readback bool   `yaml:"readback,omitempty" jsonschema_description:"lcus: the board answers a status question, so that each order is checked"`
	Serial   string `yaml:"serial,omitempty" jsonschema_description:"hid: the board's own five characters, where there are several"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	most := map[Kind]int{LCUS: 16, Numato: 32, HID: 8}[c.Kind]
	if most == 0 {
		add("kind", "the kind of the relay board is not known", "write lcus, numato or hid")
		return errors.Join(errs...)
	}
	if c.Relays < 1 || c.Relays > most {
		add("relays", fmt.Sprintf("%s boards have 1 to %d relays", c.Kind, most), "count the relays on the board")
	}
	if !slices.Contains(serial.Bauds(), c.Baud) {
		add("baud", fmt.Sprintf("a port cannot be set to %d", c.Baud), "leave it out for 9600")
	}
	switch {
	case c.Kind == HID && c.Port != "":
		add("port", "hid boards have no serial port", "leave it out, and name the board by serial where there are several")
	case c.Kind != HID && !filepath.IsAbs(c.Port):
		add("port", "the serial port is no path", "name it, for example /dev/serial/by-path/... (ls -l /dev/serial/by-path)")
	}
	if c.Kind != HID && c.Serial != "" {
		add("serial", "only hid boards are found by their serial", "name the port instead")
	}
	if c.Kind == HID && c.Serial != "" && (len(c.Serial) != hidSerial || strings.Trim(c.Serial, " ") != c.Serial) {
		add("serial", "the serial of a board is five characters", "read it with usbrelay or in loquet doctor")
	}
	if c.Kind != LCUS && c.Readback {
		add("readback", "only lcus boards are asked by choice", "leave it out: this kind is always asked")
	}
	return errors.Join(errs...)
}

// BoardDriver is the board driver "usbrelay".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("usbrelay", "relay boards on a USB port: LCUS, Numato, and USBRelayN by HID",
		Config{Baud: 9600, Relays: 1},
		func(_ context.Context, env *hw.Env, c Config) (hw.Board, error) { return Open(env, c), nil })
}

// Open starts to connect to a board. Orders are refused until it is there.
func Open(env *hw.Env, c Config) *Board {
	serial := func(speak func(context.Context, *cable) (relays, error)) func(context.Context) (relays, error) {
		return func(ctx context.Context) (relays, error) {
			to, err := newCable(c.Port, c.Baud)
			if err != nil {
				return nil, err
			}
			return speak(ctx, to)
		}
	}
	switch c.Kind {
	case HID:
		return newBoard(env.Log, 1, c.Relays, func(context.Context) (relays, error) { return openHID("/sys/class/hidraw", "/dev", c.Serial) })
	case Numato:
		return newBoard(env.Log, 0, c.Relays, serial(openNumato))
	default:
		return newBoard(env.Log, 1, c.Relays, serial(func(_ context.Context, to *cable) (relays, error) { return lcus{to, c.Relays, c.Readback}, nil }))
	}
}
