package clock

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/internal/gpiolab"
)

// moment is when a jump comes.
type moment string

// Moments.
const (
	prepared moment = "between prepare and write"
	pulsing  moment = "in a pulse"
	moving   moment = "while the door moves"
	ordered  moment = "with an order on its way to the board"
	typing   moment = "in the middle of a code"
	held     moment = "while the strike is held"
	warned   moment = "in a warning"
	atRest   moment = "at rest"
)

func moments() []moment {
	return []moment{prepared, pulsing, moving, ordered, typing, held, warned, atRest}
}

// jumps are what a clock does in these tests: each away from the truth comes back to it.
func jumps() []jump {
	return []jump{
		{"an hour ahead", ahead(time.Hour), false},
		{"an hour back", ahead(-time.Hour), false},
		{"to 1970", year(1970), false},
		{"to 2036, and a time service says so", year(2036), true},
		{"to 2100", year(2100), false},
		{"five minutes back, and a time service says so", ahead(-5 * time.Minute), true},
		{"to 1970, and a time service says so", year(1970), true},
		{"a day ahead, and a time service says so", ahead(24 * time.Hour), true},
		{"half a year ahead", ahead(183 * 24 * time.Hour), false},
		{"two seconds back", ahead(-2 * time.Second), false},
		{"three seconds ahead", ahead(3 * time.Second), false},
		{"to 2038", year(2038), false},
		{"to 2150", year(2150), true},
	}
}

// step is one jump at one moment.
type step struct {
	jump
	at moment
}

// plan lets the clock go away and come back again and again: in the short form four jumps, in the long one each jump at
// each moment, with the way back after it.
func plan(random *rand.Rand) []step {
	var all []step
	if long() {
		for _, j := range jumps() {
			for _, at := range moments() {
				all = append(all, step{j, at})
			}
		}
		random.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
	} else {
		j := jumps()
		return []step{ // from one wrong time to another, and from there to the right one
			{j[0], warned},
			{j[5], held},
			{j[3], ordered},
			{jump{"to the truth", back, true}, typing},
		}
	}
	var out []step
	for i, s := range all {
		out = append(out, s, step{jump{"to the truth", back, true}, moments()[(i+5)%len(moments())]})
	}
	return out
}

// TestGuestJumps lives through a day of a house again and again while its clock jumps.
func TestGuestJumps(t *testing.T) {
	m := newMachine(t, time.Date(2030, 3, 30, 22, 40, 0, 0, time.UTC)) // before the night in which the clocks change
	h := full(t, m)
	h.people()
	e2e.Apart(t, 2*time.Second)
	if got := h.driven(); len(got[lineOpener])+len(got[lineStrike])+len(got[lineLight])+len(got[lineBeeper]) > 0 {
		t.Errorf("something was energised by the start: %v", got)
	}
	seed := rand.Uint64()
	steps := plan(rand.New(rand.NewPCG(seed, 1)))
	t.Logf("%d jumps, seed %d", len(steps), seed)
	began := gpiolab.Monotonic()
	for i, s := range steps {
		t.Logf("jump %d: %s, %s", i+1, s.name, s.at)
		if h.round(s); t.Failed() {
			return
		}
	}
	t.Logf("%d jumps in %v of the house's time", len(steps), (gpiolab.Monotonic() - began).Round(time.Second))
	h.ends()
}

// round is a little of everything that a house does, with a jump somewhere in it.
func (h *house) round(s step) {
	h.t.Helper()
	hop := func(at moment) {
		if at == s.at {
			h.m.do(s.jump)
		}
	}
	h.opens(hop)
	h.orders(hop)
	h.types(hop)
	h.closes(hop)
	hop(atRest)
	e2e.Apart(h.t, 3*time.Second)
	if got := h.driven(); len(got[lineOpener])+len(got[lineStrike])+len(got[lineLight])+len(got[lineBeeper]) > 0 {
		h.t.Errorf("something was energised at rest: %v", got)
	}
	h.board.WantClicks(h.t, h.clicks)
	if late := h.alerts.of("left-open"); len(late) > 0 {
		h.t.Errorf("a door that was open for seconds: %v", late)
	}
	e2e.Until(h.t, soon, func() string {
		for _, d := range h.Devices(h.t) {
			if !d.Available {
				return fmt.Sprintf("%s in reach: %+v", d.ID, d.State)
			}
		}
		return ""
	})
	if _, err := h.hand.Get(h.owner.Targets["Garage"]); err != nil {
		h.t.Errorf("the phone's session: %v", err)
	}
}

