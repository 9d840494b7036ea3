package cert_test

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/loquet/loquet/matter/cert"
	"github.com/loquet/loquet/matter/mattertest"
	"github.com/loquet/loquet/matter/tlv"
)

type one struct{ TLV, TBS string }

type chain struct {
	Name            string
	Root, ICAC, NOC one
}

func chains(t testing.TB) []chain {
	t.Helper()
	raw, err := os.ReadFile("testdata/chains.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Chains []chain }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Chains) < 10 {
		t.Fatalf("%d chains", len(file.Chains))
	}
	return file.Chains
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestCertificatesOfEcosystems reads what controllers of several makers sign with, rebuilds what was signed, and
// verifies the chains.
func TestCertificatesOfEcosystems(t *testing.T) {
	for _, c := range chains(t) {
		t.Run(c.Name, func(t *testing.T) {
			for _, o := range []one{c.Root, c.ICAC, c.NOC} {
				if o.TLV == "" {
					continue
				}
				raw := unhex(t, o.TLV)
				parsed, err := cert.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				if again, err := parsed.Bytes(); err != nil || !bytes.Equal(again, raw) {
					t.Errorf("TLV became %x, %v", again, err)
				}
				if tbs := parsed.TBS(); o.TBS != "" && !bytes.Equal(tbs, unhex(t, o.TBS)) {
					t.Errorf("TBS is %x", tbs)
				}
				back, err := cert.ParseDER(parsed.DER())
				if err != nil {
					t.Fatal(err)
				}
				if again, err := back.Bytes(); err != nil || !bytes.Equal(again, raw) {
					t.Errorf("over X.509 it became %x, %v", again, err)
				}
				if _, err := x509.ParseCertificate(parsed.DER()); err != nil {
					t.Logf("crypto/x509: %v", err)
				}
			}
			got, err := cert.Verify(unhex(t, c.Root.TLV), unhex(t, c.ICAC.TLV), unhex(t, c.NOC.TLV), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			if !cert.OperationalNode(got.NOC.NodeID()) || got.NOC.FabricID() == 0 {
				t.Errorf("node %x on fabric %x", got.NOC.NodeID(), got.NOC.FabricID())
			}
		})
	}
}

// TestEveryRule breaks one rule at a time, signs again, and wants a refusal.
func TestEveryRule(t *testing.T) {
	const node, intermediate, root = 0, 1, 2
	type parts = [3]*cert.Cert
	tests := map[string]func(p *parts){
		"a node without an id":    func(p *parts) { p[node].Subject = p[node].Subject[1:] },
		"a node with two ids":     func(p *parts) { p[node].Subject = append(p[node].Subject, p[node].Subject[0]) },
		"a group as node":         func(p *parts) { p[node].Subject[0].Number = 0xFFFF_FFFF_FFFF_0001 },
		"node 0":                  func(p *parts) { p[node].Subject[0].Number = 0 },
		"a node without a fabric": func(p *parts) { p[node].Subject = p[node].Subject[:1] },
		"a node on two fabrics":   func(p *parts) { p[node].Subject = append(p[node].Subject, p[node].Subject[1]) },
		"fabric 0":                func(p *parts) { p[node].Subject[1].Number = 0 },
		"a node that is an authority too": func(p *parts) {
			p[node].Subject = append(p[node].Subject, cert.Attribute{Tag: cert.AttrICACID, Number: 2})
		},
		"a node for firmware": func(p *parts) {
			p[node].Subject = append(p[node].Subject, cert.Attribute{Tag: cert.AttrFirmware, Number: 2})
		},
		"a node that may certify":       func(p *parts) { p[node].Extensions.IsCA = true },
		"a node whose key may certify":  func(p *parts) { p[node].Extensions.Usage |= cert.UsageCertSign },
		"a node whose key may not sign": func(p *parts) { p[node].Extensions.Usage = 1 << 4 },
		"a node that is a client only":  func(p *parts) { p[node].Extensions.Purposes = []uint8{cert.PurposeClientAuth} },
		"a node without purposes":       func(p *parts) { drop(p[node], 3) },
		"a tag without a version":       func(p *parts) { cats(p[node], 0x00010000) },
		"a tag in two versions":         func(p *parts) { cats(p[node], 0x00010001, 0x00010002) },
		"no basic constraints":          func(p *parts) { drop(p[node], 1) },
		"no key usage":                  func(p *parts) { drop(p[node], 2) },
		"no subject key":                func(p *parts) { drop(p[node], 4) },
		"no issuer key":                 func(p *parts) { drop(p[node], 5) },
		"another issuer":                func(p *parts) { p[node].Issuer = cert.Name{{Tag: cert.AttrICACID, Number: 3}} },
		"another key of the issuer":     func(p *parts) { p[node].Extensions.IssuerKey = make([]byte, 20) },
		"ends before it begins":         func(p *parts) { p[node].NotAfter = 5 },
		"a key off the curve":           func(p *parts) { p[node].PublicKey[40] ^= 1 },
		"an intermediate without an id": func(p *parts) { p[intermediate].Subject = p[intermediate].Subject[1:] },
		"an intermediate with a node id": func(p *parts) {
			p[intermediate].Subject = append(p[intermediate].Subject, cert.Attribute{Tag: cert.AttrNodeID, Number: 2})
		},
		"an intermediate with a tag":        func(p *parts) { cats(p[intermediate], 0x00010001) },
		"an intermediate of another fabric": func(p *parts) { p[intermediate].Subject[1].Number = 77; p[node].Issuer = p[intermediate].Subject },
		"an intermediate of fabric 0":       func(p *parts) { p[intermediate].Subject[1].Number = 0; p[node].Issuer = p[intermediate].Subject },
		"an intermediate that may not":      func(p *parts) { p[intermediate].Extensions.IsCA = false },
		"an intermediate without usage":     func(p *parts) { p[intermediate].Extensions.Usage = cert.UsageDigitalSignature },
		"an intermediate that is too long":  func(p *parts) { p[intermediate].Extensions.PathLen = 1 },
		"a root that allows none":           func(p *parts) { p[root].Extensions.PathLen = 0 },
		"a root with a path of two":         func(p *parts) { p[root].Extensions.PathLen = 2 },
		"a root without an id": func(p *parts) {
			p[root].Subject = p[root].Subject[1:]
			p[root].Issuer = p[root].Subject
			p[intermediate].Issuer = p[root].Subject
		},
		"a root of another fabric": func(p *parts) {
			p[root].Subject[1].Number = 78
			p[root].Issuer = p[root].Subject
			p[intermediate].Issuer = p[root].Subject
		},
		"a root that is not its own issuer": func(p *parts) { p[root].Issuer = cert.Name{{Tag: cert.AttrRCACID, Number: 99}} },
		"a root with an intermediate's id": func(p *parts) {
			p[root].Subject = append(p[root].Subject, cert.Attribute{Tag: cert.AttrICACID, Number: 9})
			p[root].Issuer, p[intermediate].Issuer = p[root].Subject, p[root].Subject
		},
	}
	tests["nothing"] = func(*parts) {}
	for name, breakIt := range tests {
		t.Run(name, func(t *testing.T) {
			a := mattertest.NewAuthority(t, 5, true)
			key := mattertest.NewKey(t)
			var p parts
			for i, raw := range [][]byte{a.Node(t, key, 4711, 0x00010001, 0x00020003), a.ICAC, a.Root} {
				c, err := cert.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				p[i] = c
			}
			breakIt(&p)
			r, i, n := mattertest.Signed(t, p[root], a.RootKey), mattertest.Signed(t, p[intermediate], a.RootKey), mattertest.Signed(t, p[node], a.ICACKey)
			_, err := cert.Verify(r, i, n, time.Time{})
			if good := name == "nothing"; good != (err == nil) || (!good && !errors.Is(err, cert.ErrInvalid)) {
				t.Errorf("%v", err)
			}
		})
	}
}

func drop(c *cert.Cert, tag uint8) {
	for i, t := range c.Extensions.Order {
		if t == tag {
			c.Extensions.Order = append(c.Extensions.Order[:i:i], c.Extensions.Order[i+1:]...)
			return
		}
	}
}

func cats(c *cert.Cert, tags ...uint32) {
	c.Subject = c.Subject[:2:2]
	for _, v := range tags {
		c.Subject = append(c.Subject, cert.Attribute{Tag: cert.AttrCAT, Number: uint64(v)})
	}
}

func TestForeignCertificates(t *testing.T) {
	a, b := mattertest.NewAuthority(t, 5, true), mattertest.NewAuthority(t, 5, true)
	noc := a.Node(t, mattertest.NewKey(t), 1)
	if _, err := cert.Verify(a.Root, a.ICAC, noc, time.Time{}); err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string][3][]byte{
		"another root":        {b.Root, a.ICAC, noc},
		"both of another":     {b.Root, b.ICAC, noc},
		"no intermediate":     {a.Root, nil, noc},
		"root as node":        {a.Root, a.ICAC, a.Root},
		"node as root":        {noc, a.ICAC, noc},
		"node as its issuer":  {a.Root, noc, noc},
		"an intermediate off": {a.ICAC, a.ICAC, noc},
	} {
		if _, err := cert.Verify(try[0], try[1], try[2], time.Time{}); !errors.Is(err, cert.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range noc {
		bad := bytes.Clone(noc)
		bad[i] ^= 0x10
		if _, err := cert.Verify(a.Root, a.ICAC, bad, time.Time{}); err == nil {
			t.Fatalf("octet %d was changed and nobody saw", i)
		}
	}
}

func TestTimes(t *testing.T) {
	a := mattertest.NewAuthority(t, 5, false)
	key := mattertest.NewKey(t)
	c, err := cert.Parse(a.Node(t, key, 1))
	if err != nil {
		t.Fatal(err)
	}
	c.NotAfter = c.NotBefore + 3600
	noc := mattertest.Signed(t, c, a.RootKey)
	begin := cert.Time(c.NotBefore)
	for _, tt := range []struct {
		at time.Time
		ok bool
	}{{time.Time{}, true}, {begin.Add(-time.Second), false}, {begin, true}, {begin.Add(time.Hour), true}, {begin.Add(time.Hour + time.Second), false}} {
		if _, err := cert.Verify(a.Root, nil, noc, tt.at); (err == nil) != tt.ok {
			t.Errorf("at %v: %v", tt.at, err)
		}
	}
	// A year past 2049 and one past UTCTime come back from X.509.
	for _, end := range []uint32{1577836800, 4294967295} {
		c.NotAfter = end
		mattertest.Signed(t, c, a.RootKey)
		if back, err := cert.ParseDER(c.DER()); err != nil || back.NotAfter != end {
			t.Errorf("%+v, %v", back, err)
		}
	}
}

func TestCSR(t *testing.T) {
	key := mattertest.NewKey(t)
	csr, err := cert.NewCSR(key)
	if err != nil {
		t.Fatal(err)
	}
	req, err := x509.ParseCertificateRequest(csr)
	if err != nil || req.CheckSignature() != nil || !key.PublicKey.Equal(req.PublicKey) {
		t.Fatalf("%+v, %v", req, err)
	}
	raw, err := cert.NOCSRElements(csr, bytes.Repeat([]byte{7}, 32))
	if err != nil {
		t.Fatal(err)
	}
	e, err := tlv.Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	f := tlv.OpenStruct(e)
	if !bytes.Equal(f.Octets(1, 1, 1000), csr) || len(f.Octets(2, 32, 32)) != 32 || f.Err() != nil {
		t.Error(f.Err())
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range chains(f) {
		f.Add(unhex(f, c.NOC.TLV))
		f.Add(unhex(f, c.Root.TLV))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cert.Parse(b)
		if err != nil {
			return
		}
		again, err := c.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if d, err := cert.Parse(again); err != nil || !bytes.Equal(d.TBS(), c.TBS()) {
			t.Fatalf("%x became %x, %v", b, again, err)
		}
	})
}

func FuzzParseDER(f *testing.F) {
	for _, c := range chains(f) {
		p, err := cert.Parse(unhex(f, c.NOC.TLV))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(p.DER())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := cert.ParseDER(b)
		if err != nil {
			return
		}
		if !bytes.Equal(c.DER(), b) {
			t.Fatal("it came back otherwise")
		}
	})
}
