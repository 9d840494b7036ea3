package api

import (
	"context"
	"net/http"
	"time"

	"github.com/loquet/loquet/device"
)

// commandTimeout bounds the wait for an answer; no device takes longer than 3 s to give one.
const commandTimeout = 5 * time.Second

func (s *Server) getDevices(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, list(s.house.Devices()))
}

func (s *Server) getDevice(w http.ResponseWriter, r *http.Request) error {
	d, ok := s.house.Device(r.PathValue("id"))
	if !ok {
		return noDevice(r.PathValue("id"))
	}
	return reply(w, http.StatusOK, d)
}

func (s *Server) postCommand(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if _, ok := s.house.Device(id); !ok {
		return noDevice(id)
	}
	var body CommandRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	action, ok := ParseAction(body.Action)
	if !ok {
		return invalid("action", "there is no action "+quote(body.Action), "send open, close, stop, lock or unlock")
	}
	who := of(r.Context())
	ctx, cancel := context.WithTimeout(r.Context(), commandTimeout)
	defer cancel()
	answer, err := s.house.Command(ctx, id, device.Command{
		Action:  action,
		Cause:   device.Cause{Kind: device.CauseConsole, Actor: who.actor},
		Confirm: body.Confirm,
		Arrived: who.arrived,
	})
	if err != nil {
		return err
	}
	if answer.Already {
		return reply(w, http.StatusOK, CommandAnswer{Already: true})
	}
	return reply(w, http.StatusAccepted, CommandAnswer{Intent: answer.Intent, Warning: answer.Warning})
}

func (s *Server) getHistory(w http.ResponseWriter, r *http.Request) error {
	q, err := parseHistory(r.URL.Query())
	if err != nil {
		return err
	}
	rows, err := s.house.History(r.Context(), q)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(rows))
}

func (s *Server) getVerify(w http.ResponseWriter, r *http.Request) error {
	// A long history takes longer to check than an answer usually may take.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(10 * time.Minute))
	verdict, err := s.house.VerifyHistory(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, verdict)
}

func (s *Server) getHealth(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, health(s.house.Problems()))
}

func (s *Server) postReload(w http.ResponseWriter, r *http.Request) error {
	if err := s.house.Reload(r.Context()); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getVersion(w http.ResponseWriter, _ *http.Request) error {
	return reply(w, http.StatusOK, s.opts.Version)
}

func (s *Server) getDocument(w http.ResponseWriter, _ *http.Request) error {
	document, err := s.openapi()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(document)
	return nil
}
