package sigma

import (
	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
)

// open decrypts Sigma3 and checks the peer in it.
func (r *Responder) open(third []byte, f session.Fabric, ipk, secret, first, second, theirs, ours []byte) (*cert.Cert, error) {
	sealed, err := parseSigma3(third)
	if err != nil {
		return nil, err
	}
	text, err := unseal(crypto.Derive(secret, join(ipk, crypto.Hash(first, second)), infoSigma3, crypto.KeySize), nonceSigma3, sealed)
	if err != nil {
		return nil, err
	}
	id, err := parseIdentity(text, false)
	if err != nil {
		return nil, err
	}
	return check(f, id, theirs, ours, r.cfg.now())
}
