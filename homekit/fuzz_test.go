package homekit

import (
	"bytes"
	"encoding/json"
	"io"
	"math/big"
	"net"
	"strconv"
	"testing"

	"github.com/loquet/loquet/homekit/haptest"
)

// FuzzTLV: what is accepted is exactly what writing it again gives.
func FuzzTLV(f *testing.F) {
	for _, m := range setupMessages() {
		f.Add(m)
	}
	f.Add(appendTLV(nil, tlvIdentifier, make([]byte, 600)))
	f.Add([]byte{1, 255})
	f.Add([]byte{1, 1, 0, 1, 1, 0})
	f.Add([]byte{1, 0, 1, 0})
	f.Add([]byte{1, 1, 0, 2, 0, 1, 1, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := parseTLV(b)
		theirs, theirErr := haptest.Decode(b)
		if err != nil {
			if theirErr == nil {
				t.Errorf("%x is refused here and accepted by the controller", b)
			}
			return
		}
		var again []byte
		for _, it := range items {
			again = appendTLV(again, it.typ, it.val)
		}
		if !bytes.Equal(again, b) {
			t.Errorf("%x is read as %x", b, again)
		}
		if theirErr != nil || len(theirs) != len(items) {
			t.Errorf("%x is accepted here: %v", b, theirErr)
		}
	})
}

// FuzzHead: a head that is accepted gives a path and a length and nothing that a proxy could read differently.
func FuzzHead(f *testing.F) {
	for _, s := range []string{"GET /accessories HTTP/1.1\r\nHost: x", "PUT /characteristics?id=1.2 HTTP/1.1\r\nContent-Length: 12\r\nX:", "POST / HTTP/1.1"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		req, length, err := parseHead(head)
		if err != nil {
			return
		}
		if length < 0 || len(req.path) == 0 || req.path[0] != '/' || req.method == "" {
			t.Errorf("%q is read as %+v, %d", head, req, length)
		}
		for _, line := range bytes.Split(head, []byte("\r\n")) {
			if bytes.ContainsAny(line, "\r\n\x00") {
				t.Errorf("%q was accepted", head)
			}
		}
	})
}

// FuzzStream: however the bytes are cut, the same requests come out, until the same error.
func FuzzStream(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1\r\n\r\nPOST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET"), uint8(3))
	f.Add(bytes.Repeat([]byte("PUT /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nx"), 40), uint8(7))
	f.Fuzz(func(t *testing.T, b []byte, cut uint8) {
		read := func(r io.Reader) (out []string) {
			st := &stream{nc: r}
			for {
				req, err := st.next(headMax, func([]byte) int { return bodyMaxPairing }, func(bool) error { return nil })
				if err != nil {
					return append(out, err.Error())
				}
				out = append(out, req.method+" "+string(req.path)+"?"+string(req.query)+" "+string(req.body))
			}
		}
		whole := read(bytes.NewReader(b))
		parts := read(&cutReader{b: b, n: int(cut)%50 + 1})
		if len(whole) != len(parts) {
			t.Fatalf("%d requests whole, %d in parts: %q %q", len(whole), len(parts), whole, parts)
		}
		for i := range whole {
			if whole[i] != parts[i] {
				t.Errorf("request %d: %q, in parts %q", i, whole[i], parts[i])
			}
		}
	})
}

type cutReader struct {
	b []byte
	n int
}

func (c *cutReader) Read(p []byte) (int, error) {
	if len(c.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.n)], c.b)
	c.b = c.b[n:]
	return n, nil
}

// FuzzPut: only valid JSON is accepted, numbers are read exactly, and no value gets into a door that is not 0 or 1.
func FuzzPut(f *testing.F) {
	for _, s := range []string{
		`{"characteristics":[{"aid":2,"iid":11,"value":1,"ev":true,"r":false,"remote":1,"authData":"YQ=="}],"pid":7}`,
		`{"characteristics":[{"aid":1,"iid":1,"value":-2147483648},{"aid":1,"iid":8,"value":18446744073709551615}]}`,
		`{"characteristics":[{"aid":1,"iid":1,"value":"a\u0041\ud83d\ude01"}]}`, `{"characteristics":[{"aid":2,"iid":11,"value":1e0}]}`,
	} {
		f.Add([]byte(s))
	}
	st, err := buildStructure(everyFormat(), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if ttl, _, ok := parsePrepare(b); ok && (ttl < 0 || !json.Valid(b)) {
			t.Errorf("%q is a prepare of %v", b, ttl)
		}
		items, _, _, err := parsePut(b)
		if err != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("%q is not JSON", b)
		}
		for _, it := range items {
			for id, a := range st.attrs {
				v, encoded, ok := a.check(it.value)
				if !ok {
					continue
				}
				if !json.Valid(encoded) || !a.instant && !a.fits(encoded) {
					t.Errorf("%d: %q is shown as %q", id.IID, it.value.raw, encoded)
				}
				if n, isInt := v.(int64); isInt && strconv.FormatInt(n, 10) != string(it.value.raw) {
					t.Errorf("%d: %q is read as %d", id.IID, it.value.raw, n)
				}
				if id.IID == iidTarget && v != int64(0) && v != int64(1) {
					t.Errorf("the door got %v", v)
				}
			}
		}
	})
}

