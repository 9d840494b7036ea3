package hw

import (
	"errors"
	"strings"
	"testing"
)

func TestRefs(t *testing.T) {
	for _, tt := range []struct {
		ref  Ref
		want Line
		chip string
		err  string // a part of the error
	}{
		{"gpio:17", Line{"gpio", "17", false}, "", ""},
		{"!gpio:27", Line{"gpio", "27", true}, "", ""},
		{"sim:garage/relay", Line{"sim", "garage/relay", false}, "garage", ""},
		{"gpio:INT34C5:00/4", Line{"gpio", "INT34C5:00/4", false}, "INT34C5:00", ""},
		{"!barn-2:relay_1", Line{"barn-2", "relay_1", true}, "", ""},
		{"", Line{}, "", "it is empty"},
		{"!", Line{}, "", "names no board"},
		{"17", Line{}, "", "names no board"},
		{":17", Line{}, "", "board in front"},
		{"gpio:", Line{}, "", "no line behind"},
		{"GPIO:17", Line{}, "", "board in front"},
		{"gpio!:17", Line{}, "", "board in front"},
		{"!!gpio:17", Line{}, "", "board in front"},
		{"gpio:/17", Line{}, "", "printable"},
		{"gpio:chip/", Line{}, "", "printable"},
		{"gpio:1 7", Line{}, "", "printable"},
		{"gpio:1\x007", Line{}, "", "printable"},
		{"gpio:é", Line{}, "", "printable"},
		{Ref("gpio:" + strings.Repeat("a", 97)), Line{}, "", "longer than"},
		{Ref(strings.Repeat("a", 33) + ":1"), Line{}, "", "board in front"},
	} {
		got, err := tt.ref.Parse()
		if tt.err != "" {
			if !errors.Is(err, ErrRef) || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%q: error %v, want one with %q", tt.ref, err, tt.err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v, want %+v", tt.ref, got, err, tt.want)
		}
		if chip, _, ok := got.Chip(); chip != tt.chip || ok != (tt.chip != "") {
			t.Errorf("%q: chip %q, want %q", tt.ref, chip, tt.chip)
		}
	}
}

// What parses is written back to the same reference, and holds nothing that a log or a shell would trip over.
func FuzzRef(f *testing.F) {
	for _, s := range []string{"gpio:17", "!gpio:27", "sim:garage/relay", "gpio:INT34C5:00/4", "", "!", "a:b:c", "gpio:/", "x:\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, err := Ref(s).Parse()
		if err != nil {
			if !errors.Is(err, ErrRef) {
				t.Fatalf("%q: %v does not wrap ErrRef", s, err)
			}
			return
		}
		if line.String() != s {
			t.Fatalf("%q is written back as %q", s, line)
		}
		if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Fatalf("%q parses", s)
		}
	})
}
