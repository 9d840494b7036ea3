package crypto

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"pgregory.net/rapid"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCCMVectors(t *testing.T) {
	raw, err := os.ReadFile("testdata/ccm.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Cases []struct{ Name, Key, Nonce, AAD, Text, Sealed, Tag string }
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) < 10 {
		t.Fatalf("%d cases", len(file.Cases))
	}
	for _, c := range file.Cases {
		t.Run(c.Name, func(t *testing.T) {
			ccm, err := NewCCM(unhex(t, c.Key))
			if err != nil {
				t.Fatal(err)
			}
			nonce, aad, text := unhex(t, c.Nonce), unhex(t, c.AAD), unhex(t, c.Text)
			sealed, err := ccm.Seal(nil, nonce, aad, text)
			if want := unhex(t, c.Sealed+c.Tag); err != nil || !bytes.Equal(sealed, want) {
				t.Fatalf("sealed %x, %v; want %x", sealed, err, want)
			}
			if got, err := ccm.Open(nil, nonce, aad, sealed); err != nil || !bytes.Equal(got, text) {
				t.Fatalf("opened %x, %v", got, err)
			}
		})
	}
}

func TestCCMRefusesEveryChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "key")
		nonce := rapid.SliceOfN(rapid.Byte(), 13, 13).Draw(t, "nonce")
		aad := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "aad")
		text := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "text")
		ccm, err := NewCCM(key)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := ccm.Seal([]byte{7}, nonce, aad, text)
		if err != nil || sealed[0] != 7 {
			t.Fatal(err)
		}
		sealed = sealed[1:]
		if got, err := ccm.Open(nil, nonce, aad, sealed); err != nil || !bytes.Equal(got, text) {
			t.Fatalf("%x, %v", got, err)
		}
		sealed[rapid.IntRange(0, len(sealed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := ccm.Open(nil, nonce, aad, sealed); !errors.Is(err, ErrAuthentication) {
			t.Fatalf("a changed message: %v", err)
		}
	})
	ccm, _ := NewCCM(make([]byte, 16))
	if _, err := ccm.Open(nil, make([]byte, 13), nil, make([]byte, 15)); !errors.Is(err, ErrAuthentication) {
		t.Error(err)
	}
	if _, err := ccm.Seal(nil, make([]byte, 12), nil, nil); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
	if _, err := NewCCM(make([]byte, 32)); !errors.Is(err, ErrSize) {
		t.Error(err)
	}
}

