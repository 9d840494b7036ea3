package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/loquet/loquet/access"
)

// tokenRequest is the body of POST /api/v1/tokens.
type tokenRequest struct {
	Name string `json:"name" jsonschema:"required,description=what it is for"`
}

func (s *Server) getPairings(w http.ResponseWriter, r *http.Request) error {
	pairings, err := s.opts.Pairings.Pairings(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(pairings))
}

func (s *Server) patchPairing(w http.ResponseWriter, r *http.Request) error {
	var change PairingChange
	if err := decode(r, &change); err != nil {
		return err
	}
	if err := s.checkChange(change); err != nil {
		return err
	}
	p, err := s.opts.Pairings.ChangePairing(r.Context(), r.URL.Query().Get("bridge"), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, p)
}

func (s *Server) checkChange(c PairingChange) error {
	if c.Name == nil && c.Role == nil && c.Doors == nil {
		return invalid("", "nothing to change", "send name, role or doors")
	}
	if c.Name != nil && *c.Name != "" {
		if err := checkName(*c.Name); err != nil {
			return err
		}
	}
	if c.Role != nil {
		if _, err := access.ParseRole(*c.Role); err != nil {
			return invalid("role", "there is no role "+quote(*c.Role), "send view, lock-only, operate or manage")
		}
	}
	if c.Doors == nil || slices.Equal(*c.Doors, []string{AllDoors}) {
		return nil
	}
	for _, id := range *c.Doors {
		if _, ok := s.house.Device(id); !ok {
			return invalid("doors", "there is no device "+quote(id), "loquet devices lists them")
		}
	}
	return nil
}

func checkName(name string) error {
	if name == "" || name != CleanName(name) {
		return invalid("name", "a name is 1 to 64 bytes of text without control characters", "send a shorter or simpler name")
	}
	return nil
}

func (s *Server) deletePairing(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Pairings.RemovePairing(r.Context(), r.URL.Query().Get("bridge"), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getHomeKit(w http.ResponseWriter, r *http.Request) error {
	bridges, err := s.opts.Pairings.HomeKitBridges(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(bridges))
}

func (s *Server) postHomeKit(w http.ResponseWriter, r *http.Request) error {
	bridges, err := s.opts.Pairings.ArmHomeKit(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(bridges))
}

func (s *Server) getMatter(w http.ResponseWriter, r *http.Request) error {
	return answerMatter(w, r, s.opts.Pairings.MatterBridge)
}

func (s *Server) postMatter(w http.ResponseWriter, r *http.Request) error {
	return answerMatter(w, r, s.opts.Pairings.OpenMatter)
}

func (s *Server) deleteMatter(w http.ResponseWriter, r *http.Request) error {
	return answerMatter(w, r, s.opts.Pairings.CloseMatter)
}

func answerMatter(w http.ResponseWriter, r *http.Request, do func(context.Context) (MatterBridge, error)) error {
	b, err := do(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, b)
}

func (s *Server) getTokens(w http.ResponseWriter, _ *http.Request) error {
	tokens, err := s.tokens.list()
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, tokens)
}

func (s *Server) postToken(w http.ResponseWriter, r *http.Request) error {
	var body tokenRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := checkName(body.Name); err != nil {
		return err
	}
	t, err := s.tokens.create(body.Name)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, t)
}

func (s *Server) deleteToken(w http.ResponseWriter, r *http.Request) error {
	if err := s.tokens.revoke(r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
