package homekit

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
)

// What is said of a code in Home is what Home is answered: with its number where it lists it, and why where not.
func TestWhatHomeIsShownOfACode(t *testing.T) {
	h, p := codesHome(t, nil, "front", "back")
	h.show()
	always := p.give(t, "Anna", "608231", access.Code{Doors: []string{"front"}})
	if all := h.ShownCodes(always); len(all) != 0 {
		t.Errorf("nobody is paired, and Home is shown %+v", all)
	}
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	now := noon()
	later := p.give(t, "Gus", "739154", access.Code{Doors: []string{"front"}, Windows: []access.Window{{Kind: access.Dates, From: access.WallOf(now.Add(48 * time.Hour)), To: access.WallOf(now.Add(72 * time.Hour)), Zone: "UTC"}}})
	once := p.give(t, "Ida", "518370", access.Code{Doors: []string{"front", "back"}, Windows: []access.Window{{Kind: access.Count, Uses: 1}}})
	h.settle()
	for what, want := range map[string]struct {
		code  access.Code
		why   string
		doors int
		waits bool
	}{
		"always":   {code: always, doors: 1},
		"later":    {code: later, doors: 1, why: "no times", waits: true},
		"one time": {code: once, doors: 2, why: "cannot count"},
	} {
		all := h.ShownCodes(want.code)
		if len(all) != want.doors {
			t.Errorf("%s: %+v", what, all)
		}
		for _, s := range all {
			if (s.Number > 0) != (want.why == "") || !strings.Contains(s.Why, want.why) || s.Waits != want.waits {
				t.Errorf("%s: %+v", what, s)
			}
		}
	}
	list := h.pins(c, "front")
	if n := h.ShownCodes(always)[0].Number; list[n] != "608231" || len(list) != 1 {
		t.Errorf("Home lists %d codes, and not that as number %d", len(list), n)
	}
	for i := range maxShownCodes {
		p.give(t, fmt.Sprint("Guest ", i), fmt.Sprint(4_200_000_000+i*7919), access.Code{Doors: []string{"front"}})
	}
	h.settle()
	full := 0
	for _, c := range p.Codes() {
		for _, s := range h.ShownCodes(c) {
			if strings.Contains(s.Why, "no more") {
				full++
			}
		}
	}
	if full != 1 {
		t.Errorf("%d codes have no room in Home, want 1", full)
	}
}