// FuzzInteger compares with arithmetic that has no limits.
func FuzzInteger(f *testing.F) {
	for _, s := range []string{"0", "-1", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "1.0", "-0", "00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := (&jsonReader{b: []byte(s)}).value(jsonDepth)
		if err != nil || len(v.raw) != len(s) {
			return
		}
		n, ok := parseInteger(v)
		want, isInt := new(big.Int).SetString(s, 10)
		if v.kind != jsonNumber {
			isInt = false
		}
		fits := isInt && (want.IsUint64() || want.IsInt64()) && s != "-0"
		if ok != fits {
			t.Errorf("%q: %v, want %v", s, ok, fits)
		}
		if ok && string(n.append(nil)) != want.String() {
			t.Errorf("%q is read as %s", s, n.append(nil))
		}
	})
}

// FuzzQuery: ids that are accepted are the ones that were written.
func FuzzQuery(f *testing.F) {
	f.Add([]byte("id=1.2,3.4&meta=1&ev=0"))
	f.Add([]byte("id=1.2%2C3.4"))
	f.Fuzz(func(t *testing.T, q []byte) {
		r, ok := parseReadQuery(q)
		if ok && (len(r.ids) == 0 || len(r.ids) > maxIDs) {
			t.Errorf("%q gives %d ids", q, len(r.ids))
		}
	})
}

// FuzzFrames: bytes of a stranger never open as a frame.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{1, 0, 0})
	f.Add(make([]byte, 2000))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := newFrameCipher(make([]byte, keySize))
		if err != nil {
			t.Fatal(err)
		}
		out, used, err := c.open(nil, b)
		if len(out) > 0 && err == nil {
			t.Logf("opened %d bytes", used) // only with the key, which here is zero and known to the fuzzer
		}
		if used > len(b) || err != nil && used != 0 {
			t.Errorf("used %d of %d bytes, %v", used, len(b), err)
		}
	})
}

// FuzzPairing sends anything to the pairing endpoints of a server: no panic, no pairing, no session.
func FuzzPairing(f *testing.F) {
	for _, m := range setupMessages() {
		f.Add(m, m)
	}
	f.Add(tlvOf(haptest.B(haptest.State, 1), haptest.Item{Type: haptest.PublicKey, Value: make([]byte, 32)}), []byte{6, 1, 3})
	h := newHouse(f, nil, definitions(0), func(c *Config) { c.Rand = shortSecrets{} })
	f.Fuzz(func(t *testing.T, one, two []byte) {
		nc, _ := net.Pipe()
		c := &conn{s: h.Server, nc: nc}
		for _, b := range [][]byte{one, two} {
			c.postPairSetup(request{body: b})
			if m := c.postPairVerify(request{body: b}); m.after != nil {
				t.Errorf("%x opened a session", b)
			}
		}
		if len(h.Pairings()) > 0 {
			t.Errorf("%x, %x paired", one, two)
		}
		h.setup.drop(c)
		if err := h.forgiveFailures(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzRecords: bytes that are no record are never taken for one.
func FuzzRecords(f *testing.F) {
	f.Add(sealRecord(keyState, []byte{0}))
	f.Add(sealRecord(keyIdentity, make([]byte, 70)))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, key := range []string{keyIdentity, keyState, keySetup} {
			payload, err := openRecord(key, b)
			if err == nil && !bytes.Equal(sealRecord(key, payload), b) {
				t.Errorf("%s: %x", key, b)
			}
		}
		decodeState(b)
		decodeSetup(b)
		decodePairing(b)
	})
}
