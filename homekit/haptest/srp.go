package haptest

import (
	"bytes"
	"crypto/rand"
	"crypto/sha512"
	"fmt"
	"math/big"
)

const modulus = "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B" +
	"302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE64928" +
	"6651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E" +
	"4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA95" +
	"6AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C7709" +
	"88C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// SRP is the controller's side of SRP-6a with the 3072-bit group and SHA-512. The fields choose among the forms that
// implementations differ in when a number begins with zero bytes.
type SRP struct {
	User, Code string
	SendPadA   bool // send A with its leading zeros
	PadA       bool // hash A with its leading zeros in M1
	PadA2      bool // and in M2
	PadS       bool // hash S with its leading zeros

	a, A *big.Int
	m2   []byte
	K    []byte // session key, after Prove
}

// Public draws a and returns A.
func (s *SRP) Public() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	s.SetPrivate(new(big.Int).SetBytes(b))
	return s.bytesA(s.SendPadA)
}

// SetPrivate sets a, for tests that need a certain A.
func (s *SRP) SetPrivate(a *big.Int) {
	n, _ := new(big.Int).SetString(modulus, 16)
	s.a, s.A = a, new(big.Int).Exp(big.NewInt(5), a, n)
}

// Sent is A as it is sent.
func (s *SRP) Sent() []byte { return s.bytesA(s.SendPadA) }

func (s *SRP) bytesA(pad bool) []byte {
	if pad {
		return s.A.FillBytes(make([]byte, 384))
	}
	return s.A.Bytes()
}

// Prove returns M1 for the server's salt and public key.
func (s *SRP) Prove(salt, serverB []byte) []byte {
	n, _ := new(big.Int).SetString(modulus, 16)
	g, B := big.NewInt(5), new(big.Int).SetBytes(serverB)
	padded := func(i *big.Int) []byte { return i.FillBytes(make([]byte, 384)) }
	u := new(big.Int).SetBytes(sum(padded(s.A), padded(B)))
	x := new(big.Int).SetBytes(sum(salt, sum([]byte(s.User+":"+s.Code))))
	k := new(big.Int).SetBytes(sum(n.Bytes(), padded(g)))
	// S = (B - k*g^x) ^ (a + u*x)
	base := new(big.Int).Mul(k, new(big.Int).Exp(g, x, n))
	base.Sub(B, base).Mod(base, n)
	S := base.Exp(base, new(big.Int).Add(s.a, u.Mul(u, x)), n)
	s.K = sum(S.Bytes())
	if s.PadS {
		s.K = sum(padded(S))
	}
	hn, hg := sum(n.Bytes()), sum(g.Bytes())
	for i := range hn {
		hn[i] ^= hg[i]
	}
	m1 := sum(hn, sum([]byte(s.User)), salt, s.bytesA(s.PadA), serverB, s.K)
	s.m2 = sum(s.bytesA(s.PadA2), m1, s.K)
	return m1
}

// Check verifies the server's proof.
func (s *SRP) Check(m2 []byte) error {
	if !bytes.Equal(s.m2, m2) {
		return fmt.Errorf("haptest: the server's proof is wrong")
	}
	return nil
}

func sum(parts ...[]byte) []byte {
	h := sha512.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}
