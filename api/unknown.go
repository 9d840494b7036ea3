package api

import (
	"net/http"
	"strconv"
	"time"
)

// UnknownCode is what a place of a lock holds that no code of the house put there: somebody typed it at the lock itself, or
// another system wrote it, or it is a code that was taken back and is not off the lock yet.
type UnknownCode struct {
	Lock   string    `json:"lock"`
	Slot   int       `json:"slot"`
	Off    bool      `json:"off,omitempty" jsonschema:"description=the lock says that it opens nothing"`
	Digits int       `json:"digits,omitempty" jsonschema:"description=how many; absent: the lock does not show them"`
	First  time.Time `json:"first,omitzero" jsonschema:"description=when it was seen first"`
	Seen   time.Time `json:"seen,omitzero" jsonschema:"description=when it was seen last"`
	Left   bool      `json:"left,omitempty" jsonschema:"description=the owner knows of it"`
	Going  string    `json:"going,omitempty" jsonschema:"description=the id of a code that was taken back: it may still open and is being taken off the lock"`
	Why    string    `json:"why,omitempty" jsonschema:"description=why it is not off the lock yet"`
}

// AdoptCodeRequest is the body of POST /api/v1/codes/unknown/{lock}/{slot}/adopt.
type AdoptCodeRequest struct {
	Person string `json:"person" jsonschema:"required,description=whose code it is: the id of a person"`
}

func (s *Server) unknownRoutes() []route {
	if s.opts.Ledger == nil {
		return nil
	}
	none := map[int]any{http.StatusNoContent: nil}
	const at = "/api/v1/codes/unknown/{lock}/{slot}"
	return []route{
		{"GET", "/api/v1/codes/unknown", "listUnknownCodes", "What locks hold that no code of the house put there", nil, nil, ok([]UnknownCode{}), []int{503}, s.getUnknown},
		{"POST", at + "/adopt", "adoptCode", "Gives a person the code that a lock holds, for that lock", nil, AdoptCodeRequest{}, map[int]any{201: Code{}}, []int{404, 409, 503, 507}, s.postAdoptCode},
		{"POST", at + "/leave", "leaveUnknownCode", "Leaves it where it is and tells of it no more", nil, nil, none, []int{404, 503}, s.postLeave},
		{"DELETE", at, "clearUnknownCode", "Takes it off the lock", nil, nil, none, []int{404, 409, 503, 504}, s.deleteUnknown},
	}
}

func (s *Server) getUnknown(w http.ResponseWriter, r *http.Request) error {
	found, err := s.opts.Ledger.UnknownCodes(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(found))
}

func (s *Server) postAdoptCode(w http.ResponseWriter, r *http.Request) error {
	lock, slot, err := place(r)
	if err != nil {
		return err
	}
	var body AdoptCodeRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	c, err := s.opts.Ledger.AdoptCode(r.Context(), lock, slot, body.Person)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, c)
}

func (s *Server) postLeave(w http.ResponseWriter, r *http.Request) error {
	lock, slot, err := place(r)
	if err != nil {
		return err
	}
	return done(w, s.opts.Ledger.LeaveUnknownCode(r.Context(), lock, slot))
}

func (s *Server) deleteUnknown(w http.ResponseWriter, r *http.Request) error {
	lock, slot, err := place(r)
	if err != nil {
		return err
	}
	return done(w, s.opts.Ledger.ClearUnknownCode(r.Context(), lock, slot))
}

// place is a place of a lock, as a path names it.
func place(r *http.Request) (lock string, slot int, err error) {
	slot, err = strconv.Atoi(r.PathValue("slot"))
	if err != nil || slot < 0 {
		return "", 0, invalid("slot", "there is no place "+quote(r.PathValue("slot")), "loquet codes unknown lists them")
	}
	return r.PathValue("lock"), slot, nil
}
