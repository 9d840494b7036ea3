package homekit

import (
	"bytes"
	"crypto/sha512"
	"crypto/subtle"
	"errors"
	"io"
	"math/big"
)

// srpModulus is the 3072-bit group of RFC 5054 appendix A.
const srpModulus = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74" +
	"020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437" +
	"4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05" +
	"98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB" +
	"9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718" +
	"3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33" +
	"A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864" +
	"D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2" +
	"08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

const (
	srpUser  = "Pair-Setup"
	srpBytes = 384
	saltSize = 16
)

var (
	errSRPKey   = errors.New("srp: the public key is a multiple of the modulus")
	errSRPProof = errors.New("srp: wrong proof")
)

// srpGroup holds the fixed numbers of SRP-6a as HAP uses it: g = 5, SHA-512 (HAP R2 5.5).
type srpGroup struct{ n, g, k *big.Int }

func newSRPGroup() srpGroup {
	n, _ := new(big.Int).SetString(srpModulus, 16)
	g := big.NewInt(5)
	return srpGroup{n: n, g: g, k: new(big.Int).SetBytes(hash512(n.Bytes(), pad(g)))}
}

// verifier is what the accessory knows of the setup code: v = g^x.
func (gr srpGroup) verifier(user, code string, salt []byte) *big.Int {
	x := new(big.Int).SetBytes(hash512(salt, hash512([]byte(user+":"+code))))
	return new(big.Int).Exp(gr.g, x, gr.n)
}

// srpServer is the accessory's side of one exchange. It is used once.
type srpServer struct {
	group srpGroup
	user  string
	salt  []byte
	v, b  *big.Int
	pub   []byte // B
	key   []byte // K, set by a right proof only
}

// newSRPServer draws b so that B has no leading zero byte: implementations differ in how they hash such a B, so it is
// never sent.
func newSRPServer(gr srpGroup, user string, salt []byte, v *big.Int, rand io.Reader) (*srpServer, error) {
	for {
		secret := make([]byte, 32)
		if _, err := io.ReadFull(rand, secret); err != nil {
			return nil, err
		}
		s := &srpServer{group: gr, user: user, salt: salt, v: v, b: new(big.Int).SetBytes(secret)}
		if s.pub = s.public(); len(s.pub) == srpBytes {
			return s, nil
		}
	}
}

// public is B = kv + g^b.
func (s *srpServer) public() []byte {
	b := new(big.Int).Exp(s.group.g, s.b, s.group.n)
	b.Add(b, new(big.Int).Mul(s.group.k, s.v))
	return b.Mod(b, s.group.n).Bytes()
}

// prove checks the controller's proof M1 and returns M2. When A or S begins with a zero byte, controllers differ in
// what they hash; each form that is accepted proves the code just as well, and the one that verified is kept.
func (s *srpServer) prove(a, m1 []byte) ([]byte, error) {
	bigA := new(big.Int).SetBytes(a)
	if len(a) > srpBytes || new(big.Int).Mod(bigA, s.group.n).Sign() == 0 {
		return nil, errSRPKey
	}
	secret := s.premaster(bigA)
	formsA := [][]byte{a, bigA.Bytes(), pad(bigA)}
	formsS := [][]byte{secret.Bytes(), pad(secret)}
	for i, fa := range formsA {
		if i > 0 && bytes.Equal(fa, a) {
			continue
		}
		for _, fs := range formsS {
			key := hash512(fs)
			if subtle.ConstantTimeCompare(s.proof1(fa, key), m1) != 1 {
				continue
			}
			s.key = key
			if i == 1 { // the ADK strips A in M1 but not in M2
				fa = a
			}
			return hash512(fa, m1, key), nil
		}
	}
	return nil, errSRPProof
}

// premaster is S = (A * v^u)^b.
func (s *srpServer) premaster(a *big.Int) *big.Int {
	u := new(big.Int).SetBytes(hash512(pad(a), s.pub))
	base := new(big.Int).Exp(s.v, u, s.group.n)
	base.Mul(base, a).Mod(base, s.group.n)
	return base.Exp(base, s.b, s.group.n)
}

// proof1 is M1 = H((H(N) xor H(g)) | H(user) | salt | A | B | K).
func (s *srpServer) proof1(a, key []byte) []byte {
	hn, hg := hash512(s.group.n.Bytes()), hash512(s.group.g.Bytes())
	subtle.XORBytes(hn, hn, hg)
	return hash512(hn, hash512([]byte(s.user)), s.salt, a, s.pub, key)
}

func pad(i *big.Int) []byte { return i.FillBytes(make([]byte, srpBytes)) }

func hash512(parts ...[]byte) []byte {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
