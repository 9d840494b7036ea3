package stays

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/api"
)

// fuse lets a number of writes through, to whatever space, and none after: the process has died.
type fuse struct {
	mu    sync.Mutex
	armed bool
	left  int
}

var errDead = errors.New("the process has died")

func (f *fuse) arm(left int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed, f.left = true, left
}

// blown reports whether a write is not done any more.
func (f *fuse) blown() bool {
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left--
	return f.armed && f.left < 0
}

// whole holds people, codes and stays against each other.
func (h *house) whole(what string) {
	h.t.Helper()
	stays, err := h.stays.Stays(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	codes := map[string][]string{} // by person
	for _, c := range h.ledger.Codes() {
		codes[c.Person] = append(codes[c.Person], c.ID)
	}
	known := map[string]bool{}
	for _, s := range stays {
		known[s.Person] = true
		if have := codes[s.Person]; s.Person != "" && (len(have) != 1 || have[0] != s.CodeID) {
			h.t.Errorf("%s: %s has the codes %v, and its stay says %q", what, s.Person, have, s.CodeID)
		}
		if code, ok := h.ledger.Code(s.CodeID); s.CodeID != "" && (!ok || code.Revoked != (s.State == "cancelled")) {
			h.t.Errorf("%s: the stay is %s, its code is there: %v, taken back: %v", what, s.State, ok, code.Revoked)
		}
	}
	for _, p := range h.ledger.People() {
		if !known[p.ID] {
			h.t.Errorf("%s: %s is known, and has no stay", what, p.ID)
		}
	}
	for key := range h.kept.rows {
		if strings.HasPrefix(key, eraseKeys) {
			h.t.Errorf("%s: %s is left", what, key)
		}
	}
}

// TestACrashAtEveryWrite ends the process at every write of everything that takes more than one: afterwards it was
// done, or it was not, and what was acknowledged was.
func TestACrashAtEveryWrite(t *testing.T) {
	dates := func(r *api.CalendarRequest) { r.Policy, r.Prefix = "dates", "27" }
	for name, c := range map[string]struct {
		policy func(*api.CalendarRequest)
		do     func(h *house, calendar api.Calendar) error
		done   func(h *house) bool
	}{
		"a calendar is removed": {nil, func(h *house, c api.Calendar) error { return h.stays.RemoveCalendar(h.t.Context(), c.ID) },
			func(h *house) bool { return len(h.ledger.People())+len(h.kept.rows) == 0 }},
		"a guest is erased": {nil, func(h *house, _ api.Calendar) error { return h.stays.EraseStay(h.t.Context(), h.guest(1).ID) },
			func(h *house) bool { return len(h.ledger.People()) == 2 && h.guest(1).State == "cancelled" }},
		"a guest is sent away": {nil, func(h *house, _ api.Calendar) error { return h.stays.CancelStay(h.t.Context(), h.guest(1).ID) },
			func(h *house) bool { code, ok := h.ledger.Code(h.guest(1).CodeID); return ok && code.Revoked }},
		"dates move": {dates, func(h *house, _ api.Calendar) error {
			h.says("a 20000111 20000113", "b 20000114 20000116", "c 20000117 20000119")
			time.Sleep(2 * time.Hour)
			return errDead // nobody was told anything
		}, func(h *house) bool {
			for i, want := range []string{"271113", "271416", "271719"} {
				secret, err := h.ledger.Reveal(h.guest(i).CodeID)
				if err != nil || string(secret.Keys) != want || h.guest(i).Policy != "dates" {
					return false
				}
			}
			return true
		}},
		"guests book": {dates, func(h *house, _ api.Calendar) error {
			h.says("a 20000110 20000112", "b 20000113 20000115", "c 20000116 20000118", "d 20000120 20000122", "e 20000123 20000124")
			time.Sleep(2 * time.Hour)
			return errDead
		}, func(h *house) bool { return len(h.ledger.Codes()) == 5 && h.guest(4).Policy == "dates" }},
	} {
		t.Run(name, func(t *testing.T) {
			spared := false // all writes were done: to cut later is no other case
			for cut := 0; !spared; cut++ {
				synctest.Test(t, func(t *testing.T) {
					h := newHouse(t)
					h.says("a 20000110 20000112", "b 20000113 20000115", "c 20000116 20000118")
					fuse := &fuse{}
					h.codes.fuse, h.kept.fuse = fuse, fuse
					stop := h.run()
					change := c.policy
					if change == nil {
						change = func(*api.CalendarRequest) {}
					}
					calendar := h.add(change)
					synctest.Wait()
					h.whole("before")
					fuse.arm(cut)
					err := c.do(h, calendar)
					stop()
					spared = fuse.left >= 0 || cut == 40
					h.codes, h.kept = &space{rows: maps.Clone(h.codes.rows)}, &space{rows: maps.Clone(h.kept.rows)}
					h.open()
					stop = h.run()
					time.Sleep(time.Hour)
					synctest.Wait()
					what := fmt.Sprintf("after %d writes", cut)
					h.whole(what)
					if moves := c.policy != nil; (moves || err == nil) && !c.done(h) {
						t.Errorf("%s: it was acknowledged, and is not done (%v)", what, err)
					}
					stop()
				})
			}
		})
	}
}
