package onboarding

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// Codes from connectedhomeip (src/setup_payload/tests and its documentation) and matter.js.
func TestKnownCodes(t *testing.T) {
	tests := []struct {
		p          Payload
		qr, manual string
	}{
		{Payload{Passcode: 20202021, Discriminator: 3840, VendorID: 0xFFF1, ProductID: 0x8000, Rendezvous: OnNetwork}, "MT:Y.K90AFN00KA0648G00", "34970112332"},
		{Payload{Passcode: 20202021, Discriminator: 3840, VendorID: 0xFFF1, ProductID: 0x8001, Rendezvous: BLE}, "MT:-24J042C00KA0648G00", "34970112332"},
		{Payload{Passcode: 2048, Discriminator: 128, VendorID: 12, ProductID: 1, Rendezvous: SoftAP}, "MT:M5L90MP500K64J00000", ""},
	}
	for _, tt := range tests {
		if qr, err := tt.p.QR(); err != nil || qr != tt.qr {
			t.Errorf("QR %s, want %s, %v", qr, tt.qr, err)
		}
		if p, err := ParseQR(tt.qr); err != nil || p != tt.p {
			t.Errorf("%s: %+v, %v", tt.qr, p, err)
		}
		if m, err := tt.p.Manual(); tt.manual != "" && (err != nil || m != tt.manual) {
			t.Errorf("manual %s, want %s, %v", m, tt.manual, err)
		}
	}
	if s := Spaced("34970112332"); s != "3497-011-2332" {
		t.Error(s)
	}
}

func TestCodesComeBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := Payload{Passcode: rapid.Uint32Range(1, MaxPasscode).Filter(ValidPasscode).Draw(t, "passcode"),
			Discriminator: rapid.Uint16Range(0, MaxDiscriminator).Draw(t, "discriminator"), VendorID: rapid.Uint16().Draw(t, "vendor"),
			ProductID: rapid.Uint16().Draw(t, "product"), Flow: rapid.SampledFrom([]Flow{Standard, Custom}).Draw(t, "flow"), Rendezvous: rapid.Uint8().Draw(t, "way")}
		qr, err := p.QR()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParseQR(qr); err != nil || got != p {
			t.Fatalf("%s: %+v, %v", qr, got, err)
		}
		m, err := p.Manual()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseManual(Spaced(m))
		want := Payload{Passcode: p.Passcode, Discriminator: uint16(p.Short()) << 8}
		if p.Flow == Custom {
			want.VendorID, want.ProductID, want.Flow = p.VendorID, p.ProductID, Custom
		}
		if err != nil || got != want {
			t.Fatalf("%s: %+v, %v", m, got, err)
		}
		// Any one digit wrong, and any two neighbours swapped, are found.
		b := []byte(m)
		i := rapid.IntRange(0, len(b)-1).Draw(t, "at")
		b[i] = '0' + (b[i]-'0'+byte(rapid.IntRange(1, 9).Draw(t, "by")))%10
		if _, err := ParseManual(string(b)); err == nil {
			t.Fatalf("%s was taken for %s", b, m)
		}
		b = []byte(m)
		if i := rapid.IntRange(1, len(b)-1).Draw(t, "swap"); b[i] != b[i-1] {
			b[i], b[i-1] = b[i-1], b[i]
			if _, err := ParseManual(string(b)); err == nil {
				t.Fatalf("%s was taken for %s", b, m)
			}
		}
	})
}

func TestRefused(t *testing.T) {
	for _, p := range []uint32{0, 11111111, 22222222, 99999999, 88888888, 12345678, 87654321, 1 << 27} {
		if _, err := (Payload{Passcode: p}).QR(); !errors.Is(err, ErrPayload) {
			t.Errorf("passcode %d: %v", p, err)
		}
	}
	for _, s := range []string{"", "MT:", "MT:Y.K90AFN00KA0648G0", "mt:Y.K90AFN00KA0648G00", "MT:Y.K90AFN00KA0648G0_", "X-HM://00", "MT:.....AFN00KA0648G00"} {
		if p, err := ParseQR(s); !errors.Is(err, ErrPayload) {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
	}
	for _, s := range []string{"", "3497011233", "34970112333", "349701123320", "a4970112332"} {
		if p, err := ParseManual(s); !errors.Is(err, ErrPayload) {
			t.Errorf("%q: %+v, %v", s, p, err)
		}
	}
	for range 1000 {
		if !ValidPasscode(NewPasscode()) || NewDiscriminator() > MaxDiscriminator {
			t.Fatal("a new code is not valid")
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("MT:Y.K90AFN00KA0648G00")
	f.Add("3497-011-2332")
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParseQR(s); err == nil {
			if again, err := p.QR(); err != nil || len(again) != 22 {
				t.Fatalf("%s became %s, %v", s, again, err)
			}
		}
		if p, err := ParseManual(s); err == nil {
			if _, err := p.Manual(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
