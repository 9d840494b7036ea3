package crypto

import (
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/big"

	"filippo.io/nistec"
)

// Bounds of the password based key derivation (Matter 1.4 3.9).
const (
	MinIterations = 1000
	MaxIterations = 100000
	MinSalt       = 16
	MaxSalt       = 32
	MaxPasscode   = 99999998
)

// VerifierSize is the size of a verifier as octets: w0 and L.
const VerifierSize = 32 + PublicKeySize

// ErrParameters is returned for a salt, an iteration count, a passcode or a verifier out of bounds.
var ErrParameters = errors.New("crypto: passcode parameters out of bounds")

// ErrPoint is returned when a peer sends what is no point of the curve.
var ErrPoint = errors.New("crypto: not a point of the curve")

// The points M and N of RFC 9383 for P-256, compressed.
const (
	pointM = "\x02\x88\x6e\x2f\x97\xac\xe4\x6e\x55\xba\x9d\xd7\x24\x25\x79\xf2\x99\x3b\x64\xe1\x6e\xf3\xdc\xab\x95\xaf\xd4\x97\x33\x3d\x8f\xa1\x2f"
	pointN = "\x03\xd8\xbb\xd6\xc6\x39\xc6\x29\x37\xb0\x4d\x99\x7f\x38\xc3\x77\x07\x19\xc6\x29\xd7\x01\x4d\x49\xa2\x4b\x4f\x98\xba\xa1\x29\x2b\x49"
)

// Verifier is what a device keeps of its passcode: enough to check that a peer knows it, too little to be that peer.
type Verifier struct {
	W0 [32]byte
	L  [PublicKeySize]byte
}

// passcodeScalars derives w0 and w1 (Matter 1.4 3.10).
func passcodeScalars(passcode uint32, salt []byte, iterations int) (w0, w1 [32]byte, err error) {
	if len(salt) < MinSalt || len(salt) > MaxSalt || iterations < MinIterations || iterations > MaxIterations ||
		passcode > MaxPasscode {
		return w0, w1, ErrParameters
	}
	pin := string(binary.LittleEndian.AppendUint32(nil, passcode))
	ws, err := pbkdf2.Key(sha256.New, pin, salt, iterations, 80)
	if err != nil {
		return w0, w1, ErrParameters
	}
	n := elliptic.P256().Params().N
	new(big.Int).Mod(new(big.Int).SetBytes(ws[:40]), n).FillBytes(w0[:])
	new(big.Int).Mod(new(big.Int).SetBytes(ws[40:]), n).FillBytes(w1[:])
	clear(ws)
	return w0, w1, nil
}

// NewVerifier derives the verifier of a passcode.
func NewVerifier(passcode uint32, salt []byte, iterations int) (Verifier, error) {
	w0, w1, err := passcodeScalars(passcode, salt, iterations)
	if err != nil {
		return Verifier{}, err
	}
	l, err := nistec.NewP256Point().ScalarBaseMult(w1[:])
	if err != nil {
		return Verifier{}, ErrParameters
	}
	v := Verifier{W0: w0}
	copy(v.L[:], l.Bytes())
	return v, nil
}

// ParseVerifier reads w0 and L, as an administrator sends them to open a window with a passcode of its own.
func ParseVerifier(b []byte) (Verifier, error) {
	var v Verifier
	if len(b) != VerifierSize {
		return v, ErrParameters
	}
	copy(v.W0[:], b)
	copy(v.L[:], b[32:])
	if new(big.Int).SetBytes(v.W0[:]).Cmp(elliptic.P256().Params().N) >= 0 {
		return Verifier{}, ErrParameters
	}
	if _, err := point(v.L[:]); err != nil {
		return Verifier{}, ErrParameters
	}
	return v, nil
}

// Bytes returns w0 and L.
func (v Verifier) Bytes() []byte { return append(append([]byte(nil), v.W0[:]...), v.L[:]...) }

// point reads an uncompressed point; the point at infinity is refused.
func point(b []byte) (*nistec.P256Point, error) {
	if len(b) != PublicKeySize || b[0] != 4 {
		return nil, ErrPoint
	}
	p, err := nistec.NewP256Point().SetBytes(b)
	if err != nil || p.IsInfinity() == 1 {
		return nil, ErrPoint
	}
	return p, nil
}

func constant(s string) *nistec.P256Point {
	p, err := nistec.NewP256Point().SetBytes([]byte(s))
	if err != nil {
		return nistec.NewP256Point() // infinity: every exchange then fails; the vectors prove that it does not happen
	}
	return p
}

// Transcript binds a run of SPAKE2+ to what was said before it. Matter leaves the identities empty.
type Transcript struct {
	Context            []byte
	Prover, VerifierID []byte
}

// Secrets are the result of SPAKE2+ (Matter 1.4 3.10.3).
type Secrets struct {
	Ke [KeySize]byte // the input of the session keys
	CA [32]byte      // the prover's confirmation, over Y
	CB [32]byte      // the verifier's confirmation, over X
}

