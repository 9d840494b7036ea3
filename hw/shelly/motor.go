package shelly

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/board"
)

// What a device's own maximum times may be.
const (
	minMaxTime = time.Second
	maxMaxTime = 5 * time.Minute // of the devices themselves
)

// CoverConfig are the settings of the opener driver "shelly": a motor on a device that is set up as a cover, or a roller.
type CoverConfig struct {
	Address `yaml:",inline"`
	Cover   int           `yaml:"cover,omitempty" jsonschema_description:"which cover of the device; 0 if not given"`
	MaxTime time.Duration `yaml:"maxtime" jsonschema:"required" jsonschema_description:"how long its motor may run at most: a device whose own maximum times are longer is not used"`
}

// Check implements hw.Checker.
func (c CoverConfig) Check() error {
	var errs []error
	add := func(field, problem, remedy string) {
		errs = append(errs, &hw.FieldError{Field: field, Problem: problem, Remedy: remedy})
	}
	c.check(add)
	if c.Cover < 0 || c.Cover >= most {
		add("cover", fmt.Sprintf("a device has covers 0 to %d", most-1), "leave it away: most devices have one, 0")
	}
	switch {
	case c.MaxTime == 0:
		add("maxtime", "nothing says how long the motor may run: when the network dies, nobody but the device itself ends a move",
			"set the device's own maximum times a few seconds above what the door takes, and write the longer of the two here: maxtime: 25s")
	case c.MaxTime < minMaxTime || c.MaxTime > maxMaxTime:
		add("maxtime", fmt.Sprintf("%v is not between %v and %v", c.MaxTime, minMaxTime, maxMaxTime), "write the device's own maximum time for opening or closing, the longer one")
	}
	return errors.Join(errs...)
}

// allows says which setting of the device keeps its cover from being used; nil if none does.
func (c CoverConfig) allows(l limits) error {
	longest := max(l.opens, l.closes)
	switch {
	case l.powerOn != "stopped" && l.powerOn != "stop":
		return strange("set the power-on default of the cover to stopped (stop) on the device's own page", "cover %d would move when power comes back (its power-on default is %q)", c.Cover, board.Clip(l.powerOn))
	case longest > c.MaxTime:
		return strange(fmt.Sprintf("set the device's own maximum times for opening and closing to %v or less, a few seconds above what the door takes", c.MaxTime),
			"its motor may run for %v, and %v is the longest that it may (maxtime)", longest, c.MaxTime)
	}
	return nil
}

// Traits implements hw.DoorDescriber.
func (CoverConfig) Traits() device.DoorTraits {
	return device.DoorTraits{Drive: device.DriveCommanded, SensesClosed: true, SensesOpen: true, Stops: true, Refreshes: true}
}

// OpenerDriver is the opener driver "shelly".
func OpenerDriver() hw.Driver[device.Opener] {
	return hw.New("shelly", "a motor on a Shelly that is set up as a cover (roller), both generations, without its cloud", CoverConfig{Address: Address{User: "admin"}},
		func(ctx context.Context, env *hw.Env, c CoverConfig) (device.Opener, error) {
			return OpenCover(ctx, env, c)
		})
}
