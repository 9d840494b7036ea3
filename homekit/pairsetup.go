package homekit

import (
	"crypto/ed25519"
	"errors"
	"io"
	"math/big"
	"sync"
	"time"
)

// Times of pair-setup: a person types the code between M2 and M3.
const (
	messageLease = 30 * time.Second
	setupLease   = 120 * time.Second
)

// pairSetup is the one pair-setup that may be under way. A connection claims it with M1:
//
//	        M1                 M3 right proof           M5 right signature
//	(free) ----> [wantProof] ----------------> [wantKey] ------------------> (free, paired)
//
// Anything else, an error, the end of the connection, 30 s without a message or 120 s since the connection's first M1
// set it free; restarting with M1 wins no more time. There is no key before the proof, so nothing of M5 can be read
// without one.
type pairSetup struct {
	mu      sync.Mutex
	holder  *conn
	step    int
	srp     *srpServer
	started time.Time
	latest  time.Time

	armedUntil time.Time // failures are forgiven until then
	armedLeft  int       // and as many

	group    srpGroup
	code     string // that salt and verifier are made from
	salt     []byte
	verifier *big.Int
}

const (
	wantProof = 3
	wantKey   = 5
)

// expired reports whether the holder has lost its claim. It runs under mu.
func (p *pairSetup) expired(now time.Time) bool {
	return p.holder != nil && (now.Sub(p.latest) >= messageLease || now.Sub(p.started) >= setupLease)
}

// free ends the claim. It runs under mu.
func (p *pairSetup) free() { p.holder, p.srp, p.step = nil, nil, 0 }

// drop ends the claim of a connection, if it has one.
func (p *pairSetup) drop(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holder == c {
		p.free()
		c.until = time.Now().Add(verifyLimit)
	}
}

// lease returns until when a connection that is pairing may stay.
func (p *pairSetup) lease(c *conn) (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holder != c {
		return time.Time{}, false
	}
	until := p.latest.Add(messageLease)
	if end := p.started.Add(setupLease); end.Before(until) {
		until = end
	}
	return until, true
}

func (p *pairSetup) holds(c *conn) bool {
	_, ok := p.lease(c)
	return ok
}

// at returns the exchange if c holds the claim and it waits for that step.
func (p *pairSetup) at(c *conn, step int) *srpServer {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holder != c || p.step != step || p.expired(time.Now()) {
		return nil
	}
	p.latest = time.Now()
	return p.srp
}

func (p *pairSetup) advance(c *conn, step int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.holder == c {
		p.step = step
	}
}

// postPairSetup is the state machine of pair-setup (HAP R2 5.6).
func (c *conn) postPairSetup(req request) *message {
	items, err := parseTLV(req.body)
	if err != nil {
		c.s.setup.drop(c)
		return empty(400)
	}
	state, _ := items.octet(tlvState)
	switch state {
	case 1:
		return c.setupStart(items)
	case 3:
		return c.setupProve(items)
	case 5:
		return c.setupFinish(items)
	}
	c.s.setup.drop(c)
	return empty(400)
}

// setupRefuse answers with an error and frees the claim if c holds it.
func (c *conn) setupRefuse(status int, state, code byte) *message {
	c.s.setup.drop(c)
	return pairingError(status, state, code)
}

// setupStart answers M1 with salt and public key, or with the first reason not to (HAP R2 5.6.2): paired, too many
// failures, another controller is pairing.
func (c *conn) setupStart(items tlvItems) *message {
	method, ok := items.octet(tlvMethod)
	if !ok {
		return c.setupRefuse(400, 2, pairErrUnknown)
	}
	s := c.s
	if !s.vault.unpaired() {
		return c.setupRefuse(200, 2, pairErrUnavailable)
	}
	p := &s.setup
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if p.holder == c {
		p.free() // M1 again restarts
	}
	if s.lockedOut(now) {
		return pairingError(200, 2, pairErrMaxTries)
	}
	if c.setupSince.IsZero() {
		c.setupSince = now
	}
	if p.holder != nil && !p.expired(now) || now.Sub(c.setupSince) >= setupLease {
		return pairingError(200, 2, pairErrBusy)
	}
	if method != 0 { // pairing with MFi authentication needs Apple's chip
		return pairingError(200, 2, pairErrAuth)
	}
	if err := p.prepare(s.vault.setupInfo().code, s.rand); err != nil {
		s.log.Error().Err(err).Msg("pair-setup failed")
		return pairingError(200, 2, pairErrUnknown)
	}
	srp, err := newSRPServer(p.group, srpUser, p.salt, p.verifier, s.rand)
	if err != nil {
		s.log.Error().Err(err).Msg("pair-setup failed")
		return pairingError(200, 2, pairErrUnknown)
	}
	p.holder, p.srp, p.step, p.started, p.latest = c, srp, wantProof, c.setupSince, now
	body := appendTLVByte(nil, tlvState, 2)
	body = appendTLV(body, tlvPublicKey, srp.pub)
	return pairingBody(200, appendTLV(body, tlvSalt, srp.salt))
}

