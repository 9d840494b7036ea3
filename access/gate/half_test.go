package gate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// cardOf is a card that nobody else has.
func cardOf(n byte) *device.Card { return &device.Card{Bits: 26, Data: []byte{0x2e, n, 0x7c, 0x80}} }

// gives a person another code.
func (h *house) gives(t testing.TB, person string, both bool, secret seal.Secret) access.Code {
	t.Helper()
	c, err := h.ledger.AddCode(access.Code{Person: person, Both: both, Windows: []access.Window{{Kind: access.Always}}}, "home", secret)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A code that asks for both opens with the card and the PIN of one person, in any order and one soon after
// the other, and with nothing less.
func TestBothHalvesOpen(t *testing.T) {
	const granted, more, notNow, wrong = device.VerdictGranted, device.VerdictMore, device.VerdictNotNow, device.VerdictWrong
	type is = []device.VerdictKind
	// Anna's card 1 and PIN 402871 want each other. Bert's card 2 wants a PIN, and his PIN 528640 is enough by
	// itself. Cleo has card 3, which wants a PIN, and none.
	for _, tt := range []struct {
		name, does string // C1: card 1; digits; -: nothing for so many seconds
		verdicts   is
		opened     int
		refused    string
	}{
		{"card, then PIN", "C1 402871#", is{more, granted}, 1, ""},
		{"PIN, then card", "402871# C1", is{more, granted}, 1, ""},
		{"PIN without #, then card", "402871 -8 C1", is{more, granted}, 1, ""},
		{"the card alone", "C1 -9", is{more, notNow}, 0, "needs-both"},
		{"the PIN alone", "402871# -9", is{more, notNow}, 0, "needs-both"},
		{"the card again and again", "C1 C1 C1 402871#", is{more, more, more, granted}, 1, ""},
		{"too late", "C1 -9 402871# -9", is{more, notNow, more, notNow}, 0, "needs-both needs-both"},
		{"too slow", "C1 4 -7 0 -7 2 -7 8 -7 7 -7 1# -9", is{more, more, notNow}, 0, "needs-both needs-both"},
		{"a wrong PIN, then the right one", "C1 999123# 402871#", is{more, wrong, granted}, 1, "wrong-code"},
		{"begun anew", "C1 *402871# -9", is{more, more, notNow}, 0, "needs-both needs-both"},
		{"another one's PIN", "C1 528640#", is{more, granted}, 1, "needs-both"}, // Bert's own PIN lets Bert in
		{"another one's card", "402871# C2 -9", is{more, more, notNow}, 0, "needs-both needs-both"},
		{"two cards", "C1 C2 -9", is{more, more, notNow}, 0, "needs-both needs-both"},
		{"one half that wants both", "C2 528640#", is{more, granted}, 1, ""},
		{"a PIN that is enough", "528640#", is{granted}, 1, ""},
		{"nobody's other half", "C3 402871# -9", is{more, more, notNow}, 0, "needs-both needs-both"},
		{"used up by opening", "C1 402871# 402871# -9", is{more, granted, more, notNow}, 1, "needs-both"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				for _, name := range []string{"anna", "bert", "cleo"} {
					if _, err := h.ledger.SavePerson(access.Person{ID: name, Name: name, Kind: access.Resident}); err != nil {
						t.Fatal(err)
					}
				}
				h.gives(t, "anna", true, seal.Secret{Card: cardOf(1)})
				h.gives(t, "anna", true, seal.Secret{Keys: "402871"})
				h.gives(t, "bert", true, seal.Secret{Card: cardOf(2)})
				h.gives(t, "bert", false, seal.Secret{Keys: "528640"})
				h.gives(t, "cleo", true, seal.Secret{Card: cardOf(3)})
				stop := h.run(t, 0)
				for _, does := range strings.Fields(tt.does) {
					var n int
					if _, err := fmt.Sscanf(does, "-%d", &n); err == nil {
						<-time.After(time.Duration(n) * time.Second)
					} else if _, err := fmt.Sscanf(does, "C%d", &n); err == nil {
						h.pad.entries <- device.KeypadEntry{Card: cardOf(byte(n))}
						synctest.Wait()
					} else {
						h.types(does)
						synctest.Wait()
					}
				}
				stop()
				var got is
				for len(h.pad.verdicts) > 0 {
					got = append(got, (<-h.pad.verdicts).Kind)
				}
				var refused []string
				for _, row := range h.journal.Rows(device.EntryRefused) {
					refused = append(refused, string(row.Code))
				}
				if !slices.Equal(got, tt.verdicts) || len(h.opened) != tt.opened || strings.Join(refused, " ") != tt.refused {
					t.Errorf("%v, %d times open, rows %v; want %v, %d, %s", got, len(h.opened), refused, tt.verdicts, tt.opened, tt.refused)
				}
			})
		})
	}
}

// Both halves must be for the door.
func TestBothHalvesAreForTheDoor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		card := h.gives(t, "anna", true, seal.Secret{Card: cardOf(1)})
		pin := h.gives(t, "anna", true, seal.Secret{Keys: "402871"})
		stop := h.run(t, 0)
		defer stop()
		for i, c := range []access.Code{card, pin} {
			only := c
			only.Doors = []string{"gate"}
			if err := h.ledger.ChangeCode(only); err != nil {
				t.Fatal(err)
			}
			h.pad.entries <- device.KeypadEntry{Card: cardOf(1)}
			h.types("402871#")
			synctest.Wait()
			if len(h.opened) != 0 {
				t.Errorf("code %d is not for this door, and it opened", i)
			}
			if err := h.ledger.ChangeCode(c); err != nil {
				t.Fatal(err)
			}
			<-time.After(10 * time.Second)
		}
	})
}

// Whoever found a card guesses its PIN no faster with it: holding it in between does not end the row.
func TestAStolenCardBuysNoGuesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.gives(t, "anna", true, seal.Secret{Card: cardOf(1)})
		h.gives(t, "anna", true, seal.Secret{Keys: "402871"})
		stop := h.run(t, 0)
		defer stop()
		for i := range access.FreeMisses {
			h.pad.entries <- device.KeypadEntry{Card: cardOf(1)}
			h.types(fmt.Sprintf("99912%d#", i))
			synctest.Wait()
		}
		var last device.Verdict
		h.pad.entries <- device.KeypadEntry{Card: cardOf(1)}
		synctest.Wait()
		for len(h.pad.verdicts) > 0 {
			last = <-h.pad.verdicts
		}
		if last.Kind != device.VerdictLocked {
			t.Errorf("after %d wrong PINs the keypad says %v", access.FreeMisses, last.Kind)
		}
	})
}