func (t Transcript) secrets(x, y []byte, z, v *nistec.P256Point, w0 []byte) Secrets {
	h := sha256.New()
	for _, part := range [][]byte{t.Context, t.Prover, t.VerifierID, constant(pointM).Bytes(), constant(pointN).Bytes(), x, y,
		z.Bytes(), v.Bytes(), w0} {
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = h.Write(part)
	}
	keys := h.Sum(nil)
	confirm := Derive(keys[:16], nil, "ConfirmationKeys", 32)
	var s Secrets
	copy(s.Ke[:], keys[16:])
	copy(s.CA[:], MAC(confirm[:16], y))
	copy(s.CB[:], MAC(confirm[16:], x))
	clear(keys)
	clear(confirm)
	return s
}

// blind is scalar*G + w0*p.
func blind(scalar, w0 []byte, p *nistec.P256Point) (*nistec.P256Point, error) {
	a, err := nistec.NewP256Point().ScalarBaseMult(scalar)
	if err != nil {
		return nil, ErrPoint
	}
	b, err := nistec.NewP256Point().ScalarMult(p, w0)
	if err != nil {
		return nil, ErrPoint
	}
	return a.Add(a, b), nil
}

// unblind is share - w0*p.
func unblind(share []byte, w0 []byte, p *nistec.P256Point) (*nistec.P256Point, error) {
	s, err := point(share)
	if err != nil {
		return nil, err
	}
	b, err := nistec.NewP256Point().ScalarMult(p, w0)
	if err != nil {
		return nil, ErrPoint
	}
	return s.Add(s, b.Negate(b)), nil
}

// times is scalar*p; infinity is refused.
func times(p *nistec.P256Point, scalar []byte) (*nistec.P256Point, error) {
	q, err := nistec.NewP256Point().ScalarMult(p, scalar)
	if err != nil || q.IsInfinity() == 1 {
		return nil, ErrPoint
	}
	return q, nil
}

// randomScalar is uniform in 1..n-1.
func randomScalar(r io.Reader) ([]byte, error) {
	n := elliptic.P256().Params().N
	b := make([]byte, 32)
	for {
		if _, err := io.ReadFull(r, b); err != nil {
			return nil, err
		}
		if k := new(big.Int).SetBytes(b); k.Sign() > 0 && k.Cmp(n) < 0 {
			return b, nil
		}
	}
}

// Respond is the verifier's side of SPAKE2+: from the prover's share of 65 octets to the own share and the secrets.
func (v Verifier) Respond(t Transcript, proverShare []byte) (share []byte, s Secrets, err error) {
	y, err := randomScalar(rand.Reader)
	if err != nil {
		return nil, Secrets{}, err
	}
	defer clear(y)
	return v.respond(t, proverShare, y)
}

func (v Verifier) respond(t Transcript, proverShare, y []byte) ([]byte, Secrets, error) {
	share, err := blind(y, v.W0[:], constant(pointN))
	if err != nil {
		return nil, Secrets{}, err
	}
	x, err := unblind(proverShare, v.W0[:], constant(pointM))
	if err != nil {
		return nil, Secrets{}, err
	}
	l, err := point(v.L[:])
	if err != nil {
		return nil, Secrets{}, err
	}
	z, err := times(x, y)
	if err != nil {
		return nil, Secrets{}, err
	}
	vv, err := times(l, y)
	if err != nil {
		return nil, Secrets{}, err
	}
	return share.Bytes(), t.secrets(proverShare, share.Bytes(), z, vv, v.W0[:]), nil
}

// Prover is the side of SPAKE2+ that knows the passcode. It serves one run.
type Prover struct {
	w0, w1 [32]byte
	x      []byte
	share  []byte
}

// NewProver starts a run with a passcode.
func NewProver(passcode uint32, salt []byte, iterations int) (*Prover, error) {
	w0, w1, err := passcodeScalars(passcode, salt, iterations)
	if err != nil {
		return nil, err
	}
	x, err := randomScalar(rand.Reader)
	if err != nil {
		return nil, err
	}
	return newProver(w0, w1, x)
}

func newProver(w0, w1 [32]byte, x []byte) (*Prover, error) {
	share, err := blind(x, w0[:], constant(pointM))
	if err != nil {
		return nil, err
	}
	return &Prover{w0: w0, w1: w1, x: x, share: share.Bytes()}, nil
}

// Share is what the prover sends first, 65 octets.
func (p *Prover) Share() []byte { return p.share }

// Finish turns the verifier's share into the secrets. The caller compares the verifier's confirmation.
func (p *Prover) Finish(t Transcript, verifierShare []byte) (Secrets, error) {
	y, err := unblind(verifierShare, p.w0[:], constant(pointN))
	if err != nil {
		return Secrets{}, err
	}
	z, err := times(y, p.x)
	if err != nil {
		return Secrets{}, err
	}
	v, err := times(y, p.w1[:])
	if err != nil {
		return Secrets{}, err
	}
	return t.secrets(p.share, verifierShare, z, v, p.w0[:]), nil
}
