package api

import (
	"net/http"
	"slices"
)

func (s *Server) getPeople(w http.ResponseWriter, r *http.Request) error {
	people, err := s.opts.Ledger.People(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(people))
}

func (s *Server) postPerson(w http.ResponseWriter, r *http.Request) error {
	var body PersonRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := checkPerson(&body.Name, &body.Kind); err != nil {
		return err
	}
	p, err := s.opts.Ledger.AddPerson(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, p)
}

func (s *Server) patchPerson(w http.ResponseWriter, r *http.Request) error {
	var change PersonChange
	if err := decode(r, &change); err != nil {
		return err
	}
	if change == (PersonChange{}) {
		return invalid("", "nothing to change", "send name or kind")
	}
	if err := checkPerson(change.Name, change.Kind); err != nil {
		return err
	}
	p, err := s.opts.Ledger.ChangePerson(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, p)
}

func checkPerson(name, kind *string) error {
	if name != nil {
		if err := checkName(*name); err != nil {
			return err
		}
	}
	if kind != nil && !slices.Contains([]string{"owner", "resident", "helper", "guest"}, *kind) {
		return invalid("kind", "there is no kind of person "+quote(*kind), "send owner, resident, helper or guest")
	}
	return nil
}

func (s *Server) deletePerson(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Ledger.RemovePerson(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getCodes(w http.ResponseWriter, r *http.Request) error {
	codes, err := s.opts.Ledger.Codes(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(codes))
}

func (s *Server) postCode(w http.ResponseWriter, r *http.Request) error {
	var body CodeRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	switch {
	case body.Person == "":
		return invalid("person", "whose code it is, is missing", "send the id of a person; loquet people list shows them")
	case body.PIN != "" && body.Card != "":
		return invalid("card", "a code is a PIN or a card", "send one of the two, and add the other as a code of its own")
	case body.Digits != 0 && (body.PIN != "" || body.Card != ""):
		return invalid("digits", "digits are for a PIN that is made", "leave pin and card out, or digits")
	}
	if err := s.checkDoors(body.Doors); err != nil {
		return err
	}
	c, err := s.opts.Ledger.AddCode(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusCreated, c)
}

func (s *Server) patchCode(w http.ResponseWriter, r *http.Request) error {
	var change CodeChange
	if err := decode(r, &change); err != nil {
		return err
	}
	if change == (CodeChange{}) {
		return invalid("", "nothing to change", "send doors, groups, windows, grace, both, duress or revoked")
	}
	if err := s.checkDoors(change.Doors); err != nil {
		return err
	}
	c, err := s.opts.Ledger.ChangeCode(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, c)
}

func (s *Server) getGroups(w http.ResponseWriter, r *http.Request) error {
	groups, err := s.opts.Ledger.DoorGroups(r.Context())
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, list(groups))
}

func (s *Server) putGroup(w http.ResponseWriter, r *http.Request) error {
	var body DoorGroupRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	if err := s.checkDoors(&body.Doors); err != nil {
		return err
	}
	g, err := s.opts.Ledger.SaveDoorGroup(r.Context(), DoorGroup{ID: r.PathValue("id"), Name: body.Name, Doors: body.Doors})
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, g)
}

func (s *Server) deleteGroup(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Ledger.RemoveDoorGroup(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// checkDoors wants doors and locks that there are.
func (s *Server) checkDoors(doors *[]string) error {
	if doors == nil || slices.Equal(*doors, []string{AllDoors}) {
		return nil
	}
	for _, id := range *doors {
		if !s.opens(id) {
			return invalid("doors", "there is no door or lock "+quote(id), "loquet devices lists them")
		}
	}
	return nil
}

func (s *Server) opens(id string) bool {
	d, ok := s.house.Device(id)
	return ok && (d.Kind == KindDoor || d.Kind == KindLock)
}

func (s *Server) deleteCode(w http.ResponseWriter, r *http.Request) error {
	if err := s.opts.Ledger.RemoveCode(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) postExplain(w http.ResponseWriter, r *http.Request) error {
	var body ExplainRequest
	if err := decode(r, &body); err != nil {
		return err
	}
	switch {
	case !s.opens(body.Door):
		return invalid("door", "there is no door or lock "+quote(body.Door), "loquet devices lists them")
	case (body.Code == "") == (body.CodeID == ""):
		return invalid("code_id", "which code it is about must be said once", "send code or code_id")
	}
	e, err := s.opts.Ledger.ExplainCode(r.Context(), body)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, e)
}

func (s *Server) postInstall(w http.ResponseWriter, r *http.Request) error {
	i, err := s.opts.Keypads.InstallKeypad(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, i)
}
