package wire

import (
	"slices"
	"testing"

	"github.com/loquet/loquet/hw"
)

// Chips, relays and inputs are one line each, with what is taken.
func TestGroups(t *testing.T) {
	got := groups([]hw.LineInfo{
		{Name: "pinctrl-bcm2711/0", Output: true, Input: true}, {Name: "pinctrl-bcm2711/1", Output: true, Input: true, User: "spi0"},
		{Name: "relay-1", Output: true}, {Name: "relay-2", Output: true}, {Name: "input-1", Input: true},
	})
	want := []string{"pinctrl-bcm2711: 0 to 1; in use: 1 (spi0)", "relays: relay-1 to relay-2", "inputs: input-1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
