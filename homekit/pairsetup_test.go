package homekit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha512"
	"errors"
	"fmt"

	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/homekit/haptest"
)

// shortSecrets makes the secret of SRP short, so that thousands of exchanges take seconds. Everything else is random.
type shortSecrets struct{}

func (shortSecrets) Read(p []byte) (int, error) {
	n, err := rand.Read(p)
	if len(p) == 32 {
		clear(p[:28])
	}
	return n, err
}

// tlvOf builds a body.
func tlvOf(items ...haptest.Item) []byte { return haptest.Encode(items...) }

// m5Under makes an M5 that would be accepted if the server used this session key.
func m5Under(key []byte) []byte {
	s := haptest.Setup{Controller: haptest.NewController()}
	s.SRP.K = key
	items, _ := s.M5Items()
	return tlvOf(items...)
}

// setupMessages is every pair-setup message in the forms that somebody without the code can send.
func setupMessages() map[string][]byte {
	random := func(n int) []byte {
		b := make([]byte, n)
		rand.Read(b)
		return b
	}
	st := func(n byte) haptest.Item { return haptest.B(haptest.State, n) }
	pub := func(b []byte) haptest.Item { return haptest.Item{Type: haptest.PublicKey, Value: b} }
	proof := func(b []byte) haptest.Item { return haptest.Item{Type: haptest.Proof, Value: b} }
	enc := func(b []byte) haptest.Item { return haptest.Item{Type: haptest.Encrypted, Value: b} }
	n := newSRPGroup().n.Bytes()
	zeroS := sha512.Sum512(nil) // K if S were 0
	return map[string][]byte{
		"M1":            tlvOf(st(1), haptest.B(haptest.Method, 0)),
		"M1 method 1":   tlvOf(st(1), haptest.B(haptest.Method, 1)),
		"M1 no method":  tlvOf(st(1)),
		"M2":            tlvOf(st(2)),
		"M3 random":     tlvOf(st(3), pub(random(384)), proof(random(64))),
		"M3 A=0":        tlvOf(st(3), pub(make([]byte, 384)), proof(random(64))),
		"M3 A=N":        tlvOf(st(3), pub(n), proof(random(64))),
		"M3 short":      tlvOf(st(3), pub([]byte{2}), proof(random(63))),
		"M3 empty":      tlvOf(st(3), pub(nil), proof(nil)),
		"M4":            tlvOf(st(4), proof(random(64))),
		"M5 zero key":   m5Under(make([]byte, 64)),
		"M5 no key":     m5Under(nil),
		"M5 key of S=0": m5Under(zeroS[:]),
		"M5 short":      tlvOf(st(5), enc(random(15))),
		"M5 empty":      tlvOf(st(5), enc(nil)),
		"M5 random":     tlvOf(st(5), enc(random(154))),
		"M6":            tlvOf(st(6), enc(random(154))),
		"no state":      tlvOf(haptest.B(haptest.Method, 0)),
		"long state":    {haptest.State, 2, 1, 0},
		"empty":         {},
		"cut":           {haptest.State, 1},
	}
}

// TestPairSetupOrder sends every sequence of two and of three messages, over one connection and over two, none of which
// comes from somebody who knows the code. Nobody may be paired by it, and nothing of it may keep a controller out.
func TestPairSetupOrder(t *testing.T) {
	h := newHouse(t, nil, definitions(0), func(c *Config) { c.Rand = shortSecrets{} })
	messages := setupMessages()
	names := make([]string, 0, len(messages))
	for name := range messages {
		names = append(names, name)
	}
	var sequences [][]string
	for _, a := range names {
		for _, b := range names {
			sequences = append(sequences, []string{a, b})
			if testing.Short() {
				continue
			}
			for _, c := range names {
				sequences = append(sequences, []string{a, b, c})
			}
		}
	}
	count := 0
	for _, seq := range sequences {
		for second := range 1 << (len(seq) - 1) { // which messages go over the second connection; the first never does
			conns := [2]*conn{{s: h.Server}, {s: h.Server}}
			for j, name := range seq {
				on := conns[0]
				if j > 0 {
					on = conns[second>>(j-1)&1]
				}
				on.postPairSetup(request{body: messages[name]})
			}
			if len(h.Pairings()) != 0 || !h.vault.unpaired() {
				t.Fatalf("%v (second connection %b) paired", seq, second)
			}
			for _, c := range conns {
				h.setup.drop(c)
			}
			if err := h.forgiveFailures(); err != nil {
				t.Fatal(err)
			}
			if count++; count%997 == 0 {
				h.mustPair(strings.Join(seq, ", "))
			}
		}
	}
	h.mustPair("all sequences")
	t.Logf("%d sequences", count)
}

