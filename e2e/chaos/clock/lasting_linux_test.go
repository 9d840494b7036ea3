package clock

import (
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/homekit/haptest"
	"github.com/loquet/loquet/internal/gpiolab"
)

// TestGuestWhatLasts holds what takes minutes against the monotonic clock: an alert of a door that is left open, and a
// keypad that is closed after wrong tries. No jump makes either longer or shorter.
func TestGuestWhatLasts(t *testing.T) {
	m := newMachine(t, time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC))
	h := newHouse(t, m)
	h.people()
	all := jumps()

	h.at(false, true)
	h.Await(t, "garage", "open", limit)
	opened := gpiolab.Monotonic()
	for _, j := range all {
		m.do(j)
		e2e.Apart(t, leftOpen/time.Duration(len(all)+1))
		if got := h.alerts.of("left-open"); len(got) > 0 {
			t.Fatalf("told after %v, with a jump %s: %v", gpiolab.Monotonic()-opened, j.name, got)
		}
	}
	e2e.Until(t, leftOpen, func() string {
		if len(h.alerts.of("left-open")) == 0 {
			return "the alert of a door that was left open"
		}
		return ""
	})
	if took := gpiolab.Monotonic() - opened; took < leftOpen-slack || took > leftOpen+soon {
		t.Errorf("told after %v, want %v", took, leftOpen)
	}
	h.at(true, false)
	h.Await(t, "garage", "closed", limit)
	m.do(jump{to: back, vouch: true})

	for range 5 {
		h.wires.Type(wrongPIN+"#", keyTime)
		e2e.Apart(t, time.Second)
	}
	closed := gpiolab.Monotonic() // for a minute
	for _, j := range []jump{{to: ahead(24 * time.Hour)}, {to: year(2036), vouch: true}, {to: year(1970)}, {to: back, vouch: true}} {
		m.do(j)
		h.tries(ownerPIN, false, "") // it does not listen
	}
	e2e.Apart(t, time.Minute-(gpiolab.Monotonic()-closed))
	h.tries(ownerPIN, true, "")
	h.ends()
}

// mostSessions is how many phones a bridge has room for; a phone that was silent for restless may be sent away for
// another.
const (
	mostSessions = 64
	restless     = time.Minute
)

// TestGuestAFullBridge fills a bridge with phones. None is sent away because the calendar says that an hour went by;
// and when they have been silent for a minute one is, although the calendar was set back.
func TestGuestAFullBridge(t *testing.T) {
	m := newMachine(t, time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC))
	h := newHouse(t, m)
	h.pair()
	var phones []*haptest.Client
	for range mostSessions - 2 {
		phones = append(phones, h.dial(h.owner))
	}
	addr := h.Bridge(t).Addr
	for _, to := range []func(time.Time) time.Time{ahead(time.Hour), year(2100), ahead(-time.Hour), year(1970)} {
		m.set(to(m.now()))
		c, err := haptest.Dial(t.Context(), addr)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := c.ReadResponse(); err != nil || r.Status != 503 {
			t.Errorf("one more than there is room for: %v %+v", err, r)
		}
		_ = c.Close()
	}
	for i, c := range append(phones, h.hand, h.witness) {
		if _, err := c.Get(h.owner.Targets["Garage"]); err != nil {
			t.Fatalf("phone %d was sent away: %v", i+1, err)
		}
	}
	m.set(back(m.now()))
	if _, err := h.hand.Get(h.owner.Targets["Garage"]); err != nil {
		t.Fatal(err)
	}
	e2e.Apart(t, restless/2)
	m.set(m.now().Add(-time.Hour))
	e2e.Apart(t, restless/2+soon)
	if _, err := h.owner.Dial(t.Context(), addr); err != nil {
		t.Errorf("all have been silent for more than a minute: %v", err)
	}
	h.ends()
}
