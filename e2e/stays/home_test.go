package stays

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
)

// codeOfHome follows codes that Apple Home gives: they are in the slots of the Z-Wave lock, users with a PIN for Matter,
// and open at the keypad, for as long as Home says.
func (h *house) codeOfHome(t *testing.T) {
	const pin, second = "739154", "608231"
	front, studio := h.codes["front"], h.codes["studio"]
	n := front.add(t, pin)
	slot := h.onLock(t, pin)
	if users := h.users(t, "front"); len(users) != 1 {
		t.Errorf("Matter sees at the front door %v", users)
	}
	if all := h.copies(t, "front", "home"); len(all) != 1 || all[0].State != "confirmed" || all[0].Slot != n {
		t.Errorf("it is said that Home is shown %+v, its number is %d", all, n)
	}
	h.types(t, pin, "not-this-door") // it is the front door's alone
	m := studio.add(t, pin)          // Home gives a guest one PIN for all locks, one after the other
	h.types(t, pin, "opened")
	if users := h.users(t, "studio"); len(users) != 1 {
		t.Errorf("Matter sees at the studio %v", users)
	}

	front.update(t, n, second)
	e2e.Until(t, limit, func() string {
		all := h.copies(t, "front", "lock")
		if i := slices.IndexFunc(all, func(c api.Copy) bool { return c.State == "confirmed" && h.z.slot(t, h.home, c.Slot) == second }); len(all) != 1 || i < 0 {
			return fmt.Sprintf("the other PIN on the lock, and it alone: %+v", all)
		}
		return ""
	})
	again := h.onLock(t, second)
	if got := h.z.slot(t, h.home, slot); slot != again && got != "" {
		t.Errorf("slot %d of the lock still holds a code of %d digits", slot, len(got))
	}
	if users := h.users(t, "front"); len(users) != 1 {
		t.Errorf("Matter sees at the front door %v", users)
	}
	if list := studio.list(t); list[m] != pin { // it was changed for one lock
		t.Errorf("Home sees %d codes at the studio, and not the one that was", len(list))
	}
	studio.update(t, m, second)
	h.types(t, pin, "wrong-code")
	h.types(t, second, "opened")

	front.remove(t, n)
	h.offLock(t, again)
	if users := h.users(t, "front"); len(users) != 0 {
		t.Errorf("Matter sees at the front door %v", users)
	}
	if list := studio.list(t); list[m] != second {
		t.Errorf("Home sees %d codes at the studio, and not the one that stays", len(list))
	}
	studio.remove(t, m)
	h.types(t, second, "wrong-code")
	if users := h.users(t, "studio"); len(users) != 0 {
		t.Errorf("Matter sees at the studio %v", users)
	}
	h.nobody(t)
}

// nobody requires that nobody is known, and nothing shown in Home.
func (h *house) nobody(t *testing.T) {
	t.Helper()
	var people []api.Person
	h.q.Do(t, http.MethodGet, "/api/v1/people", nil, &people)
	people = slices.DeleteFunc(people, func(p api.Person) bool { return p.ID == "in-reserve" }) // of the calendar's next guest
	if len(people) != 0 {
		t.Errorf("somebody is still known: %+v", people)
	}
	for name, codes := range h.codes {
		if list := codes.list(t); len(list) != 0 {
			t.Errorf("Home sees at %s %v", name, slices.Collect(maps.Keys(list)))
		}
	}
}

// othersInHome lets the owner and an ecosystem give codes: Home lists them, and may not change the owner's.
func (h *house) othersInHome(t *testing.T) {
	const annas, gusses = "847362", "518370"
	front := h.codes["front"]
	var anna api.Person
	h.q.Do(t, http.MethodPost, "/api/v1/people", api.PersonRequest{Name: "Anna", Kind: "resident"}, &anna)
	h.q.Do(t, http.MethodPost, "/api/v1/codes", api.CodeRequest{Person: anna.ID, PIN: annas, Doors: &[]string{"front"}}, nil)
	slot := h.onLock(t, annas)
	list := front.list(t)
	if len(list) != 1 || slices.Collect(maps.Values(list))[0] != annas {
		t.Errorf("Home sees %d codes at the front door", len(list))
	}
	for n := range list {
		front.order(t, "010105"+fmt.Sprintf("02030101%02x", n), 8) // it is not Home's to remove
	}
	h.q.Do(t, http.MethodDelete, "/api/v1/people/"+anna.ID, nil, nil)
	h.offLock(t, slot)

	h.eco.lock(t, h.ends["front"], "setUser", map[string]any{"operationType": 0, "userIndex": 1, "userName": "Gus", "userUniqueId": nil, "userStatus": nil, "userType": nil, "credentialRule": nil})
	credential := map[string]any{"credentialType": 1, "credentialIndex": 1}
	out := h.eco.lock(t, h.ends["front"], "setCredential", map[string]any{"operationType": 0, "credential": credential, "credentialData": gusses, "userIndex": 1, "userStatus": nil, "userType": nil})
	if out["status"] != 0.0 {
		t.Fatalf("SetCredential: %v", out)
	}
	slot = h.onLock(t, gusses)
	if list := front.list(t); len(list) != 1 || slices.Collect(maps.Values(list))[0] != gusses {
		t.Errorf("Home sees %d codes at the front door", len(list))
	}
	h.eco.lock(t, h.ends["front"], "clearUser", map[string]any{"userIndex": 1})
	h.offLock(t, slot)
	h.nobody(t)
}
