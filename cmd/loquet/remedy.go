package main

import (
	"errors"

	"github.com/loquet/loquet/hw"
)

// withRemedy lets the command line see what the hardware says to do.
func withRemedy(err error) error {
	var op *hw.OpError
	if errors.As(err, &op) && op.Hint != "" {
		return remediedError{err, op.Hint}
	}
	return err
}

type remediedError struct {
	error
	hint string
}

func (e remediedError) Unwrap() error { return e.error }

// Hint is what cli prints below the error.
func (e remediedError) Hint() string { return e.hint }
