package wire

import "strings"

// draw shows the wiring as text: what the relay's contacts go to, and the door's contact.
func (t *talk) draw() {
	load := []string{
		"           +----------------- opener: button terminal 1",
		"    COM ---+",
		"    relay  %R",
		"    NO ----+",
		"           +----------------- opener: button terminal 2",
	}
	if t.kind == strike {
		load = []string{
			"    supply + ---------------- COM   relay %R",
			"    strike + ---------------- NO",
			"    strike - ---------------- supply -",
			"    (a diode across a strike on direct current: its ring to +)",
		}
	}
	t.say("\nThe relay, %s:", t.relay)
	for _, line := range load {
		t.say("%s", strings.ReplaceAll(line, "%R", string(t.relay)))
	}
	if t.kind == opener {
		t.say("    The relay only joins the two wires, as the wall button does: wire it beside that button.")
	}
	if t.contact == "" {
		return
	}
	t.say("\nThe contact, %s:", t.contact)
	line, _ := t.contact.Parse() // it was parsed when it was typed
	switch {
	case line.Board == pins && line.ActiveLow:
		t.say("    pin %s ---------o o--------- GND", line.Name)
		t.say("                 reed switch on the frame, magnet on the door: made while the door is closed")
		t.say("    The pin is pulled up inside the chip. Never 5 V on a pin of a Raspberry Pi.")
	case line.Board == pins:
		t.say("    pin %s ---------o o--------- 3.3 V", line.Name)
		t.say("                 reed switch on the frame, magnet on the door: made while the door is closed")
		t.say("    The pin is pulled down inside the chip. Never 5 V on a pin of a Raspberry Pi.")
	default:
		t.say("    %s ---------o o--------- the common of the board's inputs", line.Name)
		t.say("                 reed switch on the frame, magnet on the door: made while the door is closed")
	}
}
