package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/loquet/loquet/device"
)

// ErrNotFound says that there is no such device, controller, token or simulated device.
var ErrNotFound = errors.New("not found")

// Error is what every request that was not done is answered with (RFC 9457, problem details). Code
// is a stable word that scripts may depend on; for a refused command it is the device.RefusalCode.
type Error struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Code   string `json:"code"`
	Why    string `json:"detail"`
	Remedy string `json:"remedy" jsonschema:"description=what to do"`
	Field  string `json:"field,omitempty" jsonschema:"description=the member or parameter that is wrong"`
	Err    error  `json:"-"`
}

func (e *Error) Error() string { return e.Why }

func (e *Error) Unwrap() error { return e.Err }

// asError turns any error into the answer for it. One that has a hint is the disk's: what was asked for
// cannot be kept now.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var refusal *device.Refusal
	if errors.As(err, &refusal) {
		why := refusal.Why
		if refusal.Err != nil {
			why += ": " + refusal.Err.Error()
		}
		return &Error{Status: http.StatusConflict, Code: string(refusal.Code), Why: why, Remedy: refusal.Remedy, Err: err}
	}
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return &Error{Status: http.StatusServiceUnavailable, Code: "state", Why: err.Error(), Remedy: hinted.Hint(), Err: err}
	}
	switch {
	case errors.Is(err, ErrNotFound):
		return &Error{Status: http.StatusNotFound, Code: "not-found", Why: err.Error(), Remedy: "check the id; the list without it shows what there is", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Status: http.StatusGatewayTimeout, Code: "timeout", Why: "there was no answer in time; the device may have acted", Remedy: "look at the device before you try again", Err: err}
	}
	return &Error{Status: http.StatusInternalServerError, Code: "internal", Why: err.Error(), Remedy: "run loquet doctor, and look at the log of the bridge", Err: err}
}

// writeError answers with a problem document.
func writeError(w http.ResponseWriter, err error) {
	e := *asError(err)
	if e.Title == "" {
		e.Title = http.StatusText(e.Status)
	}
	body, jsonErr := json.Marshal(e)
	if jsonErr != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(e.Status)
	_, _ = w.Write(append(body, '\n'))
}

func noDevice(id string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "no-such-device", Why: "there is no device " + quote(id), Remedy: "loquet devices lists them", Err: ErrNotFound}
}

func invalid(field, why, remedy string) *Error {
	return &Error{Status: http.StatusUnprocessableEntity, Code: "invalid", Why: why, Remedy: remedy, Field: field}
}

// quote shows a stranger's word in an error: short, printable, in quotes.
func quote(s string) string { return `"` + CleanName(s) + `"` }