// The vectors of draft-bar-cfrg-spake2plus-01, from connectedhomeip src/crypto/tests/SPAKE2P_RFC_test_vectors.h.
func TestSPAKE2Vectors(t *testing.T) {
	const w0 = "e6887cf9bdfb7579c69bf47928a84514b5e355ac034863f7ffaf4390e67d798c"
	const w1 = "24b5ae4abda868ec9336ffc3b78ee31c5755bef1759227ef5372ca139b94e512"
	const l = "0495645cfb74df6e58f9748bb83a86620bab7c82e107f57d6870da8cbcb2ff9f7063a14b6402c62f99afcb9706a4d1a143273259fe76f1c605a3639745a92154b9"
	tests := []struct{ prover, verifier, x, X, y, Y, ke, ca, cb string }{
		{"client", "server",
			"8b0f3f383905cf3a3bb955ef8fb62e24849dd349a05ca79aafb18041d30cbdb6",
			"04af09987a593d3bac8694b123839422c3cc87e37d6b41c1d630f000dd64980e537ae704bcede04ea3bec9b7475b32fa2ca3b684be14d11645e38ea6609eb39e7e",
			"2e0895b0e763d6d5a9564433e64ac3cac74ff897f6c3445247ba1bab40082a91",
			"04417592620aebf9fd203616bbb9f121b730c258b286f890c5f19fea833a9c900cbe9057bc549a3e19975be9927f0e7614f08d1f0a108eede5fd7eb5624584a4f4",
			"801db297654816eb4f02868129b9dc89",
			"d4376f2da9c72226dd151b77c2919071155fc22a2068d90b5faa6c78c11e77dd",
			"0660a680663e8c5695956fb22dff298b1d07a526cf3cc591adfecd1f6ef6e02e"},
		{"client", "",
			"ec82d9258337f61239c9cd68e8e532a3a6b83d12d2b1ca5d543f44def17dfb8d",
			"04230779960824076d3666a7418e4d433e2fa15b06176eabdd572f43a32ecc79a192b243d2624310a7356273b86e5fd9bd627d3ade762baeff1a320d4ad7a4e47f",
			"eac3f7de4b198d5fe25c443c0cd4963807add767815dd02a6f0133b4bc2c9eb0",
			"044558642e71b616b248c9583bd6d7aa1b3952c6df6a9f7492a06035ca5d92522d84443de7aa20a59380fa4de6b7438d925dbfb7f1cfe60d79acf961ee33988c7d",
			"6989d8f9177ef7df67da437987f07255",
			"e1b9258807ba4750dae1d7f3c3c294f13dc4fa60cde346d5de7d200e2f8fd3fc",
			"b9c39dfa49c47757de778d9bedeaca2448b905be19a43b94ee24b770208135e3"},
		{"", "",
			"5b478619804f4938d361fbba3a20648725222f0a54cc4c876139efe7d9a21786",
			"04a6db23d001723fb01fcfc9d08746c3c2a0a3feff8635d29cad2853e7358623425cf39712e928054561ba71e2dc11f300f1760e71eb177021a8f85e78689071cd",
			"766770dad8c8eecba936823c0aed044b8c3c4f7655e8beec44a15dcbcaf78e5e",
			"04390d29bf185c3abf99f150ae7c13388c82b6be0c07b1b8d90d26853e84374bbdc82becdb978ca3792f472424106a2578012752c11938fcf60a41df75ff7cf947",
			"ea3276d68334576097e04b19ee5a3a8b",
			"71d9412779b6c45a2c615c9df3f1fd93dc0aaf63104da8ece4aa1b5a3a415fea",
			"095dc0400355cc233fde7437811815b3c1524aae80fd4e6810cf531cf11d20e3"},
	}
	for _, tt := range tests {
		tr := Transcript{[]byte("SPAKE2+-P256-SHA256-HKDF draft-01"), []byte(tt.prover), []byte(tt.verifier)}
		v, err := ParseVerifier(unhex(t, w0+l))
		if err != nil {
			t.Fatal(err)
		}
		p, err := newProver([32]byte(unhex(t, w0)), [32]byte(unhex(t, w1)), unhex(t, tt.x))
		if err != nil || !bytes.Equal(p.Share(), unhex(t, tt.X)) {
			t.Fatalf("X %x, %v", p.Share(), err)
		}
		share, vs, err := v.respond(tr, p.Share(), unhex(t, tt.y))
		if err != nil || !bytes.Equal(share, unhex(t, tt.Y)) {
			t.Fatalf("Y %x, %v", share, err)
		}
		ps, err := p.Finish(tr, share)
		if err != nil || ps != vs {
			t.Fatalf("the sides differ: %v", err)
		}
		if !bytes.Equal(ps.Ke[:], unhex(t, tt.ke)) || !bytes.Equal(ps.CA[:], unhex(t, tt.ca)) || !bytes.Equal(ps.CB[:], unhex(t, tt.cb)) {
			t.Errorf("secrets %x %x %x", ps.Ke, ps.CA, ps.CB)
		}
	}
}