// opens opens the garage from a phone.
func (h *house) opens(hop func(moment)) {
	h.t.Helper()
	item, pid, err := h.owner.Put(h.hand, "Garage", "open")
	if err != nil {
		h.t.Fatal(err)
	}
	hop(prepared)
	if got, err := h.hand.PutTimed(pid, item); err != nil || got != nil {
		h.t.Fatalf("open: %v %+v", err, got)
	}
	e2e.Apart(h.t, pulseTime/3)
	hop(pulsing)
	e2e.Apart(h.t, pulseTime)
	h.lasts("the opener", h.driven()[lineOpener], 1, pulseTime)
	h.told("open", 0)
	h.at(false, false)
	h.Await(h.t, "garage", "opening", soon)
	e2e.Apart(h.t, time.Second)
	hop(moving)
	e2e.Apart(h.t, time.Second)
	h.at(false, true)
	h.Await(h.t, "garage", "open", soon)
}

// told requires that the other phone hears of a target.
func (h *house) told(what string, value int) {
	h.t.Helper()
	for {
		e, err := h.witness.NextEvent(soon)
		if err != nil {
			h.t.Errorf("nobody told the other phone of %s: %v", what, err)
			return
		}
		if slices.Contains([]string{fmt.Sprint(value)}, targetOf(h.t, e.Body, h.owner.Targets["Garage"])) {
			return
		}
	}
}

// orders moves the board's door.
func (h *house) orders(hop func(moment)) {
	h.t.Helper()
	action, at := "open", "open"
	if h.Device(h.t, "workshop").At() == "open" {
		action, at = "close", "closed"
	}
	answer := make(chan error, 1)
	go func() {
		a, err := h.TryCommand("workshop", action)
		if err == nil && a.Status != 202 {
			err = fmt.Errorf("status %d %s: %s", a.Status, a.Code, a.Detail)
		}
		answer <- err
	}()
	hop(ordered)
	if err := <-answer; err != nil {
		h.t.Fatalf("%s the workshop: %v", action, err)
	}
	h.clicks++
	e2e.Apart(h.t, 3500*time.Millisecond) // rather than asking all the time
	h.Await(h.t, "workshop", at, limit)
	h.board.WantClicks(h.t, h.clicks)
}

// types opens the strike with the owner's code and with the guest's, and tries others.
func (h *house) types(hop func(moment)) {
	h.t.Helper()
	h.wires.Type(ownerPIN[:3], keyTime)
	hop(typing)
	h.wires.Type(ownerPIN[3:]+"#", keyTime)
	e2e.Apart(h.t, time.Second)
	hop(held)
	e2e.Apart(h.t, holdTime)
	h.lasts("the strike, by the owner,", h.driven()[lineStrike], 1, holdTime)
	for _, c := range []struct {
		pin  string
		want int
	}{{laterPIN, 0}, {farPIN, 0}, {guestPIN, 1}, {overPIN, 0}} {
		h.wires.Type(c.pin+"#", keyTime)
		e2e.Apart(h.t, holdTime+2*time.Second)
		h.lasts("the strike, by "+c.pin+",", h.driven()[lineStrike], c.want, holdTime)
	}
}

// closes closes the garage from the phone, which warns first.
func (h *house) closes(hop func(moment)) {
	h.t.Helper()
	if ok, err := h.owner.Write(h.hand, "Garage", "close"); !ok {
		h.t.Fatalf("close: %v", err)
	}
	e2e.Apart(h.t, 2*time.Second)
	hop(warned)
	e2e.Apart(h.t, warningTime+3*time.Second)
	got := h.driven()
	lights, pulses := got[lineLight], got[lineOpener] // the light flashes
	if len(lights) == 0 || len(got[lineBeeper]) == 0 || len(pulses) != 1 {
		h.t.Fatalf("one close, and the light was on %v, the beeper %v, the opener %v", lights, got[lineBeeper], pulses)
	}
	h.lasts("the opener", pulses, 1, pulseTime)
	if off := pulses[0].from - lights[0].from - warningTime; off < 0 || off > 500*time.Millisecond {
		h.t.Errorf("it moved %v after the warning began", off+warningTime)
	}
	h.told("close", 1)
	h.at(false, false)
	h.Await(h.t, "garage", "closing", soon)
	e2e.Apart(h.t, 2*time.Second)
	h.at(true, false)
	h.Await(h.t, "garage", "closed", soon)
}
