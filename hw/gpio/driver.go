package gpio

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

// Bias of inputs, as it is written in the configuration.
const (
	biasAuto = "auto"
	biasUp   = "pull-up"
	biasDown = "pull-down"
	biasOff  = "off"
	biasAsIs = "as-is"
)

// maxDebounce is more than any contact needs: what is longer hides a door that moves.
const maxDebounce = time.Second

// Config are the settings of the board driver "gpio". Lines can be used without a section of their own,
// as gpio:17; a section is for other settings.
type Config struct {
	Chip     string        `yaml:"chip,omitempty" jsonschema_description:"the label of the chip that lines without one are on; without it all chips are searched"`
	Bias     string        `yaml:"bias,omitempty" jsonschema:"enum=auto,enum=pull-up,enum=pull-down,enum=off,enum=as-is" jsonschema_description:"the resistor inside the chip at each input; auto pulls towards inactive, so that a cut wire is no contact"`
	Debounce time.Duration `yaml:"debounce,omitempty" jsonschema_description:"how long an input must hold its level before it counts, 0s to 1s"`
}

func defaults() Config { return Config{Bias: biasAuto, Debounce: 5 * time.Millisecond} }

// Check implements hw.Checker.
func (c Config) Check() error {
	var errs []error
	if c.Debounce < 0 || c.Debounce > maxDebounce {
		errs = append(errs, &hw.FieldError{Field: "debounce", Problem: fmt.Sprintf("%v is not between 0s and %v", c.Debounce, maxDebounce),
			Remedy: "take 5ms, which quiets nearly every contact"})
	}
	if _, ok := c.bias(false); !ok {
		errs = append(errs, &hw.FieldError{Field: "bias", Problem: fmt.Sprintf("there is no bias %q", c.Bias),
			Remedy: "take auto, pull-up, pull-down, off or as-is"})
	}
	return errors.Join(errs...)
}

// bias returns the flags for an input.
func (c Config) bias(activeLow bool) (uint64, bool) {
	switch c.Bias {
	case biasAuto:
		if activeLow {
			return flagPullUp, true
		}
		return flagPullDown, true
	case biasUp:
		return flagPullUp, true
	case biasDown:
		return flagPullDown, true
	case biasOff:
		return flagBiasDisabled, true
	case biasAsIs:
		return 0, true
	}
	return 0, false
}

// BoardDriver is the board driver "gpio".
func BoardDriver() hw.Driver[hw.Board] {
	return hw.New("gpio", "the pins of this machine, and every other GPIO chip that Linux knows", defaults(),
		func(ctx context.Context, env *hw.Env, c Config) (hw.Board, error) {
			b := Open(c, env.Log)
			b.report = env.Problem
			var err error
			b.guard, err = hw.Share(ctx, env, "gpio-guard", func(context.Context) (*guard, func() error, error) {
				g := newGuard(env)
				return g, g.Close, nil
			})
			return b, err
		})
}

// Open returns the lines of this machine. No chip is touched before a line is asked for. On anything but
// Linux each request is answered with errors.ErrUnsupported.
func Open(c Config, log zerolog.Logger) *Board { return newBoard(newKernel(), c, log) }
