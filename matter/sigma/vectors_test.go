package sigma

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/session"
)

type vector map[string]string

func (v vector) b(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(v[name])
	if err != nil || len(b) == 0 {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

func vectors(t testing.TB) (two, three vector) {
	t.Helper()
	raw, err := os.ReadFile("testdata/case.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Sigma2, Sigma3 vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file.Sigma2, file.Sigma3
}

// TestVectors holds keys and messages against handshakes recorded with other implementations.
func TestVectors(t *testing.T) {
	two, three := vectors(t)
	key := crypto.Derive(two.b(t, "sharedSecret"), join(two.b(t, "ipk"), two.b(t, "random"), two.b(t, "pubKey"), crypto.Hash(two.b(t, "sigma1Bytes"))), infoSigma2, 16)
	if !bytes.Equal(key, two.b(t, "expect_sigma2Key")) {
		t.Errorf("S2K %x", key)
	}
	text, err := unseal(key, nonceSigma2, two.b(t, "expect_encrypted"))
	if err != nil {
		t.Fatal(err)
	}
	id, err := parseIdentity(text, true)
	if err != nil || !bytes.Equal(id.noc, two.b(t, "noc")) || id.icac != nil {
		t.Fatalf("%+v, %v", id, err)
	}
	if again, err := id.bytes(); err != nil || !bytes.Equal(again, text) {
		t.Errorf("written %x, %v", again, err)
	}
	tbs, err := id.signed(two.b(t, "pubKey"), two.b(t, "peerPubKey"))
	if err != nil || !bytes.Equal(tbs, two.b(t, "expect_signatureData")) || !crypto.Verify(two.b(t, "fabricPubKey"), id.signature, tbs) {
		t.Errorf("signed %x, %v", tbs, err)
	}

	first, second, third := three.b(t, "sigma1Bytes"), three.b(t, "sigma2Bytes"), three.b(t, "sigma3Bytes")
	m1, err := parseSigma1(first)
	if err != nil || m1.params == nil || m1.resumptionID != nil {
		t.Fatalf("%+v, %v", m1, err)
	}
	if _, err := parseSigma2(second); err != nil {
		t.Fatal(err)
	}
	ipk, secret := three.b(t, "identityProtectionKey"), three.b(t, "sharedSecret")
	sealed, err := parseSigma3(third)
	if err != nil || !bytes.Equal(sealed, three.b(t, "peerEncrypted")) {
		t.Fatal(err)
	}
	text, err = unseal(crypto.Derive(secret, join(ipk, crypto.Hash(first, second)), infoSigma3, 16), nonceSigma3, sealed)
	if err != nil {
		t.Fatal(err)
	}
	id, err = parseIdentity(text, false)
	if err != nil {
		t.Fatal(err)
	}
	noc, err := cert.Parse(id.noc)
	if err != nil {
		t.Fatal(err)
	}
	tbs, err = id.signed(three.b(t, "peerEcdhPublicKey"), three.b(t, "ecdhPublicKey"))
	if err != nil || !crypto.Verify(noc.PublicKey, id.signature, tbs) {
		t.Errorf("the signature of Sigma3: %v", err)
	}
	keys := crypto.DeriveSessionKeys(secret, join(ipk, crypto.Hash(first, second, third)), crypto.InfoSession)
	if !bytes.Equal(keys.I2R[:], three.b(t, "expect_decryptKey")) {
		t.Errorf("I2R key %x", keys.I2R)
	}
}

// The destination id of the example in Matter 1.4 4.14.2.4.1.
func TestDestination(t *testing.T) {
	v := vector{
		"root":   "044a9f42b1ca4840d37292bbc7f6a7e11e22200c976fc900dbc98a7a383a641cb8254a2e56d4e295a847943b4e3897c4a773e930277b4d9fbede8a052686bfacfa",
		"random": "7e171231568dfa17206b3accf8faec2f4d21b580113196f47c7c4deb810a73dc",
		"epoch":  "4a71cdd7b2a3ca9024f96f3c96a19dee",
		"want":   "dc35dd5fc9134cc5544538c9c3fc4297c1ec3370c839136a80e10796451d4c53",
	}
	fabric, node := uint64(0x2906C908D115D362), uint64(0xCD5544AA7B13EF14)
	ipk := crypto.GroupKey(v.b(t, "epoch"), crypto.CompressedFabricID(v.b(t, "root"), fabric))
	if got := destination(ipk, v.b(t, "random"), v.b(t, "root"), fabric, node); !bytes.Equal(got, v.b(t, "want")) {
		t.Errorf("%x", got)
	}
}

func FuzzMessages(f *testing.F) {
	two, three := vectors(f)
	for _, n := range []string{"sigma1Bytes", "sigma2Bytes", "sigma3Bytes"} {
		f.Add(three.b(f, n))
	}
	f.Add(two.b(f, "expect_encryptedDataPlain"))
	p := session.OwnParams()
	for _, m := range []interface{ bytes() ([]byte, error) }{
		sigma1{random: make([]byte, 32), destination: make([]byte, 32), ephemeral: make([]byte, 65), params: &p, resumptionID: make([]byte, 16), mic: make([]byte, 16)},
		sigma2Resume{resumptionID: make([]byte, 16), mic: make([]byte, 16), params: &p},
		resumption{id: make([]byte, 16), secret: make([]byte, 32), cats: []uint32{1, 2}},
	} {
		b, err := m.bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := parseSigma1(b); err == nil {
			again, err := m.bytes()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parseSigma1(again); err != nil {
				t.Fatal(err)
			}
		}
		if m, err := parseSigma2(b); err == nil {
			if _, err := m.bytes(); err != nil {
				t.Fatal(err)
			}
		}
		_, _ = parseSigma3(b)
		_, _ = parseSigma2Resume(b)
		if m, err := parseIdentity(b, true); err == nil {
			if _, err := m.signed(make([]byte, 65), make([]byte, 65)); err != nil {
				t.Fatal(err)
			}
		}
		if r, err := parseResumption(b); err == nil {
			if _, err := r.bytes(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
