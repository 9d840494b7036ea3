package homekit

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
)

var errRevoked = errors.New("homekit: the pairing was removed")

// verifyExchange is what M1 of pair-verify leaves for M3 of the same connection. It is used once.
type verifyExchange struct {
	shared     []byte
	encKey     []byte
	controller []byte // its ephemeral public key
	accessory  []byte // ours
}

// postPairVerify proves each side to the other and makes the keys of the session (HAP R2 5.7).
func (c *conn) postPairVerify(req request) *message {
	exchange := c.verify
	c.verify = nil // whatever comes, the ephemeral keys serve no second time
	items, err := parseTLV(req.body)
	if err != nil {
		return empty(400)
	}
	state, _ := items.octet(tlvState)
	switch state {
	case 1:
		return c.verifyStart(items)
	case 3:
		if exchange != nil {
			return c.verifyFinish(exchange, items)
		}
		return pairingError(400, 4, pairErrUnknown)
	}
	return empty(400)
}

// verifyStart answers M1 with our ephemeral key and a signature over both.
func (c *conn) verifyStart(items tlvItems) *message {
	theirs, ok := items.sized(tlvPublicKey, 32)
	if !ok {
		return pairingError(400, 2, pairErrUnknown)
	}
	exchange, body, err := c.s.meet(theirs)
	if err != nil { // a point of low order, which would fix the shared secret
		return pairingError(200, 2, pairErrAuth)
	}
	c.verify = exchange
	return pairingBody(200, body)
}

// meet makes M2.
func (s *Server) meet(theirs []byte) (*verifyExchange, []byte, error) {
	public, err := ecdh.X25519().NewPublicKey(theirs)
	if err != nil {
		return nil, nil, err
	}
	private, err := ecdh.X25519().GenerateKey(s.rand)
	if err != nil {
		return nil, nil, err
	}
	e := &verifyExchange{controller: append([]byte(nil), theirs...), accessory: private.PublicKey().Bytes()}
	if e.shared, err = private.ECDH(public); err != nil {
		return nil, nil, err
	}
	if e.encKey, err = derive(e.shared, "Pair-Verify-Encrypt-Salt", "Pair-Verify-Encrypt-Info"); err != nil {
		return nil, nil, err
	}
	info := append(append(append([]byte(nil), e.accessory...), s.vault.deviceID...), e.controller...)
	plain := appendTLV(nil, tlvIdentifier, []byte(s.vault.deviceID))
	plain = appendTLV(plain, tlvSignature, ed25519.Sign(s.vault.key, info))
	sealed, err := sealPairing(e.encKey, "PV-Msg02", plain)
	if err != nil {
		return nil, nil, err
	}
	body := appendTLVByte(nil, tlvState, 2)
	body = appendTLV(body, tlvPublicKey, e.accessory)
	return e, appendTLV(body, tlvEncrypted, sealed), nil
}

// verifyFinish checks M3. An authentication failure is a TLV error in HTTP 200, which iOS 16.2 insists on. M4 leaves in
// plaintext; everything after it is encrypted, and the controller's first ciphertext may be here already.
func (c *conn) verifyFinish(e *verifyExchange, items tlvItems) *message {
	id, ok := c.s.recognise(e, items)
	if !ok {
		return pairingError(200, 4, pairErrAuth)
	}
	c.who.Store(&id)
	c.verified.Store(true) // before the controller knows, so that it never counts as a stranger when it does
	m := pairingBody(200, appendTLVByte(nil, tlvState, 4))
	m.after = func() {
		if err := c.verifiedBy(id, e.shared); err != nil {
			c.close()
		}
	}
	return m
}

// recognise returns the controller that signed M3.
func (s *Server) recognise(e *verifyExchange, items tlvItems) (string, bool) {
	sealed, ok := items.get(tlvEncrypted)
	if !ok {
		return "", false
	}
	plain, err := openPairing(e.encKey, "PV-Msg03", sealed)
	if err != nil {
		return "", false
	}
	inner, err := parseTLV(plain)
	if err != nil {
		return "", false
	}
	id, _ := inner.get(tlvIdentifier)
	signature, ok := inner.sized(tlvSignature, ed25519.SignatureSize)
	if !ok {
		return "", false
	}
	p, known := s.vault.find(string(id))
	if !known {
		return "", false
	}
	info := append(append(append([]byte(nil), e.controller...), id...), e.accessory...)
	return p.ID, ed25519.Verify(p.key[:], info, signature)
}

// sessionCiphers makes the keys of both directions (HAP R2 6.5.2). The names are the controller's view.
func sessionCiphers(shared []byte) (out, in *frameCipher, err error) {
	read, err := derive(shared, "Control-Salt", "Control-Read-Encryption-Key")
	if err != nil {
		return nil, nil, err
	}
	write, err := derive(shared, "Control-Salt", "Control-Write-Encryption-Key")
	if err != nil {
		return nil, nil, err
	}
	if out, err = newFrameCipher(read); err != nil {
		return nil, nil, err
	}
	in, err = newFrameCipher(write)
	return out, in, err
}