// Two runs of PASE with passcode 20202021, from matter-js/matter.js packages/protocol/test/session/secure/PasePairingTest.ts;
// in the first one w0 begins with a zero.
func TestPASEVectors(t *testing.T) {
	tests := []struct{ salt, w0, l, request, response, y, X, Y, cb string }{
		{"03959ebc20b8fcbda262d97f9a7a9e76e32d7a1b9c5166b6a3721e88acad8808",
			"00177867f1e564cc4d9f347edfc28263ee5a50f1e21177cfb9a7dc2504437ccb",
			"04cf26d253cae2dd44c6954d443c7badc1e8811b8484eaae2d7bf43ec2f7e3173527877ea4a554513063036f55d2871e87e294dfdc18cd39edd6519fb4dfcde976",
			"1530012094eab5c37d101df5ef01b2c8ecada03a7c3b0cf5e26a08feda72617f9cd391a6240247240300280418",
			"1530012094eab5c37d101df5ef01b2c8ecada03a7c3b0cf5e26a08feda72617f9cd391a630022022820a42684102fd4a92c0bad66ad1f21f3c5366f5a6d84203035e2c7caf3bae250357de35042501e80330022003959ebc20b8fcbda262d97f9a7a9e76e32d7a1b9c5166b6a3721e88acad88081818",
			"de583b5685529de9544b92c9c8cba696751b14d65092d13458879b3bc9814b53",
			"04cce1e192a645d54a3ac9a3a3f0b334f37c03400b826b14d873124dfb96a35815f80202f05c72d055b6da24942d0a6cac18caf310100ecef23248ac8fd2ced196",
			"0404f972c7232cde8911de7d93e37ad752b90ad095888ac83da5f3a1d5a7eb063288ed6d358e9092a8606dac6cd6b8fdfc0b3960df85434ed60c6b6091d23da7bb",
			"d6a13c26b6c5b7c514033a0370b1830dff5116fd53de43eb2374737e9b64e4bb"},
		{"2bb41e9d75f30c2e6b2f059410c56965717cc2bf14ed6c73a169435326a89652",
			"501f85a83d1da77983ff6f0c1f742d6d98f6d0ab0ba740a38032200099c8981f",
			"0463e7f225296bcd9b100e605d636a3d2c84524665cbd9b8b75e737d04bca1241486b37bdba74284de76f2db9df271d2c5bda21b8e26bc0943dcbf0542665c3aa8",
			"15300120913cc0622eca85f8d4c132c89663c5d7afa780667be930e5c11bec865479c6172502e68b240300280418",
			"15300120913cc0622eca85f8d4c132c89663c5d7afa780667be930e5c11bec865479c6173002205682c0732b37c045ebeb416904c187a58b5341088e0172123becfb855f94a72c2503844235042501e8033002202bb41e9d75f30c2e6b2f059410c56965717cc2bf14ed6c73a169435326a896521818",
			"fee695b4972a4f620951010c87390d3fe1313efce399fbc2c9c7cdc04d22b4c6",
			"04db4f7c7f4dbf478440753d578825da01ae177c89dad6637f9c91ef86880e8d67571b2fdc0e0564985cd6b2cbbee82ab5655b0fbae7254ff4b13f88a30076612c",
			"04cd3a2937c598cfd46e197e786e4194e65164ed1a0bf23f224947b4f4c140f72b4742792b86ae6c427ae9d4a6d345cd6e1f9ae0f950d5399d38c8031d7975ca82",
			"52b9b5cb79dafd150b8729102ede22795d0f522ad884d29452818d8c54ca7508"},
	}
	for _, tt := range tests {
		v, err := NewVerifier(20202021, unhex(t, tt.salt), 1000)
		if err != nil || !bytes.Equal(v.Bytes(), unhex(t, tt.w0+tt.l)) {
			t.Fatalf("verifier %x, %v", v.Bytes(), err)
		}
		tr := Transcript{Context: Hash([]byte("CHIP PAKE V1 Commissioning"), unhex(t, tt.request), unhex(t, tt.response))}
		share, s, err := v.respond(tr, unhex(t, tt.X), unhex(t, tt.y))
		if err != nil || !bytes.Equal(share, unhex(t, tt.Y)) || !bytes.Equal(s.CB[:], unhex(t, tt.cb)) {
			t.Errorf("Y %x, cB %x, %v", share, s.CB, err)
		}
	}
}