// prepare computes the verifier of a setup code once. It runs under mu.
func (p *pairSetup) prepare(code string, rand io.Reader) error {
	if p.code == code {
		return nil
	}
	salt := make([]byte, saltSize)
	if _, err := io.ReadFull(rand, salt); err != nil {
		return err
	}
	p.code, p.salt, p.verifier = code, salt, p.group.verifier(srpUser, code, salt)
	return nil
}

// setupProve checks the proof of M3. The guess is counted, durably, before it is looked at: cutting the power cannot
// win another one.
func (c *conn) setupProve(items tlvItems) *message {
	s := c.s
	key, haveKey := items.get(tlvPublicKey)
	proof, haveProof := items.sized(tlvProof, 64)
	srp := s.setup.at(c, wantProof)
	if srp == nil || !haveKey || len(key) == 0 || len(key) > srpBytes || !haveProof {
		return c.setupRefuse(400, 4, pairErrUnknown)
	}
	if err := s.countFailure(); err != nil {
		if errors.Is(err, errMaxTries) {
			return c.setupRefuse(200, 4, pairErrMaxTries)
		}
		s.log.Error().Err(err).Msg("pair-setup refused")
		return c.setupRefuse(200, 4, pairErrUnknown)
	}
	answer, err := srp.prove(key, proof)
	if err != nil {
		s.log.Warn().Stringer("remote", c.ip).Uint32("failures", s.vault.failureCount()).Msg("a wrong setup code was tried")
		s.changed()
		return c.setupRefuse(200, 4, pairErrAuth)
	}
	if err := s.forgiveFailures(); err != nil {
		s.log.Error().Err(err).Msg("the counter of failed pairings could not be cleared")
	}
	s.setup.advance(c, wantKey)
	return pairingBody(200, appendTLV(appendTLVByte(nil, tlvState, 4), tlvProof, answer))
}

// setupFinish takes the controller's long-term key in M5, stores the pairing and answers with ours.
func (c *conn) setupFinish(items tlvItems) *message {
	s := c.s
	sealed, ok := items.get(tlvEncrypted)
	srp := s.setup.at(c, wantKey)
	if srp == nil || !ok {
		return c.setupRefuse(400, 6, pairErrUnknown)
	}
	pairing, err := openExchange(srp.key, sealed)
	if err != nil {
		return c.setupRefuse(200, 6, pairErrAuth)
	}
	pairing.Admin = true
	answer, err := s.exchange(srp.key)
	if err == nil {
		_, err = s.vault.add(pairing, true) // durable before the controller can believe it
	}
	if err != nil {
		s.log.Error().Err(err).Msg("the pairing could not be stored")
		return c.setupRefuse(200, 6, pairErrUnknown)
	}
	s.setup.drop(c)
	s.log.Info().Str("controller", pairing.ID).Msg("paired")
	s.announce()
	s.changed()
	return pairingBody(200, answer)
}

// openExchange reads and verifies the encrypted part of M5.
func openExchange(key, sealed []byte) (Pairing, error) {
	encKey, err := derive(key, "Pair-Setup-Encrypt-Salt", "Pair-Setup-Encrypt-Info")
	if err != nil {
		return Pairing{}, err
	}
	plain, err := openPairing(encKey, "PS-Msg05", sealed)
	if err != nil {
		return Pairing{}, err
	}
	items, err := parseTLV(plain)
	if err != nil {
		return Pairing{}, err
	}
	id, _ := items.get(tlvIdentifier)
	ltpk, okKey := items.sized(tlvPublicKey, ed25519.PublicKeySize)
	signature, okSig := items.sized(tlvSignature, ed25519.SignatureSize)
	if !validControllerID(id) || !okKey || !okSig || smallOrder(ltpk) {
		return Pairing{}, errTLV
	}
	x, err := derive(key, "Pair-Setup-Controller-Sign-Salt", "Pair-Setup-Controller-Sign-Info")
	if err != nil {
		return Pairing{}, err
	}
	if !ed25519.Verify(ltpk, append(append(x, id...), ltpk...), signature) {
		return Pairing{}, errSeal
	}
	p := Pairing{ID: string(id)}
	copy(p.key[:], ltpk)
	return p, nil
}

// exchange makes M6.
func (s *Server) exchange(key []byte) ([]byte, error) {
	x, err := derive(key, "Pair-Setup-Accessory-Sign-Salt", "Pair-Setup-Accessory-Sign-Info")
	if err != nil {
		return nil, err
	}
	id, ltpk := []byte(s.vault.deviceID), s.vault.key.Public().(ed25519.PublicKey)
	plain := appendTLV(nil, tlvIdentifier, id)
	plain = appendTLV(plain, tlvPublicKey, ltpk)
	plain = appendTLV(plain, tlvSignature, ed25519.Sign(s.vault.key, append(append(x, id...), ltpk...)))
	encKey, err := derive(key, "Pair-Setup-Encrypt-Salt", "Pair-Setup-Encrypt-Info")
	if err != nil {
		return nil, err
	}
	sealed, err := sealPairing(encKey, "PS-Msg06", plain)
	if err != nil {
		return nil, err
	}
	return appendTLV(appendTLVByte(nil, tlvState, 6), tlvEncrypted, sealed), nil
}
