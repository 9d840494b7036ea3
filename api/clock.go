package api

import (
	"context"
	"net/http"
	"time"

	"github.com/loquet/loquet/device"
)

// Timekeeper knows the calendar time and how far it can be believed.
type Timekeeper interface {
	// ClockFacts looks now.
	ClockFacts() ClockFacts
	// ConfirmClock takes somebody's word that at is the time now, and writes down who said it.
	ConfirmClock(ctx context.Context, by device.Cause, at time.Time) (ClockFacts, error)
}

// ClockRequest is the body of POST /api/v1/clock/confirm.
type ClockRequest struct {
	At time.Time `json:"at" jsonschema:"required,description=the time that it is now, by whoever confirms it: the machine's may be two minutes off"`
}

func (s *Server) clockRoutes() []route {
	if s.opts.Clock == nil {
		return nil
	}
	return []route{
		{"GET", "/api/v1/clock", "getClock", "What time it is and how far that is known", nil, nil, ok(ClockFacts{}), nil, s.getClock},
		{"POST", "/api/v1/clock/confirm", "confirmClock", "Says that the machine's time is right, where no network does", nil, ClockRequest{}, ok(ClockFacts{}), []int{409, 503}, s.postClock},
	}
}

func (s *Server) getClock(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, s.opts.Clock.ClockFacts())
}

func (s *Server) postClock(w http.ResponseWriter, r *http.Request) error {
	var body ClockRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if body.At.IsZero() {
		return invalid("at", "the time that it is, is missing", "send at, the time by a clock that you know to be right")
	}
	f, err := s.opts.Clock.ConfirmClock(r.Context(), device.Cause{Kind: device.CauseConsole, Actor: of(r.Context()).actor}, body.At)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, f)
}
