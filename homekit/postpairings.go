package homekit

import (
	"errors"
	"fmt"
)

// Methods of POST /pairings (HAP R2 table 5-7).
const (
	methodAdd    = 3
	methodRemove = 4
	methodList   = 5
)

// postPairings adds, removes and lists pairings for an admin (HAP R2 5.10 to 5.12). Whether the controller is one is
// looked up now, so that taking the right away acts on open sessions.
func (c *conn) postPairings(req request) *message {
	items, err := parseTLV(req.body)
	state, ok := items.octet(tlvState)
	method, okMethod := items.octet(tlvMethod)
	if err != nil || !ok || state != 1 || !okMethod {
		return empty(400)
	}
	if p, _ := c.s.vault.find(c.session.controller); !p.Admin {
		return pairingError(200, 2, pairErrAuth)
	}
	switch method {
	case methodAdd:
		return c.addPairing(items)
	case methodRemove:
		return c.removePairing(items)
	case methodList:
		return c.listPairings()
	}
	return empty(400)
}

func (c *conn) addPairing(items tlvItems) *message {
	id, _ := items.get(tlvIdentifier)
	key, okKey := items.sized(tlvPublicKey, 32)
	permissions, okPerm := items.octet(tlvPermissions)
	if !validControllerID(id) || !okKey || !okPerm || permissions > 1 || smallOrder(key) {
		return empty(400)
	}
	p := Pairing{ID: string(id), Admin: permissions == 1}
	copy(p.key[:], key)
	emptied, err := c.s.vault.add(p, false)
	switch {
	case errors.Is(err, errFull):
		return pairingError(200, 2, pairErrMaxPeers)
	case err != nil:
		c.s.log.Warn().Err(err).Str("controller", p.ID).Msg("a pairing was not added")
		return pairingError(200, 2, pairErrUnknown)
	}
	c.s.log.Info().Str("controller", p.ID).Bool("admin", p.Admin).Msg("pairing added")
	m := pairingBody(200, appendTLVByte(nil, tlvState, 2))
	if emptied {
		c.endAll(m)
	}
	c.s.changed()
	return m
}

func (c *conn) removePairing(items tlvItems) *message {
	id, _ := items.get(tlvIdentifier)
	if len(id) == 0 || len(id) > 36 {
		return empty(400)
	}
	known, emptied, err := c.s.vault.remove(string(id))
	if err != nil {
		c.s.log.Error().Err(err).Msg("a pairing was not removed")
		return pairingError(200, 2, pairErrUnknown)
	}
	m := pairingBody(200, appendTLVByte(nil, tlvState, 2))
	switch {
	case emptied:
		c.endAll(m)
	case known:
		c.s.log.Info().Str("controller", string(id)).Msg("pairing removed")
		c.endSessions(m, string(id))
	}
	if known {
		c.s.changed()
	}
	return m
}

// endSessions closes the sessions of a removed controller. One's own goes after the answer has been written, as
// controllers wait for it; those of others at once.
func (c *conn) endSessions(m *message, id string) {
	m.last = c.session.controller == id
	if !m.last {
		c.s.revoke(func(ss *session) bool { return ss.controller == id })
		return
	}
	m.after = func() {
		c.s.revoke(func(ss *session) bool { return ss.controller == id && ss != c.session })
	}
}

// endAll closes every session of this server and makes it pairable again.
func (c *conn) endAll(m *message) {
	c.s.log.Info().Msg("the last admin was removed: unpaired, with a new setup code")
	m.last = true
	m.after = func() {
		c.s.revoke(func(ss *session) bool { return ss != c.session })
		c.s.announce()
	}
}

// listPairings separates the pairings with an empty item of type FF.
func (c *conn) listPairings() *message {
	body := appendTLVByte(nil, tlvState, 2)
	for i, p := range c.s.vault.list() {
		if i > 0 {
			body = append(body, tlvSeparator, 0)
		}
		body = appendTLV(body, tlvIdentifier, []byte(p.ID))
		body = appendTLV(body, tlvPublicKey, p.key[:])
		permissions := byte(0)
		if p.Admin {
			permissions = 1
		}
		body = appendTLVByte(body, tlvPermissions, permissions)
	}
	return pairingBody(200, body)
}

// revoke ends the sessions that match.
func (s *Server) revoke(match func(*session) bool) {
	for _, ss := range s.table.listeners() {
		if match(ss) {
			ss.revoke(errRevoked)
		}
	}
}

// Pairings lists the controllers.
func (s *Server) Pairings() []Pairing { return s.vault.list() }

// Paired reports whether pair-setup is closed because there is a pairing, or because records are damaged.
func (s *Server) Paired() bool { return !s.vault.unpaired() }

// Damaged names the records that could not be read. Pairing stays closed while there are any; Unpair, which forgets
// every controller, makes them whole.
func (s *Server) Damaged() []string { return s.vault.damage() }

// RemovePairing takes a controller's access away: its sessions are closed at once, also with a write in flight.
// Removing the last admin removes every pairing. An unknown id is no error.
func (s *Server) RemovePairing(id string) error {
	known, emptied, err := s.vault.remove(id)
	if err != nil {
		return fmt.Errorf("homekit: %w", err)
	}
	if !known {
		return nil
	}
	s.revoke(func(ss *session) bool { return emptied || ss.controller == id })
	if emptied {
		s.announce()
	}
	s.changed()
	return nil
}

// Unpair forgets every controller, closes every session and draws a new setup code. The identity stays.
func (s *Server) Unpair() error {
	if err := s.vault.unpair(); err != nil {
		return fmt.Errorf("homekit: %w", err)
	}
	s.revoke(func(*session) bool { return true })
	s.announce()
	s.changed()
	return nil
}
