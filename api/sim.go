package api

import (
	"fmt"
	"net/http"
	"slices"
)

// simRequest is the body of a simulated event; only keypad has one.
type simRequest struct {
	Digits string `json:"digits,omitempty" jsonschema:"description=keypad only: the keys pressed; # ends an entry"`
}

// maxDigits is more keys than any code has.
const maxDigits = 64

func (s *Server) getSim(w http.ResponseWriter, r *http.Request) error {
	state, ok := s.opts.Sim.Sim(r.PathValue("id"))
	if !ok {
		return noSim(r.PathValue("id"))
	}
	return reply(w, http.StatusOK, state)
}

func (s *Server) postSim(w http.ResponseWriter, r *http.Request) error {
	id, event := r.PathValue("id"), SimEvent(r.PathValue("event"))
	if _, ok := s.opts.Sim.Sim(id); !ok {
		return noSim(id)
	}
	if !slices.Contains(SimEvents(), event) {
		return &Error{Status: http.StatusNotFound, Code: "no-such-event", Why: "there is no event " + quote(string(event)), Remedy: fmt.Sprintf("there are %v", SimEvents())}
	}
	var body simRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := checkDigits(event, body.Digits); err != nil {
		return err
	}
	if err := s.opts.Sim.SimEvent(r.Context(), id, event, body.Digits); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func checkDigits(event SimEvent, digits string) error {
	if event != EventKeypad {
		if digits != "" {
			return invalid("digits", "only a keypad has digits", "leave them out")
		}
		return nil
	}
	if digits == "" || len(digits) > maxDigits {
		return invalid("digits", "digits are 1 to 64 keys", `send {"digits": "1234#"}`)
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && c != '*' && c != '#' {
			return invalid("digits", "a keypad has only 0 to 9, * and #", `send {"digits": "1234#"}`)
		}
	}
	return nil
}

func noSim(id string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "not-simulated", Why: "there is no simulated device " + quote(id), Remedy: "loquet devices lists the devices; only those of a simulated house can be reached like this", Err: ErrNotFound}
}