// mustPair pairs a correct controller and forgets it again.
func (h *house) mustPair(after string) {
	h.t.Helper()
	c := h.pipe("192.0.2.7", nil)
	if _, err := c.PairSetup(h.SetupCode()); err != nil {
		h.t.Fatalf("after %s a correct controller cannot pair: %v", after, err)
	}
	c.Close()
	if err := h.Unpair(); err != nil {
		h.t.Fatal(err)
	}
}

// A proof is good for the connection that asked, and once.
func TestPairSetupReplay(t *testing.T) {
	h := newHouse(t, nil, definitions(0), nil)
	owner, thief := h.pipe("192.0.2.1", nil), h.pipe("192.0.2.2", nil)
	s := &haptest.Setup{SRP: haptest.SRP{User: "Pair-Setup", Code: h.SetupCode()}, Controller: owner.Controller}
	if err := s.M1(owner); err != nil {
		t.Fatal(err)
	}
	m3 := s.M3Items()
	wantPairingError(t, "M3 of another connection", second(thief.Pair("/pair-setup", m3...)), 400, 1)
	if _, err := owner.Pair("/pair-setup", m3...); err != nil {
		t.Fatal(err)
	}
	m5, err := s.M5Items()
	if err != nil {
		t.Fatal(err)
	}
	wantPairingError(t, "M5 of another connection", second(thief.Pair("/pair-setup", m5...)), 400, 1)
	wantPairingError(t, "M3 again", second(owner.Pair("/pair-setup", m3...)), 400, 1)
	wantPairingError(t, "M5 after the reset", second(owner.Pair("/pair-setup", m5...)), 400, 1)
	if h.Paired() {
		t.Error("paired by a replay")
	}
}

func second(_ haptest.TLV, err error) error { return err }

func wantPairingError(t testing.TB, what string, err error, http int, code byte) {
	t.Helper()
	var pe *haptest.PairingError
	if !errors.As(err, &pe) || pe.HTTP != http || pe.Code != code {
		t.Errorf("%s: %v, want HTTP %d with error %d", what, err, http, code)
	}
}

