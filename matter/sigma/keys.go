package sigma

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
)

var (
	errHalfResumption = errors.New("sigma: half of a resumption")
	errSignature      = errors.New("sigma: the peer's signature is wrong")
	errPeer           = errors.New("sigma: the peer is somebody else")
	errFabric         = errors.New("sigma: the peer is of another fabric")
)

// ErrNoFabric is returned when the peer asks for a fabric or node that is not here.
var ErrNoFabric = errors.New("sigma: no such fabric here")

// Nonces of what is encrypted in the handshake (Matter 1.4 4.14.2.4).
const (
	nonceSigma2  = "NCASE_Sigma2N"
	nonceSigma3  = "NCASE_Sigma3N"
	nonceResume1 = "NCASE_SigmaS1"
	nonceResume2 = "NCASE_SigmaS2"
	infoSigma2   = "Sigma2"
	infoSigma3   = "Sigma3"
	infoResume1  = "Sigma1_Resume"
	infoResume2  = "Sigma2_Resume"
)

// destination names a node on a fabric to those who know the fabric's keys (Matter 1.4 4.14.2.4.1).
func destination(ipk, random, rootKey []byte, fabric, node uint64) []byte {
	ids := binary.LittleEndian.AppendUint64(nil, fabric)
	ids = binary.LittleEndian.AppendUint64(ids, node)
	return crypto.MAC(ipk, random, rootKey, ids)
}

func join(parts ...[]byte) []byte { return slices.Concat(parts...) }

func seal(key []byte, nonce string, text []byte) ([]byte, error) {
	c, err := crypto.NewCCM(key)
	if err != nil {
		return nil, err
	}
	return c.Seal(nil, []byte(nonce), nil, text)
}

func unseal(key []byte, nonce string, sealed []byte) ([]byte, error) {
	c, err := crypto.NewCCM(key)
	if err != nil {
		return nil, err
	}
	return c.Open(nil, []byte(nonce), nil, sealed)
}

// resumeMIC proves knowledge of the secret of an earlier session.
func resumeMIC(secret, random, id []byte, info, nonce string) ([]byte, error) {
	return seal(crypto.Derive(secret, join(random, id), info, crypto.KeySize), nonce, nil)
}

func checkResumeMIC(secret, random, id, mic []byte, info, nonce string) error {
	_, err := unseal(crypto.Derive(secret, join(random, id), info, crypto.KeySize), nonce, mic)
	return err
}

// own makes this node's identity in a handshake.
func own(f session.Fabric, ephemeral, peer, resumptionID []byte) (identity, error) {
	id := identity{noc: f.NOC, resumptionID: resumptionID}
	if len(f.ICAC) > 0 {
		id.icac = f.ICAC
	}
	tbs, err := id.signed(ephemeral, peer)
	if err != nil {
		return identity{}, err
	}
	id.signature, err = crypto.Sign(f.Key, tbs)
	return id, err
}

// check verifies a peer's identity: the chain up to the fabric's root, the fabric, and the signature over both
// ephemeral keys.
func check(f session.Fabric, id identity, ephemeral, ours []byte, at time.Time) (*cert.Cert, error) {
	chain, err := cert.Verify(f.Root, id.icac, id.noc, at)
	if err != nil {
		return nil, err
	}
	if chain.NOC.FabricID() != f.FabricID {
		return nil, errFabric
	}
	tbs, err := id.signed(ephemeral, ours)
	if err != nil {
		return nil, err
	}
	if !crypto.Verify(chain.NOC.PublicKey, id.signature, tbs) {
		return nil, errSignature
	}
	return chain.NOC, nil
}

// step says which step of the handshake failed.
func step(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("sigma: %s: %w", name, err)
}
