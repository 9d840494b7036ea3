package clock

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/internal/gpiolab"
)

// bootID is how a process knows whether the machine was switched off since.
const bootID = "/proc/sys/kernel/random/boot_id"

// reboot makes programs believe that the machine was switched off and on: its clock says something else, and nobody
// vouches for it.
func (m *machine) reboot(says time.Time) {
	m.t.Helper()
	file := filepath.Join(e2e.TempDir(m.t), "boot_id")
	if err := os.WriteFile(file, fmt.Appendf(nil, "00000000-0000-4000-8000-%012x\n", time.Now().UnixNano()&0xffffffffffff), 0o444); err != nil {
		m.t.Fatal(err)
	}
	if err := unix.Mount(file, bootID, "", unix.MS_BIND, ""); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() {
		if err := unix.Unmount(bootID, 0); err != nil {
			m.t.Error(err)
		}
	})
	m.set(says)
}

// tries types a code at the strike and requires that it opens, or does not, and for which reason.
func (h *house) tries(pin string, opens bool, why string) {
	h.t.Helper()
	before := h.History(h.t, "studio-pad")
	h.driven()
	h.wires.Type(pin+"#", keyTime)
	e2e.Apart(h.t, holdTime+2500*time.Millisecond)
	times := map[bool]int{true: 1}[opens]
	h.lasts("the strike, by "+pin+",", h.driven()[lineStrike], times, holdTime)
	if why == "" {
		return
	}
	rows := h.History(h.t, "studio-pad")[len(before):]
	if !slices.ContainsFunc(rows, func(r e2e.Row) bool { return strings.Contains(r.Code+" "+r.Detail, why) }) {
		h.t.Errorf("%s was not refused as %s: %+v", pin, why, rows)
	}
}

// again starts the bridge of a house again.
func (h *house) again() {
	h.t.Helper()
	h.Stop(h.t)
	h.Loquet = h.Again(h.t, nil)
	h.wires.Rest()
	h.at(true, false)
	h.Await(h.t, "garage", "closed", limit)
	h.Await(h.t, "studio", "secured", limit)
}

// TestGuestWithoutAClock switches a machine off that has no battery for its clock: it wakes up in 1970, or years
// ahead. Owners come in, guests do not while nobody knows the time, and do as soon as a time service says it.
func TestGuestWithoutAClock(t *testing.T) {
	m := newMachine(t, time.Date(2030, 3, 30, 22, 40, 0, 0, time.UTC))
	h := newHouse(t, m)
	h.people()
	h.tries(ownerPIN, true, "")
	h.tries(guestPIN, true, "")
	for _, wakes := range []struct {
		name string
		at   time.Time
	}{{"in 1970", year(1970)(m.now())}, {"in 2036", time.Date(2036, 5, 1, 12, 0, 0, 0, time.UTC)}} {
		m.reboot(wakes.at)
		h.again()
		e2e.Until(t, limit, func() string {
			if all := h.Problems(t); !slices.Contains(all, "clock-untrusted") {
				return fmt.Sprintf("clock-untrusted, as it wakes up %s: %v", wakes.name, all)
			}
			return ""
		})
		h.tries(guestPIN, false, "clock-unknown")
		h.tries(laterPIN, false, "clock-unknown")
		h.tries(farPIN, false, "clock-unknown")
		h.tries(overPIN, false, "outside-window")
		h.tries(gracePIN, true, "") // its owner allowed six hours
		h.tries(ownerPIN, true, "")

		m.set(m.now()) // a time service has found it
		m.vouch()
		e2e.Apart(t, 2*time.Second)
		if got := h.driven(); len(got[lineOpener])+len(got[lineStrike])+len(got[lineLight]) > 0 {
			t.Errorf("something was energised as the time came: %v", got)
		}
		h.tries(guestPIN, true, "")
		h.tries(laterPIN, false, "outside-window")
		h.tries(farPIN, false, "outside-window")
		h.tries(ownerPIN, true, "")
	}
	h.ends()
}

// TestGuestTheNightOfTheClocks lives through the hour that the clocks leave out: a code from half past two opens when
// they go forward, and not a minute before.
func TestGuestTheNightOfTheClocks(t *testing.T) {
	m := newMachine(t, time.Date(2030, 3, 31, 0, 57, 0, 0, time.UTC)) // 01:57 in Paris; 02:00 is 03:00
	h := newHouse(t, m)
	h.code("Nina", guestPIN, "2030-03-31T02:30", "2030-03-31T04:00")
	h.tries(guestPIN, false, "outside-window")
	e2e.Apart(t, time.Date(2030, 3, 31, 1, 0, 1, 0, time.UTC).Sub(m.now()))
	h.tries(guestPIN, true, "")
	m.slow(time.Date(2030, 3, 31, 1, 59, 0, 0, time.UTC))
	h.tries(guestPIN, true, "")
	e2e.Apart(t, time.Date(2030, 3, 31, 2, 0, 1, 0, time.UTC).Sub(m.now()))
	h.tries(guestPIN, false, "outside-window")
	h.ends()
}

// slow lets a time service find that the clock was slow: what it says is true from now on.
func (m *machine) slow(at time.Time) {
	m.t.Helper()
	m.at, m.up = at, gpiolab.Monotonic()
	m.do(jump{to: back, vouch: true})
}