// What M5 may hold, under a right key.
func TestPairSetupExchange(t *testing.T) {
	id, key := haptest.Item{Type: haptest.Identifier, Value: []byte("AB")}, haptest.NewController()
	good := func(s *haptest.Setup) []byte {
		items, _ := s.M5Items()
		return tlvOf(items...)
	}
	sealed := func(items ...haptest.Item) func(*haptest.Setup) []byte {
		return func(s *haptest.Setup) []byte {
			m5, _ := s.SealM5(tlvOf(items...))
			return tlvOf(m5...)
		}
	}
	pub := haptest.Item{Type: haptest.PublicKey, Value: key.Public()}
	sig := haptest.Item{Type: haptest.Signature, Value: make([]byte, 64)}
	// Under the neutral point as key, this signature fits every message.
	neutral := append([]byte{1}, make([]byte, 31)...)
	forged := haptest.Item{Type: haptest.Signature, Value: append(bytes.Clone(neutral), make([]byte, 32)...)}
	if !ed25519.Verify(neutral, []byte("any message"), forged.Value) {
		t.Fatal("the forgery does not verify, so this test proves nothing")
	}
	zero := haptest.Item{Type: haptest.PublicKey, Value: make([]byte, 32)}
	for name, m5 := range map[string]func(*haptest.Setup) []byte{
		"wrong signature": sealed(id, pub, sig),
		"no identifier":   sealed(pub, sig),
		"no key":          sealed(id, sig),
		"no signature":    sealed(id, pub),
		"zero key":        sealed(id, zero, sig),
		"neutral key":     sealed(id, haptest.Item{Type: haptest.PublicKey, Value: neutral}, forged),
		"long identifier": sealed(haptest.Item{Type: haptest.Identifier, Value: make([]byte, 37)}, pub, sig),
		"cut": func(s *haptest.Setup) []byte {
			m5, _ := s.SealM5([]byte{haptest.Identifier, 4, 'A'})
			return tlvOf(m5...)
		},
		"flipped bit": func(s *haptest.Setup) []byte {
			b := good(s)
			b[len(b)-1] ^= 1
			return b
		},
	} {
		h := newHouse(t, nil, definitions(0), func(c *Config) { c.Rand = shortSecrets{} })
		c := h.pipe("192.0.2.1", nil)
		s := &haptest.Setup{SRP: haptest.SRP{User: "Pair-Setup", Code: h.SetupCode()}, Controller: key}
		if err := errors.Join(s.M1(c), s.M3(c)); err != nil {
			t.Fatal(err)
		}
		r, err := c.Do("POST", "/pair-setup", typePairing, m5(s))
		if err != nil || r.Status != 200 || string(r.Body) != "\x06\x01\x06\x07\x01\x02" {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		if h.Paired() {
			t.Errorf("%s: paired", name)
		}
		c.Close()
		h.mustPair(name)
	}
}

func TestPairSetupWhenPaired(t *testing.T) {
	h := open(t, 0, nil)
	h.pair()
	if h.SetupCode() != "" || h.SetupURI() != "" {
		t.Error("the setup code is shown while paired")
	}
	for range 3 {
		_, err := h.dial(nil).PairSetup("111-22-333")
		wantPairingError(t, "pair-setup", err, 200, 6)
	}
}

// Ten wrong codes close pair-setup, a restart does not open it, and only an owner does.
func TestPairSetupAttempts(t *testing.T) {
	store := haptest.NewMemory()
	h := newHouse(t, store, definitions(0), nil)
	code := h.SetupCode()
	for i := range 10 {
		if i == 5 { // a restart in between wins nothing
			h = newHouse(t, store, definitions(0), nil)
		}
		if !h.Pairable() {
			t.Fatalf("closed after %d failures", i)
		}
		_, err := h.pipe("192.0.2.1", nil).PairSetup("999-88-777")
		wantPairingError(t, fmt.Sprint("wrong code ", i), err, 200, 2)
	}
	for range 2 {
		if h.Pairable() {
			t.Error("pairable after 10 failures")
		}
		_, err := h.pipe("192.0.2.1", nil).PairSetup(code)
		wantPairingError(t, "right code", err, 200, 5)
		h = newHouse(t, store, definitions(0), nil)
	}
	if h.SetupCode() != code {
		t.Error("the setup code changed")
	}

	h.Arm(time.Hour)
	for i := range 10 {
		_, err := h.pipe("192.0.2.1", nil).PairSetup("999-88-777")
		wantPairingError(t, fmt.Sprint("armed, wrong code ", i), err, 200, 2)
	}
	_, err := h.pipe("192.0.2.1", nil).PairSetup(code)
	wantPairingError(t, "armed, 11th try", err, 200, 5)

	h.Arm(time.Minute)
	if _, err := h.pipe("192.0.2.1", nil).PairSetup(code); err != nil {
		t.Fatal(err)
	}
}

func TestArmEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, nil, definitions(0), nil)
		if err := h.vault.setFailures(func(uint32) uint32 { return maxFailures }); err != nil {
			t.Fatal(err)
		}
		h.Arm(24 * time.Hour)
		time.Sleep(armLimit - time.Second)
		if !h.Pairable() {
			t.Error("closed before 15 minutes were over")
		}
		time.Sleep(time.Second)
		if h.Pairable() {
			t.Error("open after 15 minutes")
		}
	})
}

// A guess that cannot be counted is not looked at.
func TestPairSetupNeedsTheCounter(t *testing.T) {
	h := newHouse(t, nil, definitions(0), nil)
	h.store.Lock()
	h.store.Full = true
	h.store.Unlock()
	_, err := h.pipe("192.0.2.1", nil).PairSetup(h.SetupCode())
	wantPairingError(t, "full disk", err, 200, 1)
	if h.Paired() {
		t.Error("paired")
	}
}

