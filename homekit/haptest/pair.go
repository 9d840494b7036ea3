package haptest

import (
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

const (
	pathSetup    = "/pair-setup"
	pathVerify   = "/pair-verify"
	pathPairings = "/pairings"
)

func key(secret []byte, salt, info string) []byte {
	k, err := hkdf.Key(sha512.New, secret, []byte(salt), info, 32)
	if err != nil {
		return nil
	}
	return k
}

func aead(secret []byte, salt, info string) (cipher.AEAD, error) {
	return chacha20poly1305.New(key(secret, salt, info))
}

func nonce(s string) []byte { return append(make([]byte, 4), s...) }

// PairSetup pairs with a setup code and returns what to remember of the accessory.
func (c *Client) PairSetup(code string) (*Accessory, error) {
	s := &Setup{SRP: SRP{User: "Pair-Setup", Code: code}, Controller: c.Controller}
	for _, step := range []func(*Client) error{s.M1, s.M3, s.M5} {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	return &s.Accessory, nil
}

// Setup is a pair-setup that is done step by step.
type Setup struct {
	SRP        SRP
	Controller *Controller
	Salt, B    []byte
	Accessory  Accessory
}

// M1 asks for salt and public key.
func (s *Setup) M1(c *Client) error {
	t, err := c.Pair(pathSetup, B(State, 1), B(Method, 0))
	if err != nil {
		return err
	}
	s.Salt, s.B = t[Salt], t[PublicKey]
	if len(s.Salt) != 16 || len(s.B) == 0 || len(s.B) > 384 || len(t) != 3 {
		return fmt.Errorf("haptest: M2 has a salt of %d bytes, a key of %d, %d items", len(s.Salt), len(s.B), len(t))
	}
	return nil
}

// M3Items makes the message with the proof.
func (s *Setup) M3Items() []Item {
	a := s.SRP.Public()
	return []Item{B(State, 3), {PublicKey, a}, {Proof, s.SRP.Prove(s.Salt, s.B)}}
}

// M3 proves the code and checks the server's proof.
func (s *Setup) M3(c *Client) error {
	t, err := c.Pair(pathSetup, s.M3Items()...)
	if err != nil {
		return err
	}
	return s.SRP.Check(t[Proof])
}

// M5Items makes the message with our long-term key.
func (s *Setup) M5Items() ([]Item, error) {
	x := key(s.SRP.K, "Pair-Setup-Controller-Sign-Salt", "Pair-Setup-Controller-Sign-Info")
	id, pub := []byte(s.Controller.ID), s.Controller.Public()
	info := append(append(append([]byte{}, x...), id...), pub...)
	return s.SealM5(Encode(Item{Identifier, id}, Item{PublicKey, pub}, Item{Signature, ed25519.Sign(s.Controller.Key, info)}))
}

// SealM5 encrypts any content for M5.
func (s *Setup) SealM5(plain []byte) ([]Item, error) {
	a, err := aead(s.SRP.K, "Pair-Setup-Encrypt-Salt", "Pair-Setup-Encrypt-Info")
	if err != nil {
		return nil, err
	}
	return []Item{B(State, 5), {Encrypted, a.Seal(nil, nonce("PS-Msg05"), plain, nil)}}, nil
}

// M5 exchanges the long-term keys.
func (s *Setup) M5(c *Client) error {
	items, err := s.M5Items()
	if err != nil {
		return err
	}
	t, err := c.Pair(pathSetup, items...)
	if err != nil {
		return err
	}
	a, err := aead(s.SRP.K, "Pair-Setup-Encrypt-Salt", "Pair-Setup-Encrypt-Info")
	if err != nil {
		return err
	}
	plain, err := a.Open(nil, nonce("PS-Msg06"), t[Encrypted], nil)
	if err != nil {
		return fmt.Errorf("%w: M6", ErrDecrypt)
	}
	inner, err := Decode(plain)
	if err != nil {
		return err
	}
	x := key(s.SRP.K, "Pair-Setup-Accessory-Sign-Salt", "Pair-Setup-Accessory-Sign-Info")
	info := append(append(append([]byte{}, x...), inner[Identifier]...), inner[PublicKey]...)
	if len(inner[PublicKey]) != 32 || !ed25519.Verify(inner[PublicKey], info, inner[Signature]) {
		return fmt.Errorf("haptest: the signature in M6 is wrong")
	}
	s.Accessory = Accessory{ID: string(inner[Identifier]), Key: inner[PublicKey]}
	return nil
}

// PairVerify opens a session with an accessory that this controller is paired with.
func (c *Client) PairVerify(acc *Accessory) error {
	v := &Verify{Controller: c.Controller, Accessory: acc}
	if err := v.M1(c); err != nil {
		return err
	}
	return v.M3(c)
}

// Verify is a pair-verify that is done step by step.
type Verify struct {
	Controller *Controller
	Accessory  *Accessory
	Private    *ecdh.PrivateKey
	Theirs     []byte
	Shared     []byte
}

// M1 exchanges ephemeral keys and checks the accessory's signature.
func (v *Verify) M1(c *Client) error {
	var err error
	if v.Private, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		return err
	}
	mine := v.Private.PublicKey().Bytes()
	t, err := c.Pair(pathVerify, B(State, 1), Item{PublicKey, mine})
	if err != nil {
		return err
	}
	v.Theirs = t[PublicKey]
	theirs, err := ecdh.X25519().NewPublicKey(v.Theirs)
	if err != nil {
		return err
	}
	if v.Shared, err = v.Private.ECDH(theirs); err != nil {
		return err
	}
	a, err := aead(v.Shared, "Pair-Verify-Encrypt-Salt", "Pair-Verify-Encrypt-Info")
	if err != nil {
		return err
	}
	plain, err := a.Open(nil, nonce("PV-Msg02"), t[Encrypted], nil)
	if err != nil {
		return fmt.Errorf("%w: M2 of pair-verify", ErrDecrypt)
	}
	inner, err := Decode(plain)
	if err != nil {
		return err
	}
	info := append(append(append([]byte{}, v.Theirs...), inner[Identifier]...), mine...)
	if string(inner[Identifier]) != v.Accessory.ID || !ed25519.Verify(v.Accessory.Key, info, inner[Signature]) {
		return fmt.Errorf("haptest: this is another accessory: %q", inner[Identifier])
	}
	return nil
}

// M3Items makes the message that proves who we are.
func (v *Verify) M3Items() ([]Item, error) {
	id := []byte(v.Controller.ID)
	info := append(append(append([]byte{}, v.Private.PublicKey().Bytes()...), id...), v.Theirs...)
	return v.SealM3(Encode(Item{Identifier, id}, Item{Signature, ed25519.Sign(v.Controller.Key, info)}))
}

// SealM3 encrypts any content for M3.
func (v *Verify) SealM3(plain []byte) ([]Item, error) {
	a, err := aead(v.Shared, "Pair-Verify-Encrypt-Salt", "Pair-Verify-Encrypt-Info")
	if err != nil {
		return nil, err
	}
	return []Item{B(State, 3), {Encrypted, a.Seal(nil, nonce("PV-Msg03"), plain, nil)}}, nil
}

// M3 proves who we are. M4 comes in plaintext; after it the connection is secure.
func (v *Verify) M3(c *Client) error {
	items, err := v.M3Items()
	if err != nil {
		return err
	}
	if _, err := c.Pair(pathVerify, items...); err != nil {
		return err
	}
	return c.secure(v.Shared)
}

// EagerM3 sends M3 and, without waiting for M4, a first encrypted request in the same bytes, then reads both answers.
func (v *Verify) EagerM3(c *Client, request []byte) (*Response, error) {
	items, err := v.M3Items()
	if err != nil {
		return nil, err
	}
	write, err := aead(v.Shared, "Control-Salt", "Control-Write-Encryption-Key")
	if err != nil {
		return nil, err
	}
	c.out = direction{aead: write}
	first := Request("POST", pathVerify, "application/pairing+tlv8", Encode(items...))
	if err := c.WriteRaw(append(first, c.Seal(request, 1024)...)); err != nil {
		return nil, err
	}
	r, err := c.ReadResponse()
	if err != nil {
		return nil, err
	}
	if _, err := answerTLV(r, items); err != nil {
		return nil, err
	}
	used := c.out.count
	if err := c.secure(v.Shared); err != nil {
		return nil, err
	}
	c.out.count = used
	return c.ReadResponse()
}
