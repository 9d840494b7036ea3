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
	for what, secrets := range map[string][2]*big.Int{"A": shortA(gr), "S": shortS(t, gr, v)} {
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
			s := &srpServer{group: gr, user: srpUser, salt: salt, v: v, b: secrets[1]}
			s.pub = s.public()
			client := &form
			client.User, client.Code = srpUser, "111-22-333"
			client.SetPrivate(secrets[0])
			m2, err := s.prove(client.Sent(), client.Prove(salt, s.pub))
			if err == nil {
				err = client.Check(m2)
			}
			if err != nil {
				t.Errorf("short %s, %s: %v", what, name, err)
			}
		}
	}
}

// shortA looks for an A with a leading zero byte, which one in 256 has: from a to a+1, A is multiplied by g.
func shortA(gr srpGroup) [2]*big.Int {
	secret := big.NewInt(1 << 40)
	A := new(big.Int).Exp(gr.g, secret, gr.n)
	for A.BitLen() > 8*(srpBytes-1) {
		secret.Add(secret, big.NewInt(1))
		A.Mul(A, gr.g).Mod(A, gr.n)
	}
	return [2]*big.Int{secret, new(big.Int).Lsh(big.NewInt(1), 250)}
}

// shortS looks for an S with a leading zero byte. Short secrets keep the search fast.
func shortS(t *testing.T, gr srpGroup, v *big.Int) [2]*big.Int {
	t.Helper()
	for n := int64(1 << 20); n < 1<<20+1<<14; n++ {
		s := &srpServer{group: gr, v: v, b: big.NewInt(n)}
		s.pub = s.public()
		A := new(big.Int).Exp(gr.g, s.b, gr.n)
		if len(s.pub) == srpBytes && len(s.premaster(A).Bytes()) < srpBytes {
			return [2]*big.Int{s.b, s.b}
		}
	}
	t.Fatal("no short S was found")
	return [2]*big.Int{}
}

// A B with a leading zero byte is never sent: another secret is drawn.
func TestSRPNeverSendsShortB(t *testing.T) {
	gr := newSRPGroup()
	v := gr.verifier(srpUser, "111-22-333", make([]byte, saltSize))
	for n := int64(1); ; n++ {
		s := &srpServer{group: gr, v: v, b: big.NewInt(n)}
		if len(s.public()) == srpBytes {
			continue
		}
		draws := append(s.b.FillBytes(make([]byte, 32)), big.NewInt(1<<40).FillBytes(make([]byte, 32))...)
		got, err := newSRPServer(gr, srpUser, make([]byte, saltSize), v, bytes.NewReader(draws))
		if err != nil || len(got.pub) != srpBytes || got.b.Cmp(big.NewInt(1<<40)) != 0 {
			t.Errorf("%v, B of %d bytes", err, len(got.pub))
		}
		return
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