func TestAWrongPasscodeAgreesOnNothing(t *testing.T) {
	salt := bytes.Repeat([]byte{3}, 16)
	v, err := NewVerifier(20202021, salt, MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	for passcode, want := range map[uint32]bool{20202021: true, 20202022: false} {
		p, err := NewProver(passcode, salt, MinIterations)
		if err != nil {
			t.Fatal(err)
		}
		share, vs, err := v.Respond(Transcript{}, p.Share())
		if err != nil {
			t.Fatal(err)
		}
		ps, err := p.Finish(Transcript{}, share)
		if err != nil {
			t.Fatal(err)
		}
		if got := Equal(ps.CA[:], vs.CA[:]) && Equal(ps.CB[:], vs.CB[:]) && ps.Ke == vs.Ke; got != want {
			t.Errorf("passcode %d: %t", passcode, got)
		}
	}
}

func TestSPAKE2Refuses(t *testing.T) {
	salt := make([]byte, 16)
	v, err := NewVerifier(1, salt, MinIterations)
	if err != nil {
		t.Fatal(err)
	}
	bad := append([]byte{4}, bytes.Repeat([]byte{1}, 64)...)
	for name, share := range map[string][]byte{"nothing": nil, "infinity": {0}, "off the curve": bad, "compressed": unhex(t, "02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f")} {
		if _, _, err := v.Respond(Transcript{}, share); !errors.Is(err, ErrPoint) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, f := range map[string]func() error{
		"short salt": func() error { _, err := NewVerifier(1, salt[:15], 1000); return err },
		"long salt":  func() error { _, err := NewVerifier(1, make([]byte, 33), 1000); return err },
		"few":        func() error { _, err := NewVerifier(1, salt, 999); return err },
		"many":       func() error { _, err := NewVerifier(1, salt, 100001); return err },
		"passcode":   func() error { _, err := NewVerifier(99999999, salt, 1000); return err },
		"w0 over n":  func() error { _, err := ParseVerifier(append(bytes.Repeat([]byte{0xff}, 32), v.L[:]...)); return err },
		"L":          func() error { _, err := ParseVerifier(append(v.W0[:], bad...)); return err },
		"size":       func() error { _, err := ParseVerifier(v.W0[:]); return err },
	} {
		if err := f(); !errors.Is(err, ErrParameters) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Vectors of connectedhomeip, as in matter-js/matter.js packages/protocol/test/codec/MessagePrivacyTest.ts.
func TestPrivacy(t *testing.T) {
	key := PrivacyKey(unhex(t, "ca92d7a0942d1a511a0e26ad074f4c2f"))
	if !bytes.Equal(key, unhex(t, "bfe9da016a765365f2dd97a9f939e425")) {
		t.Errorf("key %x", key)
	}
	nonce := PrivacyNonce(0x002a, unhex(t, "c5a0063ad5d2518191400dd68c5c163b"))
	if !bytes.Equal(nonce[:], unhex(t, "002ad2518191400dd68c5c163b")) {
		t.Errorf("nonce %x", nonce)
	}
	header := unhex(t, "7956341201000000000000000200")
	if err := Obscure(key, [13]byte(unhex(t, "db7d408217b3c0c921a2fca4e1")), header); err != nil || !bytes.Equal(header, unhex(t, "d926afce24c8a0981bdd44f4e730")) {
		t.Errorf("header %x, %v", header, err)
	}
}

// The compressed fabric id and the identity protection key of the example in Matter 1.4 4.3.2.2 and 4.17.2.
func TestFabricKeys(t *testing.T) {
	root := unhex(t, "044a9f42b1ca4840d37292bbc7f6a7e11e22200c976fc900dbc98a7a383a641cb8254a2e56d4e295a847943b4e3897c4a773e930277b4d9fbede8a052686bfacfa")
	id := CompressedFabricID(root, 0x2906C908D115D362)
	if !bytes.Equal(id[:], unhex(t, "87e1b004e235a130")) {
		t.Errorf("compressed fabric id %x", id)
	}
	key := GroupKey(unhex(t, "235bf7e62823d358dca4ba50b1535f4b"), [8]byte(unhex(t, "87e1b004e235a130")))
	if !bytes.Equal(key, unhex(t, "a6f5306baf6d050af23ba4bd6b9dd960")) {
		t.Errorf("group key %x", key)
	}
	if id := GroupSessionID(unhex(t, "a6f5306baf6d050af23ba4bd6b9dd960")); id != 0xB9F7 {
		t.Errorf("group session id %04x", id)
	}
}

func TestSignAndAgree(t *testing.T) {
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	pub, err := PublicKey(k)
	if err != nil || len(pub) != PublicKeySize {
		t.Fatalf("%x, %v", pub, err)
	}
	sig, err := Sign(k, []byte("a"), []byte("b"))
	if err != nil || len(sig) != SignatureSize || !Verify(pub, sig, []byte("ab")) {
		t.Fatalf("%x, %v", sig, err)
	}
	sig[5] ^= 1
	if Verify(pub, sig, []byte("ab")) || Verify(pub, sig[:63], []byte("ab")) || Verify(pub[:64], sig, []byte("ab")) || Verify(pub, make([]byte, 64), nil) {
		t.Error("a wrong signature is taken")
	}
	a, errA := NewEphemeral()
	b, errB := NewEphemeral()
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	s1, err1 := Agree(a, b.PublicKey().Bytes())
	s2, err2 := Agree(b, a.PublicKey().Bytes())
	if err1 != nil || err2 != nil || !Equal(s1, s2) {
		t.Error("no agreement", err1, err2)
	}
	if _, err := Agree(a, make([]byte, 65)); !errors.Is(err, ErrKey) {
		t.Error(err)
	}
}

func FuzzRespond(f *testing.F) {
	f.Add(unhex(f, "04db4f7c7f4dbf478440753d578825da01ae177c89dad6637f9c91ef86880e8d67571b2fdc0e0564985cd6b2cbbee82ab5655b0fbae7254ff4b13f88a30076612c"))
	v, err := NewVerifier(20202021, make([]byte, 16), MinIterations)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, share []byte) {
		if s, _, err := v.Respond(Transcript{}, share); err == nil && len(s) != PublicKeySize {
			t.Fatalf("%x", s)
		}
	})
}
