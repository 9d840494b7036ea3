package attest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/loquet/loquet/matter/crypto"
	"github.com/loquet/loquet/matter/tlv"
)

// The certificate of the public test key for declarations: connectedhomeip credentials/development/cd-certs/Chip-Test-CD-Cert.der.
const signerCertificate = "308201b33082015aa003020102020845daf39de47aa08f300a06082a8648ce3d040302302b3129302706035504030c204d61747465722054657374204344205369676e696e6720417574686f726974793020170d3231303632383134323334335a180f39393939313233313233353935395a302b3129302706035504030c204d61747465722054657374204344205369676e696e6720417574686f726974793059301306072a8648ce3d020106082a8648ce3d030107034200043c398922452b55caf389c25bd1bca4656952ccb90e8869249ad8474653014cbf95d687965e036b521c51037e6b8cedefca1eb44046694fa08882eed6519decbaa366306430120603551d130101ff040830060101ff020101300e0603551d0f0101ff040403020106301d0603551d0e0416041462fa823359acfaa9963e1cfa140addf504f37160301f0603551d2304183016801462fa823359acfaa9963e1cfa140addf504f37160300a06082a8648ce3d040302034700304402202c545ce4e457d8a6f0d9d9bbebd6ece1ddfe7f8c6d9a6cf375321fc6fac713840220540778e8743972527eedebaf58686220b54078f2cd4e62a76ae7cbb92ff54c8b"

func TestATestChain(t *testing.T) {
	c, err := NewTest(TestVendor, 0x8000, 14)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	paa, _, err := testAuthority()
	if err != nil {
		t.Fatal(err)
	}
	pai, err := x509.ParseCertificate(c.PAI())
	if err != nil {
		t.Fatal(err)
	}
	dac, err := x509.ParseCertificate(c.DAC())
	if err != nil {
		t.Fatal(err)
	}
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(paa)
	middle.AddCert(pai)
	if _, err := dac.Verify(x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: dac.NotBefore.AddDate(20, 0, 0), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
	for name, cert := range map[string]*x509.Certificate{"PAI": pai, "DAC": dac} {
		got := map[string]string{}
		for _, n := range cert.Subject.Names {
			got[n.Type.String()], _ = n.Value.(string)
		}
		if got["1.3.6.1.4.1.37244.2.1"] != "FFF1" || (name == "DAC") != (got["1.3.6.1.4.1.37244.2.2"] == "8000") {
			t.Errorf("%s: %v", name, got)
		}
		if len(cert.Raw) > 600 || len(cert.SubjectKeyId) != 20 || len(cert.AuthorityKeyId) != 20 || cert.IsCA == (name == "DAC") || cert.MaxPathLen > 0 {
			t.Errorf("%s: %d octets, path %d", name, len(cert.Raw), cert.MaxPathLen)
		}
		// UTF8String "FFF1", not PrintableString.
		if !bytes.Contains(cert.RawSubject, []byte{asn1.TagUTF8String, 4, 'F', 'F', 'F', '1'}) {
			t.Errorf("%s: the vendor id is not a UTF8String: %x", name, cert.RawSubject)
		}
	}
	other, err := NewTest(TestVendor, 0x8000, 14)
	if err != nil || bytes.Equal(other.dac, c.dac) {
		t.Error("two installations have one key", err)
	}
	mixed := c
	mixed.pai = other.pai
	if err := mixed.check(); !errors.Is(err, ErrChain) {
		t.Error(err)
	}
	mixed = c
	mixed.key = other.key
	if err := mixed.check(); !errors.Is(err, ErrChain) {
		t.Error(err)
	}
	raw, err := c.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Parse(raw)
	if err != nil || !bytes.Equal(back.dac, c.dac) || !back.key.Equal(c.key) {
		t.Error(err)
	}
}

func TestTheDeclaration(t *testing.T) {
	raw, err := TestDeclaration(TestVendor, []uint16{0x8000, 0x8001}, 14)
	if err != nil {
		t.Fatal(err)
	}
	var m cms
	if rest, err := asn1.Unmarshal(raw, &m); err != nil || len(rest) > 0 || len(m.Data.Signers) != 1 {
		t.Fatalf("%+v, %v", m, err)
	}
	der, err := hex.DecodeString(signerCertificate)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Data.Signers[0]
	digest := sha256.Sum256(m.Data.Content.Data)
	if !bytes.Equal(s.KeyID, signer.SubjectKeyId) || !ecdsa.VerifyASN1(signer.PublicKey.(*ecdsa.PublicKey), digest[:], s.Signature) {
		t.Error("the test authority did not sign it")
	}
	e, err := tlv.Decode(m.Data.Content.Data)
	if err != nil {
		t.Fatal(err)
	}
	f := tlv.OpenStruct(e)
	if f.Uint8(0) != 1 || f.Uint16(1) != TestVendor || f.Array(2).Count() != 2 || f.Uint32(3) != 14 || len(f.Text(4, 19)) != 19 || f.Uint8(8) != 0 || f.Err() != nil {
		t.Error(f.Err())
	}
}

func TestElements(t *testing.T) {
	c, err := NewTest(TestVendor, 0x8000, 14)
	if err != nil {
		t.Fatal(err)
	}
	nonce, challenge := bytes.Repeat([]byte{5}, 32), bytes.Repeat([]byte{6}, 16)
	elements, err := c.Elements(nonce, 0)
	if err != nil || len(elements) > 900 {
		t.Fatal(len(elements), err)
	}
	sig, err := c.Sign(elements, challenge)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := crypto.PublicKey(c.key)
	if err != nil || !crypto.Verify(pub, sig, elements, challenge) || crypto.Verify(pub, sig, elements) {
		t.Error("the signature is not over elements and challenge", err)
	}
}

func FuzzParse(f *testing.F) {
	c, err := NewTest(TestVendor, 0x8000, 14)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := c.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := Parse(b); err == nil && c.check() != nil {
			t.Fatal("parsed, but not a chain")
		}
	})
}
