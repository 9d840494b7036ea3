package wire

import (
	"fmt"
	"strings"

	"github.com/loquet/loquet/hw"
)

// list shows what there is to be wired.
func (t *talk) list() {
	t.say("\nWhat is here:")
	for _, board := range t.Env.Boards() {
		lines, err := t.Env.Lines(board)
		switch {
		case err != nil:
			t.say("  %-10s %v", board, err)
		case len(lines) == 0 && board == pins:
			t.say("  %-10s this machine has no GPIO chip", board)
		case len(lines) == 0:
			t.say("  %-10s it cannot list its lines", board)
		}
		for _, g := range groups(lines) {
			t.say("  %-10s %s", board, g)
			board = ""
		}
	}
	for _, port := range t.Serial {
		t.say("  %-10s %s", "serial", port)
	}
	t.say("A board on a serial port or in the network is named under boards: first (docs/configuration.md).")
}

// groups puts the lines of each chip, relays and inputs on one line each.
func groups(lines []hw.LineInfo) []string {
	var names []string
	of := map[string][]hw.LineInfo{}
	for _, l := range lines {
		name := what(l)
		if of[name] == nil {
			names = append(names, name)
		}
		of[name] = append(of[name], l)
	}
	var out []string
	for _, name := range names {
		all := of[name]
		text := fmt.Sprintf("%s: %s to %s", name, short(all[0]), short(all[len(all)-1]))
		if len(all) == 1 {
			text = fmt.Sprintf("%s: %s", name, short(all[0]))
		}
		var taken []string
		for _, l := range all {
			if l.User != "" {
				taken = append(taken, fmt.Sprintf("%s (%s)", short(l), l.User))
			}
		}
		if len(taken) > 0 {
			text += "; in use: " + strings.Join(taken, ", ")
		}
		out = append(out, text)
	}
	return out
}

func what(l hw.LineInfo) string {
	chip, _, ok := hw.Line{Name: l.Name}.Chip()
	switch {
	case ok:
		return chip
	case l.Output:
		return "relays"
	}
	return "inputs"
}

func short(l hw.LineInfo) string {
	_, offset, _ := hw.Line{Name: l.Name}.Chip()
	return offset
}
