package api

import (
	"net/http"
	"slices"
)

func (s *Server) getHolidays(w http.ResponseWriter, r *http.Request) error {
	all, err := s.opts.Ledger.Holidays(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(all))
}

func (s *Server) putHoliday(w http.ResponseWriter, r *http.Request) error {
	var body HolidayRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	h := Holiday{ID: r.PathValue("id"), From: body.From, To: body.To, Zone: body.Zone, Mode: body.Mode, Doors: body.Doors}
	if h.Mode == "" {
		h.Mode = "owners"
	}
	switch {
	case h.From == "" || h.To == "":
		return invalid("from", "when it begins and ends is missing", "send from and to, as 2026-12-24T00:00")
	case !slices.Contains([]string{"owners", "no-weekly", "usual"}, h.Mode):
		return invalid("mode", "there is no kind of holiday "+quote(h.Mode), "send owners, no-weekly or usual")
	}
	if err := s.checkDoors(&h.Doors); err != nil {
		return err
	}
	saved, err := s.opts.Ledger.SaveHoliday(r.Context(), h)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, saved)
}

func (s *Server) deleteHoliday(w http.ResponseWriter, r *http.Request) error {
	return done(w, s.opts.Ledger.RemoveHoliday(r.Context(), r.PathValue("id")))
}
