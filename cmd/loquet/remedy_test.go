package main

import (
	"errors"
	"fmt"
	"testing"

	"github.com/loquet/loquet/hw"
)

// A start that fails for a line says what to do about the line.
func TestStartErrorKeepsItsRemedy(t *testing.T) {
	err := withRemedy(fmt.Errorf("devices: %w", &hw.OpError{Op: "find line 17", Device: "garage", Err: hw.ErrNoLine, Hint: "connect the board"}))
	var hinted interface{ Hint() string }
	if !errors.As(err, &hinted) || hinted.Hint() != "connect the board" || !errors.Is(err, hw.ErrNoLine) {
		t.Errorf("%v has lost its remedy or its cause", err)
	}
	if err := withRemedy(nil); err != nil {
		t.Errorf("no error became %v", err)
	}
}
