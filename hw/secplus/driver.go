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
	Port string `yaml:"port" jsonschema:"required" jsonschema_description:"the serial port with the level shifter: a path under /dev/serial/by-path or by-id"`
}

// Check implements hw.Checker.
func (c Config) Check() error {
	if !filepath.IsAbs(c.Port) {
		return &hw.FieldError{Field: "port", Problem: "this is not the path of a serial port", Remedy: "write its name under /dev/serial/by-id or /dev/serial/by-path"}
	}
	return nil
}

// Traits implements hw.DoorDescriber.
func (Config) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Stops: true, Refreshes: true}
}

// Driver is the opener driver "secplus".
func Driver() hw.Driver[device.Opener] {
	return hw.New("secplus", "for experts: a Chamberlain or LiftMaster opener (Security+ 2.0) on a serial port of this machine", Config{},
		func(ctx context.Context, env *hw.Env, c Config) (device.Opener, error) { return Open(ctx, env, c) })
}

// Times on the wire, and the speed.
const (
	baud       = 9600
	breakTime  = 1300 * time.Microsecond // the wire is held low before a frame
	writeLimit = time.Second
)

// wire is an open port. Begin holds the line low as a frame wants it.
type wire interface {
	io.ReadWriteCloser
	Begin() error
}

type port struct{ *serial.Port }

func (p port) Begin() error {
	if err := p.SetWriteDeadline(time.Now().Add(writeLimit)); err != nil {
		return err
	}
	return p.Break(breakTime)
}

// Open listens to the opener until env is closed. It waits for nobody, and sends nothing but questions.
func Open(ctx context.Context, env *hw.Env, c Config) (*Opener, error) {
	return open(ctx, env, c.Port, func() (wire, error) {
		p, err := serial.Open(c.Port, serial.Mode{Baud: baud})
		if err != nil {
			return nil, err
		}
		return port{p}, nil
	})
}

func open(ctx context.Context, env *hw.Env, path string, dial func() (wire, error)) (*Opener, error) {
	if env.Folder() == "" {
		return nil, &hw.OpError{Op: "open " + path, Device: env.Device(), Err: errors.New("there is no folder to keep its rolling code in"), Hint: "run loquet with a state folder"}
	}
	codes, err := openCounter(filepath.Join(env.Folder(), "secplus-"+env.Device()+".key"))
	if err != nil {
		return nil, &hw.OpError{Op: "open " + path, Device: env.Device(), Err: err, Hint: "see that the state folder can be read"}
	}
	o := newOpener(env.Device(), env.Log, codes, dial)
	shared, err := hw.Share(ctx, env, "serial:"+path, func(context.Context) (*Opener, func() error, error) {
		go o.run()
		return o, o.close, nil
	})
	if err == nil && shared != o {
		err = &hw.OpError{Op: "open " + path, Device: env.Device(), Err: hw.ErrInUse, Hint: "one wire has one opener: give each door a port of its own"}
	}
	if err != nil {
		o.cancel()
		return nil, err
	}
	return o, nil
}

// status is what the opener says of itself (command 081).
type status struct {
	door       byte // 1 open, 2 closed, 3 stopped, 4 opening, 5 closing
	obstructed bool
	light      bool
	locked     bool // for remotes
	learning   bool
}

func (m message) status() status {
	return status{door: m.nibble, obstructed: m.byte1&0x40 == 0, light: m.byte2&2 != 0, locked: m.byte2&1 != 0, learning: m.byte2&0x20 != 0}
}

func (s status) reading(taken time.Time) device.Reading {
	r := device.Reading{Energised: device.No, Obstructed: device.No, Taken: taken}
	if s.obstructed {
		r.Obstructed = device.Yes
	}
	switch s.door {
	case 1:
		r.At = device.PlaceOpen
	case 2:
		r.At = device.PlaceClosed
	case 3:
		r.At = device.PlaceBetween
	case 4:
		r.At, r.Moving = device.PlaceBetween, device.TargetOpen
	case 5:
		r.At, r.Moving = device.PlaceBetween, device.TargetClosed
	default:
		r.Fault = fmt.Sprintf("the opener tells a state that is none: %d", s.door)
	}
	return r
}
