package gpio

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/hw"
)

// What an owner sees before anything is wired: every line of every chip by the name that the configuration
// takes, with the kernel's name. Listing requests nothing.
func TestLines(t *testing.T) {
	k := machine()
	k.plug("/dev/gpiochip0", "pinctrl-bcm2711", 58, map[int]string{17: "GPIO17"})
	k.plug("/dev/gpiochip1", "mcp23017", 16, nil)
	k.plug("/dev/gpiochip2", "mcp23017", 16, nil)
	b := newBoard(k, defaults(), zerolog.Nop())
	lines, err := b.Lines()
	if err != nil || len(lines) != 58+16+16 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
	want := hw.LineInfo{Name: "pinctrl-bcm2711/17", Label: "GPIO17", Output: true, Input: true}
	if lines[17] != want || lines[58].Name != "gpiochip1/0" || lines[74].Name != "gpiochip2/0" {
		t.Errorf("%+v, %+v, %+v", lines[17], lines[58], lines[74])
	}
	for _, l := range lines {
		if name, err := b.Canonical(l.Name); err != nil || name != l.Name {
			t.Errorf("%s is %s, %v", l.Name, name, err)
		}
	}
	one := newBoard(k, Config{Chip: "mcp23017", Bias: biasAuto}, zerolog.Nop())
	if lines, err := one.Lines(); err != nil || len(lines) != 32 {
		t.Errorf("%d lines of two chips, %v", len(lines), err)
	}
}
