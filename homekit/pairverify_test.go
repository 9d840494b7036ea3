package homekit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// A controller may send its first ciphertext before it has read M4, which must be plaintext all the same.
func TestPairVerifyEager(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 100
	}
	h := open(t, 1, nil)
	who, acc := h.pair()
	get := haptest.Request("GET", "/characteristics?id=2.11", "", nil)
	for i := range rounds {
		c := h.dial(who)
		v := &haptest.Verify{Controller: who, Accessory: acc}
		if err := v.M1(c); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		r, err := v.EagerM3(c, get)
		if err != nil || r.Status != 200 {
			t.Fatalf("round %d: %v %+v", i, err, r)
		}
		c.Close()
	}
}

func TestPairVerifyRefuses(t *testing.T) {
	h := open(t, 1, nil)
	who, acc := h.pair()
	stranger := haptest.NewController()
	thief := &haptest.Controller{ID: who.ID, Key: stranger.Key}
	id := haptest.Item{Type: haptest.Identifier, Value: []byte(who.ID)}
	for name, m3 := range map[string]func(v *haptest.Verify) []haptest.Item{
		"unknown id": func(v *haptest.Verify) []haptest.Item {
			v.Controller = stranger
			items, _ := v.M3Items()
			return items
		},
		"another key": func(v *haptest.Verify) []haptest.Item {
			v.Controller = thief
			items, _ := v.M3Items()
			return items
		},
		"no signature": func(v *haptest.Verify) []haptest.Item {
			items, _ := v.SealM3(tlvOf(id))
			return items
		},
		"short signature": func(v *haptest.Verify) []haptest.Item {
			items, _ := v.SealM3(tlvOf(id, haptest.Item{Type: haptest.Signature, Value: make([]byte, 63)}))
			return items
		},
		"signed the wrong way round": func(v *haptest.Verify) []haptest.Item {
			info := append(append(append([]byte{}, v.Theirs...), who.ID...), v.Private.PublicKey().Bytes()...)
			items, _ := v.SealM3(tlvOf(id, haptest.Item{Type: haptest.Signature, Value: ed25519.Sign(who.Key, info)}))
			return items
		},
		"empty content": func(v *haptest.Verify) []haptest.Item {
			items, _ := v.SealM3(nil)
			return items
		},
		"short data": func(*haptest.Verify) []haptest.Item {
			return []haptest.Item{haptest.B(haptest.State, 3), {Type: haptest.Encrypted, Value: make([]byte, 15)}}
		},
		"no data": func(*haptest.Verify) []haptest.Item { return []haptest.Item{haptest.B(haptest.State, 3)} },
		"random data": func(*haptest.Verify) []haptest.Item {
			b := make([]byte, 120)
			rand.Read(b)
			return []haptest.Item{haptest.B(haptest.State, 3), {Type: haptest.Encrypted, Value: b}}
		},
	} {
		c := h.dial(who)
		v := &haptest.Verify{Controller: who, Accessory: acc}
		if err := v.M1(c); err != nil {
			t.Fatal(err)
		}
		items := m3(v)
		r, err := c.Do("POST", "/pair-verify", typePairing, tlvOf(items...))
		if err != nil || r.Status != 200 || !bytes.Equal(r.Body, []byte{6, 1, 4, 7, 1, 2}) {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		if r, err := c.Do("GET", "/accessories", "", nil); err != nil || r.Status != 470 {
			t.Errorf("%s: afterwards %v %+v", name, err, r)
		}
		if err := c.PairVerify(acc); err != nil {
			t.Errorf("%s: a right pair-verify afterwards: %v", name, err)
		}
		c.Close()
	}
}

// The ephemeral keys serve once, on their connection, in order.
func TestPairVerifyOrder(t *testing.T) {
	h := open(t, 0, nil)
	who, acc := h.pair()
	one, two := h.dial(who), h.dial(who)
	v := &haptest.Verify{Controller: who, Accessory: acc}
	if err := v.M1(one); err != nil {
		t.Fatal(err)
	}
	m3, err := v.M3Items()
	if err != nil {
		t.Fatal(err)
	}
	wantPairingError(t, "M3 on another connection", second(two.Pair("/pair-verify", m3...)), 400, 1)
	if _, err := one.Do("POST", "/pair-verify", typePairing, []byte{6, 1, 7}); err != nil {
		t.Fatal(err)
	}
	wantPairingError(t, "M3 after another message", second(one.Pair("/pair-verify", m3...)), 400, 1)

	for name, key := range map[string][]byte{
		"zero": make([]byte, 32), "one": append([]byte{1}, make([]byte, 31)...),
		"order 8": unhex(t, "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
	} {
		wantPairingError(t, name, second(one.Pair("/pair-verify", haptest.B(haptest.State, 1), haptest.Item{Type: haptest.PublicKey, Value: key})), 200, 2)
	}
	wantPairingError(t, "short key", second(one.Pair("/pair-verify", haptest.B(haptest.State, 1), haptest.Item{Type: haptest.PublicKey, Value: make([]byte, 31)})), 400, 1)
}

// What a connection may ask for depends on whether it is verified and on whether anybody is paired.
func TestRoutesByState(t *testing.T) {
	identified := make(chan bool, 1)
	h := open(t, 1, func(c *Config) { c.OnIdentify = func() { identified <- true } })
	type route struct {
		method, path, body string
		unpaired, plain    int // before pair-verify: nobody paired, somebody paired
		verified           int
	}
	routes := []route{
		{"POST", "/identify", "", 204, 400, 400},
		{"POST", "/pair-setup", "", 400, 400, 400},
		{"POST", "/pair-verify", "", 400, 400, 400},
		{"POST", "/pairings", "", 470, 470, 400},
		{"GET", "/accessories", "", 470, 470, 200},
		{"GET", "/characteristics?id=2.11", "", 470, 470, 200},
		{"PUT", "/characteristics", `{"characteristics":[{"aid":2,"iid":11,"value":1}]}`, 470, 470, 204},
		{"PUT", "/prepare", `{"ttl":1000,"pid":1}`, 470, 470, 200},
		{"POST", "/resource", "{}", 404, 404, 404},
		{"GET", "/", "", 404, 404, 404},
		{"GET", "/accessories/", "", 404, 404, 404},
		{"DELETE", "/accessories", "", 405, 405, 405},
		{"GET", "/pair-setup", "", 405, 405, 405},
		{"POST", "/characteristics", "{}", 405, 405, 405},
		{"get", "/accessories", "", 405, 405, 405},
	}
	check := func(c *haptest.Client, want func(route) int, state string) {
		t.Helper()
		for _, r := range routes {
			got, err := c.Do(r.method, r.path, typeJSON, []byte(r.body))
			if err != nil || got.Status != want(r) {
				t.Errorf("%s: %s %s gives %v %+v, want %d", state, r.method, r.path, err, got, want(r))
			}
			if err == nil && got.Status == 470 && string(got.Body) != `{"status":-70401}` {
				t.Errorf("%s: %s %s gives %s", state, r.method, r.path, got.Body)
			}
		}
	}
	check(h.dial(nil), func(r route) int { return r.unpaired }, "unpaired")
	select {
	case <-identified:
	case <-time.After(5 * time.Second):
		t.Error("identify was not heard")
	}
	admin := h.admin()
	check(h.dial(nil), func(r route) int { return r.plain }, "paired")
	check(admin, func(r route) int { return r.verified }, "verified")
}