// M6 tells the controller that it is paired, so the pairing must be safe by then.
func TestPairingIsDurableBeforeM6(t *testing.T) {
	h := newHouse(t, nil, definitions(0), nil)
	c := h.pipe("192.0.2.1", nil)
	s := &haptest.Setup{SRP: haptest.SRP{User: "Pair-Setup", Code: h.SetupCode()}, Controller: c.Controller}
	if err := errors.Join(s.M1(c), s.M3(c)); err != nil {
		t.Fatal(err)
	}
	h.store.Lock()
	h.store.Full = true
	h.store.Unlock()
	wantPairingError(t, "M5 with a full disk", s.M5(c), 200, 1)
	if h.Paired() {
		t.Error("paired without a record")
	}
	h.store.Lock()
	h.store.Full = false
	h.store.Unlock()
	d := h.pipe("192.0.2.1", c.Controller)
	acc, err := d.PairSetup(h.SetupCode())
	if err != nil {
		t.Fatal(err)
	}
	again := newHouse(t, h.store.Clone(), definitions(0), nil)
	if !acc.Key.Equal(again.vault.key.Public()) || len(again.Pairings()) != 1 {
		t.Errorf("after a restart there are the pairings %v", again.Pairings())
	}
}

// The claim: one at a time, 30 s a message, 120 s in all, free at once when the connection goes.
func TestPairSetupLease(t *testing.T) {
	start := func(h *house, ip string) (*haptest.Client, error) {
		c := h.pipe(ip, nil)
		s := &haptest.Setup{}
		return c, s.M1(c)
	}
	bubble := func(name string, f func(t *testing.T, h *house)) {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f(t, newHouse(t, nil, definitions(0), nil))
			})
		})
	}
	bubble("busy until 30 s", func(t *testing.T, h *house) {
		_, err := start(h, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(messageLease - time.Second)
		other, err := start(h, "192.0.2.2")
		wantPairingError(t, "second controller", err, 200, 7)
		other.Close()
		time.Sleep(time.Second)
		last, err := start(h, "192.0.2.2")
		if err != nil {
			t.Errorf("after the lease: %v", err)
		}
		last.Close()
	})
	bubble("free after a disconnect", func(t *testing.T, h *house) {
		c, err := start(h, "192.0.2.1")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
		synctest.Wait()
		c, err = start(h, "192.0.2.2")
		if err != nil {
			t.Error(err)
		}
		c.Close()
	})
	bubble("120 s in all", func(t *testing.T, h *house) {
		c := h.pipe("192.0.2.1", nil)
		began := time.Now()
		for time.Since(began) < 5*time.Minute {
			if err := (&haptest.Setup{}).M1(c); err != nil { // M1 again restarts, which must not keep the claim for ever
				break
			}
			time.Sleep(20 * time.Second)
		}
		if held := time.Since(began); held > setupLease {
			t.Errorf("held for %v", held)
		}
		other, err := start(h, "192.0.2.2")
		if err != nil {
			t.Error(err)
		}
		other.Close()
		c.Close()
	})
	bubble("a slow person", func(t *testing.T, h *house) {
		c := h.pipe("192.0.2.1", nil)
		s := &haptest.Setup{SRP: haptest.SRP{User: "Pair-Setup", Code: h.SetupCode()}, Controller: c.Controller}
		if err := s.M1(c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		if err := s.M3(c); err != nil {
			t.Fatal(err)
		}
		time.Sleep(29 * time.Second)
		if err := s.M5(c); err != nil {
			t.Fatal(err)
		}
		if err := c.PairVerify(&s.Accessory); err != nil {
			t.Error(err)
		}
		c.Close()
	})
	bubble("not beside an idle pair-verify", func(t *testing.T, h *house) {
		c := h.pipe("192.0.2.1", nil)
		if err := (&haptest.Verify{Accessory: h.accessory()}).M1(c); err != nil {
			t.Fatal(err)
		}
		h.mustPair("an idle pair-verify")
		c.Close()
	})
}
