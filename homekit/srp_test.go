package homekit

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"os"
	"testing"

	"github.com/loquet/loquet/homekit/haptest"
)

// srpVector is one exchange with all its intermediate values, in hexadecimal. User, password, salt, a and b are those
// of RFC 5054 appendix B; the rest follows from the 3072-bit group and SHA-512 and agrees with HAP R2 5.5.2.
type srpVector struct{ User, Password, Salt, SecretA, SecretB, V, A, B, S, K, M1, M2 string }

func TestSRPVector(t *testing.T) {
	b, err := os.ReadFile("testdata/srp.json")
	if err != nil {
		t.Fatal(err)
	}
	var v srpVector
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	gr := newSRPGroup()
	salt := unhex(t, v.Salt)
	s := &srpServer{group: gr, user: v.User, salt: salt, v: gr.verifier(v.User, v.Password, salt), b: new(big.Int).SetBytes(unhex(t, v.SecretB))}
	s.pub = s.public()
	m2, err := s.prove(unhex(t, v.A), unhex(t, v.M1))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"v", s.v.Bytes(), v.V}, {"B", s.pub, v.B}, {"S", s.premaster(new(big.Int).SetBytes(unhex(t, v.A))).Bytes(), v.S},
		{"K", s.key, v.K}, {"M2", m2, v.M2},
	} {
		if !bytes.Equal(c.got, unhex(t, c.want)) {
			t.Errorf("%s is %X", c.name, c.got)
		}
	}
	client := &haptest.SRP{User: v.User, Code: v.Password}
	client.SetPrivate(new(big.Int).SetBytes(unhex(t, v.SecretA)))
	if m1 := client.Prove(salt, s.pub); !bytes.Equal(m1, unhex(t, v.M1)) {
		t.Errorf("the controller's M1 is %X", m1)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Numbers that begin with zero bytes are hashed in different ways by different controllers; all must get in.
func TestSRPLeadingZeros(t *testing.T) {
	gr := newSRPGroup()
	salt := make([]byte, saltSize)
	v := gr.verifier(srpUser, "111-22-333", salt)
	for _, what := range []string{"A", "S"} {
		for name, form := range map[string]haptest.SRP{
			"as sent, short":              {},
			"as sent, padded":             {SendPadA: true, PadA: true, PadA2: true},
			"the ADK: stripped in M1":     {SendPadA: true, PadA2: true},
			"aiohomekit: always padded":   {PadA: true, PadA2: true},
			"as sent, short, padded S":    {PadS: true},
			"as sent, padded, padded S":   {SendPadA: true, PadA: true, PadA2: true, PadS: true},
			"always padded, padded S":     {PadA: true, PadA2: true, PadS: true},
			"stripped in M1 and padded S": {SendPadA: true, PadA2: true, PadS: true},
		} {
			client := &form
			client.User, client.Code = srpUser, "111-22-333"
			s, m1 := leadingZero(t, gr, salt, v, client, what)
			m2, err := s.prove(client.Sent(), m1)
			if err == nil {
				err = client.Check(m2)
			}
			if err != nil {
				t.Errorf("short %s, %s: %v", what, name, err)
			}
		}
	}
}

// leadingZero looks for an exchange in which A or S has a leading zero byte; one in 256 has.
func leadingZero(t *testing.T, gr srpGroup, salt []byte, v *big.Int, client *haptest.SRP, what string) (*srpServer, []byte) {
	t.Helper()
	s, err := newSRPServer(gr, srpUser, salt, v, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if what == "A" {
		// g^a is walked, not computed anew: a+1 multiplies A by g.
		secret := big.NewInt(1 << 40)
		A := new(big.Int).Exp(gr.g, secret, gr.n)
		for A.BitLen() > 8*(srpBytes-1) {
			secret.Add(secret, big.NewInt(1))
			A.Mul(A, gr.g).Mod(A, gr.n)
		}
		client.SetPrivate(secret)
		return s, client.Prove(salt, s.pub)
	}
	for secret := int64(1 << 20); ; secret++ {
		client.SetPrivate(big.NewInt(secret))
		A := new(big.Int).Exp(gr.g, big.NewInt(secret), gr.n)
		s.b = big.NewInt(secret | 1) // a short b keeps the search fast
		s.pub = s.public()
		if len(s.pub) != srpBytes || len(s.premaster(A).Bytes()) == srpBytes {
			continue
		}
		return s, client.Prove(salt, s.pub)
	}
}

func TestSRPRefuses(t *testing.T) {
	gr := newSRPGroup()
	v := gr.verifier(srpUser, "111-22-333", make([]byte, saltSize))
	s, err := newSRPServer(gr, srpUser, make([]byte, saltSize), v, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.pub) != srpBytes {
		t.Errorf("B has %d bytes", len(s.pub))
	}
	twoN := new(big.Int).Lsh(gr.n, 1)
	for name, a := range map[string][]byte{
		"zero": {0}, "padded zero": make([]byte, srpBytes), "N": gr.n.Bytes(), "2N": twoN.Bytes(), "too long": make([]byte, srpBytes+1),
	} {
		if _, err := s.prove(a, make([]byte, 64)); !errors.Is(err, errSRPKey) {
			t.Errorf("A = %s: %v", name, err)
		}
	}
	if _, err := s.prove([]byte{5}, make([]byte, 64)); !errors.Is(err, errSRPProof) || s.key != nil {
		t.Errorf("wrong proof: %v, key %v", err, s.key)
	}
}
