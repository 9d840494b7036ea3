package secplus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/internal/serial"
)

// Config are the settings of the opener driver "secplus".
type Config struct {
	Port      string `yaml:"port" jsonschema:"required" jsonschema_description:"the serial port with the level shifter: a path under /dev/serial/by-path or by-id"`
	Protocol  string `yaml:"protocol,omitempty" jsonschema:"enum=security+2.0,enum=security+1.0" jsonschema_description:"security+2.0 for a yellow learn button, security+1.0 for a purple, red or orange one"`
	WallPanel string `yaml:"wall_panel,omitempty" jsonschema:"enum=auto,enum=digital,enum=none" jsonschema_description:"security+1.0 only: whether a digital wall panel asks the opener (digital), loquet has to (none), or loquet listens for one first (auto)"`
}

// Protocols, and what may be on the wire of the older one.
const (
	version2 = "security+2.0"
	version1 = "security+1.0"

	panelAuto    = "auto"
	panelDigital = "digital"
	panelNone    = "none"
)

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	bad := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	if !filepath.IsAbs(c.Port) {
		bad("port", "this is not the path of a serial port", "write its name under /dev/serial/by-id or /dev/serial/by-path")
	}
	if c.Protocol != version1 && c.Protocol != version2 {
		bad("protocol", fmt.Sprintf("there is no protocol %q", c.Protocol), "take security+2.0 for a yellow learn button, security+1.0 for a purple, red or orange one")
	}
	switch c.WallPanel {
	case "":
	case panelAuto, panelDigital, panelNone:
		if c.Protocol == version2 {
			bad("wall_panel", "with security+2.0 it does not matter", "leave it out")
		}
	default:
		bad("wall_panel", fmt.Sprintf("there is no wall panel %q", c.WallPanel), "take auto, digital or none")
	}
	return errors.Join(errs...)
}

// Traits implements hw.DoorDescriber. The older protocol has one button for everything: on its way up it stops the
// door, on its way down it reverses it.
func (c Config) Traits() device.DoorTraits {
	if c.Protocol == version1 {
		return device.DoorTraits{Drive: device.DrivePulse, Cycle: device.CycleReversesOnClose, SensesClosed: true, SensesOpen: true, Refreshes: true}
	}
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Stops: true, Refreshes: true}
}

// Driver is the opener driver "secplus".
func Driver() hw.Driver[device.Opener] {
	return hw.New("secplus", "for experts: a Chamberlain or LiftMaster opener (Security+ 1.0 or 2.0) on a serial port of this machine", Config{Protocol: version2},
		func(ctx context.Context, env *hw.Env, c Config) (device.Opener, error) { return Open(ctx, env, c) })
}

// Open listens to the opener until env is closed. It waits for nobody, and sends nothing but questions.
func Open(ctx context.Context, env *hw.Env, c Config) (device.Opener, error) {
	if c.Protocol == version1 {
		return open1(ctx, env, c, usual(), dialer(c.Port, serial.Mode{Baud: 1200, Parity: serial.Even}))
	}
	return open(ctx, env, c.Port, dialer(c.Port, serial.Mode{Baud: 9600}))
}

// Times on the wire.
const (
	breakTime  = 1300 * time.Microsecond // it is held low before a frame of Security+ 2.0
	writeLimit = time.Second
)

// wire is an open port. Begin holds the line low as a frame of Security+ 2.0 wants it.
type wire interface {
	io.ReadWriteCloser
	Begin() error
}

type port struct{ *serial.Port }

func (p port) Begin() error { return p.Break(breakTime) }

func (p port) Write(b []byte) (int, error) {
	if err := p.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return 0, err
	}
	return p.Port.Write(b)
}

func dialer(path string, m serial.Mode) func() (wire, error) {
	return func() (wire, error) {
		p, err := serial.Open(path, m)
		if err != nil {
			return nil, err
		}
		return port{p}, nil
	}
}

// owner is an opener with a goroutine that owns its wire.
type owner interface {
	run()
	close() error
}

// alone starts an opener that nobody shares its port with.
func alone[T interface {
	comparable
	owner
}](ctx context.Context, env *hw.Env, path string, o T, cancel func()) error {
	shared, err := hw.Share(ctx, env, "serial:"+path, func(context.Context) (T, func() error, error) {
		go o.run()
		return o, o.close, nil
	})
	if err == nil && shared != o {
		err = &hw.OpError{Op: "open " + path, Device: env.Device(), Err: hw.ErrInUse, Hint: "one wire has one opener: give each door a port of its own"}
	}
	if err != nil {
		cancel()
	}
	return err
}

// open opens an opener of Security+ 2.0.
func open(ctx context.Context, env *hw.Env, path string, dial func() (wire, error)) (*Opener, error) {
	if env.Folder() == "" {
		return nil, &hw.OpError{Op: "open " + path, Device: env.Device(), Err: errors.New("there is no folder to keep its rolling code in"), Hint: "run loquet with a state folder"}
	}
	codes, err := openCounter(filepath.Join(env.Folder(), "secplus-"+env.Device()+".key"))
	if err != nil {
		return nil, &hw.OpError{Op: "open " + path, Device: env.Device(), Err: err, Hint: "see that the state folder can be read"}
	}
	o := newOpener(env.Device(), env.Log, codes, dial)
	if err := alone(ctx, env, path, o, o.cancel); err != nil {
		return nil, err
	}
	return o, nil
}

// open1 opens an opener of Security+ 1.0.
func open1(ctx context.Context, env *hw.Env, c Config, t times, dial func() (wire, error)) (*Button, error) {
	o := newButton(env.Device(), env.Log, c.WallPanel, t, dial)
	if err := alone(ctx, env, c.Port, o, o.cancel); err != nil {
		return nil, err
	}
	return o, nil
}
