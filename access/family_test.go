package access_test

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

func family(t testing.TB, name string) access.Family {
	t.Helper()
	for _, f := range access.Families() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no family %s", name)
	return access.Family{}
}

func TestFamilies(t *testing.T) {
	for _, c := range []struct {
		family string
		pin    device.Keys
		fits   bool
	}{
		{"keypad", "7391", true}, {"keypad", "739", false}, {"keypad", "73915482601", false}, {"keypad", "73a1", false},
		{"zwave", "7391548260", true}, {"zigbee", "739154826", false}, {"zigbee", "73915482", true},
		{"nuki", "739154", true}, {"nuki", "73915", false}, {"nuki", "730154", false}, {"nuki", "127354", false}, {"nuki", "217354", true},
		{"one-length", "7391", true},
	} {
		if err := family(t, c.family).Check(c.pin); (err == nil) != c.fits || err != nil && !errors.Is(err, access.ErrFamily) {
			t.Errorf("%s, %q: %v", c.family, string(c.pin), err)
		}
	}
}

func TestClash(t *testing.T) {
	for _, c := range []struct {
		family string
		a, b   device.Keys
		want   error
	}{
		{"keypad", "739154", "739155", nil}, {"keypad", "739154", "739154", access.ErrTaken}, {"keypad", "7391", "739154", access.ErrTaken},
		{"one-length", "7391", "826405", access.ErrFamily}, {"one-length", "7391", "8264", nil},
	} {
		f := family(t, c.family)
		for _, err := range []error{f.Clash(c.a, c.b), f.Clash(c.b, c.a)} {
			if !errors.Is(err, c.want) || c.want == nil && err != nil {
				t.Errorf("%s: %v, want %v", c.family, err, c.want)
			}
		}
	}
}

// Whatever is typed, at most one PIN of a set without clashes is at the beginning of it.
func TestNoClashMeansNoDoubt(t *testing.T) {
	pins := rapid.StringMatching(`[0-9]{4,10}`)
	rapid.Check(t, func(t *rapid.T) {
		f := access.Families()[0]
		var kept []device.Keys
		for _, p := range rapid.SliceOfN(pins, 2, 12).Draw(t, "pins") {
			fits := true
			for _, k := range kept {
				fits = fits && f.Clash(device.Keys(p), k) == nil
			}
			if fits {
				kept = append(kept, device.Keys(p))
			}
		}
		typed := string(kept[0]) + rapid.StringMatching(`[0-9]{0,6}`).Draw(t, "more")
		for _, k := range kept[1:] {
			if len(typed) >= len(k) && typed[:len(k)] == string(k) {
				t.Fatalf("%s begins with two PINs", typed)
			}
		}
	})
}

func TestFamilyOfALock(t *testing.T) {
	f := access.FamilyOf("lock", device.SlotTraits{MinDigits: 2, MaxDigits: 6, OneLength: true})
	if f.Min != access.MinDigits || f.Max != 6 || !f.OneLength {
		t.Errorf("%+v", f)
	}
	if f := access.FamilyOf("lock", device.SlotTraits{}); f.Min != access.MinDigits || f.Max != access.MaxDigits {
		t.Errorf("%+v", f)
	}
}

func TestTwentyFourDigitCodesAreTooMany(t *testing.T) {
	crowd := access.Crowd{Keypads: 1}
	crowd.Lengths[4] = 20
	if err := crowd.Check(); !errors.Is(err, access.ErrWeak) || err.Error() != "this PIN is too easy: with 20 PINs, the shortest of 4 digits, at 1 keypads 7 % a day would be guessed, at most 0.35 % may: use 6 digits" {
		t.Errorf("%v", err)
	}
}
