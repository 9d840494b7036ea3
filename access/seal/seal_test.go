package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

func sealer(t testing.TB, fill byte) *seal.Sealer {
	t.Helper()
	s, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealAndOpen(t *testing.T) {
	s, other := sealer(t, 1), sealer(t, 2)
	for _, secret := range []seal.Secret{
		{Keys: "7391"}, {Keys: "8273645109"},
		{Card: &device.Card{Bits: 26, Data: []byte{1, 2, 3, 0x40}}}, {Card: &device.Card{Bits: 128, Data: bytes.Repeat([]byte{7}, 16)}},
	} {
		sealed, err := s.Seal("c1", secret)
		if err != nil || len(sealed) != 24+32+16 {
			t.Fatalf("%d bytes, %v", len(sealed), err)
		}
		back, err := s.Open("c1", sealed)
		if err != nil || back.Keys != secret.Keys || (back.Card == nil) != (secret.Card == nil) || back.Card != nil && !bytes.Equal(back.Card.Data, secret.Card.Data) {
			t.Errorf("%v, %v", back, err)
		}
		if _, err := s.Open("c2", sealed); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("opened for another code: %v", err)
		}
		if _, err := other.Open("c1", sealed); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("opened with another key: %v", err)
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if _, err := s.Open("c1", bad); !errors.Is(err, seal.ErrSealed) {
				t.Fatalf("opened with byte %d changed: %v", i, err)
			}
			if _, err := s.Open("c1", sealed[:i]); !errors.Is(err, seal.ErrSealed) {
				t.Fatalf("opened %d bytes: %v", i, err)
			}
		}
		again, err := s.Seal("c1", secret)
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealed the same twice, %v", err)
		}
		if out := fmt.Sprintf("%v %+v %#v", secret, secret, secret); strings.Contains(out, "7391") || strings.Contains(out, "827364") {
			t.Error(out)
		}
	}
}

func TestWhatIsNoSecret(t *testing.T) {
	s := sealer(t, 1)
	for _, secret := range []seal.Secret{{}, {Keys: "123"}, {Keys: "12345678901"}, {Keys: "1234#"}, {Keys: "7391", Card: &device.Card{Bits: 8, Data: []byte{1}}},
		{Card: &device.Card{}}, {Card: &device.Card{Bits: 9, Data: []byte{1}}}, {Card: &device.Card{Bits: 136, Data: bytes.Repeat([]byte{1}, 17)}}} {
		if _, err := s.Seal("c1", secret); !errors.Is(err, seal.ErrSecret) {
			t.Errorf("%v: %v", secret, err)
		}
		if _, err := s.Tag("home", secret); !errors.Is(err, seal.ErrSecret) {
			t.Errorf("%v: %v", secret, err)
		}
	}
}

// Two tags are equal exactly if key, group and secret are.
func TestTags(t *testing.T) {
	sealers := []*seal.Sealer{sealer(t, 1), sealer(t, 2)}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n string) (int, string, device.Keys, seal.Tag) {
			k := rapid.IntRange(0, 1).Draw(t, "key"+n)
			group := rapid.SampledFrom([]string{"", "home", "home:", "1:a", "4"}).Draw(t, "group"+n)
			pin := device.Keys(rapid.StringMatching("[01]{4,5}").Draw(t, "pin"+n))
			tag, err := sealers[k].Tag(group, seal.Secret{Keys: pin})
			if err != nil {
				t.Fatal(err)
			}
			return k, group, pin, tag
		}
		k1, g1, p1, t1 := draw("1")
		k2, g2, p2, t2 := draw("2")
		if same := k1 == k2 && g1 == g2 && p1 == p2; same != (t1 == t2) {
			t.Fatalf("%d %q %q, %d %q %q: %v", k1, g1, string(p1), k2, g2, string(p2), t1 == t2)
		}
	})
	card, err := sealers[0].Tag("home", seal.Secret{Card: &device.Card{Bits: 32, Data: []byte("7391")}})
	if err != nil {
		t.Fatal(err)
	}
	if pin, err := sealers[0].Tag("home", seal.Secret{Keys: "7391"}); err != nil || pin == card {
		t.Error("a card is found as a PIN")
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes.key")
	if _, err := seal.OpenFile(path, false); !errors.Is(err, seal.ErrNoKey) {
		t.Fatalf("a key was made over sealed codes: %v", err)
	}
	made, err := seal.OpenFile(path, true)
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, first := range []bool{true, false} {
		again, err := seal.OpenFile(path, first)
		if err != nil || again.Mark() != made.Mark() {
			t.Errorf("another key, %v", err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the key changed, %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(path), ".key-*")); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	for _, text := range []string{"", "abc", "zz", strings.Repeat("z", 64), strings.Repeat("a", 62)} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := seal.OpenFile(path, true); !errors.Is(err, seal.ErrKey) || len(text) > 2 && strings.Contains(err.Error(), text) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := seal.New(nil); !errors.Is(err, seal.ErrKey) {
		t.Error(err)
	}
}

func FuzzOpen(f *testing.F) {
	s, err := seal.New(make([]byte, seal.KeySize))
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := s.Seal("c1", seal.Secret{Keys: "739154"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("c1", sealed)
	f.Add("c2", sealed)
	f.Add("c1", []byte{})
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		secret, err := s.Open(id, data)
		if (err == nil) != (id == "c1" && bytes.Equal(data, sealed)) {
			t.Fatalf("%v, %v", secret, err)
		}
		if err == nil && (secret.Kind() != access.PIN || secret.Length() != 6) {
			t.Fatal(secret)
		}
	})
}

func TestTexts(t *testing.T) {
	s, err := seal.New(bytes.Repeat([]byte{7}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := s.SealText("calendar/flat", "https://example.org/secret")
	if err != nil || bytes.Contains(sealed, []byte("secret")) {
		t.Fatalf("%v, %q", err, sealed)
	}
	if text, err := s.OpenText("calendar/flat", sealed); err != nil || text != "https://example.org/secret" {
		t.Errorf("%q, %v", text, err)
	}
	for _, bad := range [][]byte{nil, sealed[:10], append(bytes.Clone(sealed), 0)} {
		if _, err := s.OpenText("calendar/flat", bad); !errors.Is(err, seal.ErrSealed) {
			t.Errorf("%v", err)
		}
	}
	if _, err := s.OpenText("calendar/other", sealed); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := s.Open("text:calendar/flat", sealed); !errors.Is(err, seal.ErrSealed) {
		t.Errorf("as a code: %v", err)
	}
}
