package hw

import (
	"context"
	"errors"

	"github.com/loquet/loquet/device"
)

// OpError says what could not be done, to which device, and what the owner can do about it.
type OpError struct {
	Op     string // what was tried: "set sim:garage/relay"
	Device string // the id in the configuration
	Err    error
	Hint   string // the remedy, a sentence
}

func (e *OpError) Error() string {
	s := e.Op + ": " + e.Err.Error()
	if e.Device != "" {
		s = e.Device + ": " + s
	}
	return s
}

func (e *OpError) Unwrap() error { return e.Err }

// FieldError is a setting that cannot be used, so that the configuration can point at it.
type FieldError struct {
	Field   string // its name in the configuration: "pulse"
	Problem string
	Remedy  string
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

// Explain wraps err, which came of trying op at a device, with the device's id and the remedy; nil for nil. An
// OpError from below keeps its own words and gets the device.
func Explain(device, op string, err error) error { return opError(device, op, err) }

// opError wraps err for one device. An OpError from below keeps its own words and gets the device.
func opError(device, op string, err error) error {
	if err == nil {
		return nil
	}
	var below *OpError
	if errors.As(err, &below) {
		if below.Device == device {
			return err
		}
		return &OpError{Op: below.Op, Device: device, Err: below.Err, Hint: below.Hint}
	}
	return &OpError{Op: op, Device: device, Err: err, Hint: hint(err)}
}

// hint is the remedy for what boards report by sentinel.
func hint(err error) string {
	switch {
	case errors.Is(err, device.ErrUnsure):
		return "look at the device before you try again: it may have moved"
	case errors.Is(err, ErrStillOn):
		return "wait until the output is at rest; nothing was sent a second time"
	case errors.Is(err, ErrInUse):
		return "give each output a line of its own, and stop whatever else holds this one"
	case errors.Is(err, ErrNoLine):
		return "correct the line in the configuration; loquet drivers lists what a board offers"
	case errors.Is(err, device.ErrUnavailable), errors.Is(err, ErrClosed):
		return "see that the board has power and is connected; nothing was energised"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "try again; nothing was energised"
	}
	return "see loquet doctor"
}

// FieldErrors lists every FieldError in err, in order.
func FieldErrors(err error) []*FieldError {
	if field, ok := err.(*FieldError); ok { //nolint:errorlint // the walk unwraps by itself: As finds one of many
		return []*FieldError{field}
	}
	var all []*FieldError
	switch e := err.(type) { //nolint:errorlint // as above
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, FieldErrors(one)...)
		}
	case interface{ Unwrap() error }:
		all = FieldErrors(e.Unwrap())
	}
	return all
}
