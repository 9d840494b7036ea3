package stays

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
)

// homeWhileAway lets Apple Home give codes at the front door while its lock is away: before anybody knows that, when the
// house keeps the code and says that it waits; and after, when Home is told that nobody answers and no code is left behind.
// What waits is on the lock when it is back.
func (h *house) homeWhileAway(t *testing.T) {
	const before, after, owners = "739154", "608231", "846209"
	front := h.codes["front"]
	waits := func(what string, want int, why string) {
		t.Helper()
		all := h.copies(t, "front", "lock")
		if len(all) != want {
			t.Errorf("%s: %d codes are said to be on their way, want %d: %+v", what, len(all), want, all)
		}
		for _, c := range all {
			if c.State != "pending" || !c.Confirmed.IsZero() || why != "" && c.Why != why {
				t.Errorf("%s: %+v", what, c)
			}
		}
	}
	h.z.happens(t, map[string]any{"silent": true})
	n := front.add(t, before)
	waits("before anybody knows", 1, "")
	e2e.Until(t, limit, func() string {
		all := h.copies(t, "front", "lock")
		if d := h.q.Device(t, "front"); d.Available || len(all) != 1 || all[0].Why != silent {
			return fmt.Sprintf("a lock that is known to be away: %+v, its code %+v", d, all)
		}
		return ""
	})
	waits("known to be away", 1, silent)

	for what, order := range map[string]string{
		"a code":  homekit.CodesAdd + homekit.CodeRequest(homekit.CodeDigits(after)),
		"another": homekit.CodesUpdate + homekit.CodeRequest(homekit.CodeNumber(n)+homekit.CodeDigits(after)),
		"none":    homekit.CodesRemove + homekit.CodeRequest(homekit.CodeNumber(n)),
		"a list":  homekit.CodesList,
	} {
		if answer, status := front.c.Order(t, front.control, order); status != -70402 {
			t.Errorf("%s at a lock that is away: Home is answered %q, %d", what, answer, status)
		}
	}
	waits("after Home was refused", 1, silent)
	var anna api.Person
	h.q.Do(t, http.MethodPost, "/api/v1/people", api.PersonRequest{Name: "Anna", Kind: "resident"}, &anna)
	h.q.Do(t, http.MethodPost, "/api/v1/codes", api.CodeRequest{Person: anna.ID, PIN: owners, Doors: &[]string{"front"}}, nil)
	waits("and the owner's", 2, silent) // at once, though nobody hurries a lock that is away
	table := e2e.Run(t, e2e.Command{Name: lab.Binary(t), Args: []string{"codes", "list", "--copies", "--state", h.q.Options.State}}, limit)
	if strings.Count(table, "pending: "+silent) != 2 {
		t.Errorf("the command line says:\n%s", table)
	}

	h.z.happens(t, map[string]any{"silent": false})
	h.holds(t, before, owners)
	m := front.add(t, after)
	h.holds(t, before, owners, after)
	front.remove(t, n)
	front.remove(t, m)
	h.q.Do(t, http.MethodDelete, "/api/v1/people/"+anna.ID, nil, nil)
	h.holds(t)
	h.nobody(t)
}

// silent is why a code waits for a lock that is away.
const silent = "the lock does not answer"

// holds waits until these codes and no others are read back from the front door's lock, and asks the lock itself.
func (h *house) holds(t *testing.T, pins ...string) {
	t.Helper()
	want := map[string]bool{}
	for _, pin := range pins {
		want[pin] = true
	}
	e2e.Until(t, limit, func() string {
		all := h.copies(t, "front", "lock")
		var left []api.UnknownCode
		h.q.Do(t, http.MethodGet, "/api/v1/codes/unknown", nil, &left)
		if len(all) != len(pins) || len(left) > 0 {
			return fmt.Sprintf("%d codes on the lock: %+v, %+v", len(pins), all, left)
		}
		for _, c := range all {
			if c.State != "confirmed" {
				return fmt.Sprintf("%d codes that are read back: %+v", len(pins), all)
			}
		}
		return ""
	})
	for _, c := range h.copies(t, "front", "lock") {
		if got := h.z.slot(t, h.home, c.Slot); !want[got] {
			t.Errorf("slot %d of the lock holds a code of %d digits, another than it should", c.Slot, len(got))
		} else {
			delete(want, got)
		}
	}
	if len(want) > 0 {
		t.Errorf("%d codes are not on the lock", len(want))
	}
}
