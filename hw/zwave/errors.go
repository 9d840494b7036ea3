package zwave

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Statuses of node.set_value and of supervision (zwave-js SetValueStatus, Supervision CC).
const (
	statusNoSupport    = 0
	statusWorking      = 1
	statusFail         = 2
	statusNoEndpoint   = 3
	statusNotBuilt     = 4
	statusInvalid      = 5
	statusUnsupervised = 254 // sent, and the lock says no more
	statusSuccess      = 255
)

var (
	errSleeps = fmt.Errorf("%w: the device sleeps, and an order would wait until it wakes", device.ErrUnavailable)
	errRefuse = errors.New("the lock refused")
)

// setStatus reads how a node.set_value went.
func setStatus(result json.RawMessage) error {
	var r struct {
		Result *struct {
			Status json.RawMessage `json:"status"`
		} `json:"result"`
	}
	if json.Unmarshal(result, &r) != nil || r.Result == nil {
		return fmt.Errorf("%w: the server's answer cannot be read", device.ErrUnsure)
	}
	status, ok := number(r.Result.Status)
	if !ok {
		return fmt.Errorf("%w: the server's answer has no status", device.ErrUnsure)
	}
	return statusError(status)
}

func statusError(status int) error {
	switch status {
	case statusWorking, statusUnsupervised, statusSuccess:
		return nil
	case statusFail:
		return errRefuse
	case statusNoSupport, statusNotBuilt:
		return errors.New("the lock cannot do that")
	case statusNoEndpoint:
		return errors.New("the lock has no such endpoint")
	case statusInvalid:
		return errors.New("the lock does not take that value")
	}
	return fmt.Errorf("%w: the server says %d", device.ErrUnsure, status)
}

// Errors of zwave-js after which a command may have reached the lock (ZWaveErrorCodes): nobody answered, or
// only the acknowledgement was lost.
const (
	zwaveTimeout     = 200
	zwaveNodeTimeout = 201
	zwaveDropped     = 202
	zwaveNotOK       = 203
	zwaveNoAck       = 204
)

// orderError says what an error means for an order that moves something or writes something.
func orderError(err error) error {
	var said *serverError
	if !errors.As(err, &said) {
		return err
	}
	switch said.zwave {
	case zwaveTimeout, zwaveNodeTimeout, zwaveDropped, zwaveNotOK, zwaveNoAck:
		return fmt.Errorf("%w: the lock did not acknowledge it (Z-Wave error %d)", device.ErrUnsure, said.zwave)
	}
	if said.code == "unknown_error" {
		return fmt.Errorf("%w: %w", device.ErrUnsure, err)
	}
	return err
}

// questionError says what an error means for a question: it leaves nothing unsure.
func questionError(err error) error {
	var said *serverError
	if err == nil || !errors.Is(err, device.ErrUnsure) && !errors.As(err, &said) {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w: the lock did not answer in time", device.ErrUnavailable)
	}
	if said != nil {
		return fmt.Errorf("%w: %w", device.ErrUnavailable, said)
	}
	return fmt.Errorf("%w: the connection ended before the answer", device.ErrUnavailable)
}

// fail is complain with the remedy that belongs to the error; nil for nil.
func (l *Lock) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	hint := "see what the Z-Wave software says about this lock; nothing was sent to it"
	switch {
	case errors.Is(err, device.ErrUnsure):
		hint = "look at the lock before you try again: it may have acted"
	case errors.Is(err, errSleeps):
		hint = "this device cannot be commanded: take a lock that listens (FLiRS), as all Z-Wave locks with a keypad do"
	case errors.Is(err, device.ErrUnavailable):
		hint = "see that the Z-Wave software runs, that url and node are right, and that the lock has batteries; nothing was sent"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		hint = "try again; nothing was sent"
	case errors.Is(err, errRefuse):
		hint = "look at the lock: it heard the order and did not carry it out"
	}
	return l.complain(op, err, hint)
}

func (l *Lock) complain(op string, err error, hint string) error {
	return &hw.OpError{Op: op, Device: l.id, Err: err, Hint: hint}
}

// zwaveInvalid is what zwave-js says to arguments that the lock would not take.
const zwaveInvalid = 322

// failSlot is fail for a write to a slot. What a server says of it may hold the code: only its number is kept.
func (l *Lock) failSlot(op string, err error) error {
	var said *serverError
	if errors.As(err, &said) && said.zwave == zwaveInvalid {
		err = fmt.Errorf("%w: the Z-Wave software says that the lock takes no such code", device.ErrCodeRefused)
	}
	if errors.Is(err, device.ErrCodeRefused) {
		return l.complain(op, err, "give this person another code")
	}
	return l.fail(op, redact(orderError(err)))
}

// redact leaves a server's own words out.
func redact(err error) error {
	var said *serverError
	if !errors.As(err, &said) {
		return err
	}
	short := &serverError{code: said.code, zwave: said.zwave, words: "the Z-Wave software refused"}
	for _, sentinel := range []error{device.ErrUnsure, device.ErrUnavailable} {
		if errors.Is(err, sentinel) {
			return fmt.Errorf("%w: %w", sentinel, short)
		}
	}
	return short
}
