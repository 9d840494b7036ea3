package homekit

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/homekit/haptest"
)

func keypadLock(i *Item) { i.Codes = true }

func codesHome(t *testing.T, d *disk, locks ...string) (*home, *people) {
	t.Helper()
	h := newHome(t, d)
	p := h.inhabit()
	for _, id := range locks {
		h.turnedLock(id)
	}
	return h, p
}

// turnedLock adds a lock with a keypad.
func (h *home) turnedLock(id string) *device.Lock { return h.lock(id, keypadLock) }

func (h *home) ready(ids ...string) {
	h.t.Helper()
	for _, i := range h.items {
		if i.Lock != nil {
			h.Turn(i.Lock, device.BoltSecured)
		}
	}
	h.settle()
}

func TestACodeMadeInHome(t *testing.T) {
	h, p := codesHome(t, nil, "front", "back")
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	state := h.id("front", "codes/state")
	if got := h.value(c, state); got != "0" {
		t.Errorf("at first state %s", got)
	}
	if got := h.value(c, h.id("front", "codes/supported")); got != `"AQEBAgEGAwEKBAFk"` { // digits, 6 to 10, 100 codes
		t.Errorf("configuration %s", got)
	}
	if got := h.value(c, h.id("front", "codes/control")); got != `""` {
		t.Errorf("the control point shows %s", got)
	}
	if got := h.pins(c, "front"); len(got) != 0 {
		t.Errorf("at first %v", got)
	}

	added := h.one(c, "front", codeAdd, listedCode{pin: "739154"})
	if added.status != 0 || added.number < 1 || added.pin != "739154" {
		t.Fatalf("%+v", added)
	}
	if who := p.typed(t, "739154", "front"); who != fmt.Sprintf("Home code %d", added.number) {
		t.Errorf("the keypad knows %q", who)
	}
	if p.typed(t, "739154", "back") != "" {
		t.Error("it opens another door")
	}
	if got := h.value(c, state); got != "1" {
		t.Errorf("state %s", got)
	}
	if got := h.value(c, h.id("back", "codes/state")); got != "0" {
		t.Errorf("state of the other door %s", got)
	}
	if got := h.pins(c, "front"); !maps.Equal(got, map[int]string{added.number: "739154"}) {
		t.Errorf("%v", got)
	}
	if got := h.one(c, "front", codeRead, listedCode{number: added.number}); got != added {
		t.Errorf("%+v", got)
	}
	for name, tc := range map[string]struct {
		operation byte
		r         listedCode
		want      codeStatus
	}{
		"again":               {codeAdd, listedCode{pin: "739154"}, codeTaken},
		"as another begins":   {codeAdd, listedCode{pin: "73915486"}, codeTaken},
		"short":               {codeAdd, listedCode{pin: "73915"}, codeTooShort},
		"nothing":             {codeAdd, listedCode{}, codeTooShort},
		"long":                {codeAdd, listedCode{pin: "73915486206"}, codeTooLong},
		"very long":           {codeAdd, listedCode{pin: strings.Repeat("7", 60)}, codeTooLong},
		"letters":             {codeAdd, listedCode{pin: "73915a"}, codeCharacter},
		"easy":                {codeAdd, listedCode{pin: "123456"}, codeInvalid},
		"read what is not":    {codeRead, listedCode{number: 200}, codeNotThere},
		"update what is not":  {codeUpdate, listedCode{number: 200, pin: "608231"}, codeNotThere},
		"update to nothing":   {codeUpdate, listedCode{number: added.number}, codeInvalid},
		"update nothing":      {codeUpdate, listedCode{pin: "608231"}, codeInvalid},
		"update to short":     {codeUpdate, listedCode{number: added.number, pin: "60823"}, codeTooShort},
		"remove what is not":  {codeRemove, listedCode{number: 200}, codeNotThere},
		"remove nothing":      {codeRemove, listedCode{}, codeInvalid},
		"what nobody can do":  {9, listedCode{number: added.number}, codeInvalid},
		"update to the same":  {codeUpdate, listedCode{number: added.number, pin: "739154"}, codeDone},
		"add as it is, again": {codeAdd, listedCode{number: added.number, pin: "739154"}, codeDone},
	} {
		if got := h.one(c, "front", tc.operation, tc.r); got.status != int(tc.want) {
			t.Errorf("%s: %+v, want %d", name, got, tc.want)
		}
	}
	if got := h.value(c, state); got != "1" {
		t.Errorf("after what was refused, state %s", got)
	}
	for name, order := range map[string][]byte{"malformed": {1, 1, codeAdd, 2, 3, 2, 4, '1'}, "no operation": {2, 0}, "nothing": {}} {
		if _, status := h.ask(c, "front", order); status != -70410 {
			t.Errorf("%s: %d", name, status)
		}
	}
	if got, _ := h.ask(c, "front", []byte{1, 1, codeAdd, 2, 11, 2, 6, '6', '0', '8', '2', '3', '1', 3, 1, 1}); len(got) != 1 || got[0].status != int(codeInvalid) || p.typed(t, "608231", "front") != "" {
		t.Errorf("with a flag: %+v", got)
	}

	updated := h.one(c, "front", codeUpdate, listedCode{number: added.number, pin: "608231"})
	if updated != (listedCode{number: added.number, pin: "608231"}) {
		t.Errorf("%+v", updated)
	}
	if p.typed(t, "739154", "front") != "" || p.typed(t, "608231", "front") == "" || len(p.People()) != 1 || len(p.Codes()) != 1 {
		t.Error("the old PIN opens, or the new one does not")
	}
	// Home says add where it means update.
	if got := h.one(c, "front", codeAdd, listedCode{number: added.number, pin: "415926"}); got.status != 0 || got.number != added.number || p.typed(t, "608231", "front") != "" || p.typed(t, "415926", "front") == "" {
		t.Errorf("%+v", got)
	}
	if got := h.value(c, state); got != "3" {
		t.Errorf("state %s", got)
	}
	removed := h.one(c, "front", codeRemove, listedCode{number: added.number})
	if removed != (listedCode{number: added.number, pin: "415926"}) || p.typed(t, "415926", "front") != "" || len(p.People()) != 0 || len(h.pins(c, "front")) != 0 {
		t.Errorf("%+v", removed)
	}
	if next := h.one(c, "front", codeAdd, listedCode{pin: "415926"}); next.status != 0 || next.number == added.number {
		t.Errorf("the number of another code: %+v", next)
	}
}

// Several at once, some of them not good.
func TestManyCodesAtOnce(t *testing.T) {
	h, p := codesHome(t, nil, "front")
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	answer, _ := h.ask(c, "front", orderOf(codeAdd, listedCode{pin: "739154"}, listedCode{pin: "12"}, listedCode{pin: "739154"}, listedCode{pin: "608231"}))
	var statuses []int
	for _, a := range answer {
		statuses = append(statuses, a.status)
	}
	if fmt.Sprint(statuses) != "[0 5 4 0]" || answer[2].number != answer[0].number {
		t.Errorf("%+v", answer)
	}
	answer, _ = h.ask(c, "front", orderOf(codeRead, listedCode{number: answer[3].number}, listedCode{number: 99}, listedCode{number: answer[0].number}))
	if len(answer) != 3 || answer[0].pin != "608231" || answer[1].status != int(codeNotThere) || answer[2].pin != "739154" {
		t.Errorf("%+v", answer)
	}
	var many []listedCode
	for range maxCodeRequests + 1 {
		many = append(many, listedCode{number: 1})
	}
	if answer, _ := h.ask(c, "front", orderOf(codeRemove, many...)); len(answer) != 1 || answer[0].status != int(codeBulk) || len(p.Codes()) != 2 {
		t.Errorf("%+v", answer)
	}
	// Full: a ledger takes as many as can hardly be guessed, Home a hundred.
	for n := 2; n < maxShownCodes; n++ {
		p.give(t, "guest", fmt.Sprintf("%010d", 7_391_540_000+n*7_919_113%600_000_000+n), access.Code{Doors: []string{"front"}})
	}
	h.settle()
	if got := h.one(c, "front", codeAdd, listedCode{pin: "8264091735"}); got.status != int(codeFull) || p.typed(t, "8264091735", "front") != "" {
		t.Errorf("%+v", got)
	}
	if got := h.pins(c, "front"); len(got) != maxShownCodes {
		t.Errorf("%d codes", len(got))
	}
}

// Home gives a guest one PIN at all locks, one lock after the other.
func TestOnePINAtTwoLocks(t *testing.T) {
	h, p := codesHome(t, nil, "front", "back")
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	front, back := h.one(c, "front", codeAdd, listedCode{pin: "739154"}), h.one(c, "back", codeAdd, listedCode{pin: "739154"})
	if front.status != 0 || back.status != 0 || len(p.Codes()) != 1 || len(p.People()) != 1 || p.typed(t, "739154", "front") == "" || p.typed(t, "739154", "back") == "" {
		t.Fatalf("%+v, %+v, %d codes", front, back, len(p.Codes()))
	}
	if got := h.one(c, "front", codeUpdate, listedCode{number: front.number, pin: "608231"}); got.status != 0 || p.typed(t, "739154", "front") != "" || p.typed(t, "739154", "back") == "" ||
		p.typed(t, "608231", "back") != "" || p.typed(t, "608231", "front") == "" || len(p.People()) != 1 {
		t.Errorf("changed at one lock: %+v", got)
	}
	if got := h.one(c, "back", codeUpdate, listedCode{number: back.number, pin: "608231"}); got.status != 0 || len(p.Codes()) != 1 || len(p.People()) != 1 || p.typed(t, "608231", "back") == "" {
		t.Errorf("changed at the other one: %+v, %d codes", got, len(p.Codes()))
	}
	if got := h.one(c, "front", codeRemove, listedCode{number: front.number}); got.status != 0 || p.typed(t, "608231", "front") != "" || p.typed(t, "608231", "back") == "" {
		t.Errorf("removed at one lock: %+v", got)
	}
	if got := h.one(c, "back", codeRemove, listedCode{number: back.number}); got.status != 0 || len(p.Codes())+len(p.People()) != 0 {
		t.Errorf("removed at both: %+v", got)
	}
}

// What others make is shown while it opens, and is not Home's to change.
func TestCodesOfOthersInHome(t *testing.T) {
	h, p := codesHome(t, nil, "front", "back")
	h.open()
	h.ready()
	c := h.admin(mainBridge)
	dates := func(from, to string) []access.Window {
		w := access.Window{Kind: access.Dates, Zone: "UTC"}
		if err := errors.Join(w.From.UnmarshalText([]byte(from)), w.To.UnmarshalText([]byte(to))); err != nil {
			t.Fatal(err)
		}
		return []access.Window{w}
	}
	everywhere := p.give(t, "Anna", "739154", access.Code{})
	p.give(t, "back only", "608231", access.Code{Doors: []string{"back"}})
	p.give(t, "counted", "415926", access.Code{Doors: []string{"front"}, Windows: []access.Window{{Kind: access.Count, Uses: 3}}})
	p.give(t, "both", "827364", access.Code{Doors: []string{"front"}, Both: true})
	p.give(t, "guest", "593817", access.Code{Doors: []string{"front"}, Windows: dates("2026-05-05T16:00", "2026-05-07T10:00")})
	h.settle()
	shows := func(what string, pins ...string) {
		t.Helper()
		h.settle()
		got := map[string]bool{}
		for _, pin := range h.pins(c, "front") {
			got[pin] = true
		}
		want := map[string]bool{}
		for _, pin := range pins {
			want[pin] = true
		}
		if !maps.Equal(got, want) {
			t.Errorf("%s: Home sees %v, want %v", what, got, want)
		}
	}
	shows("before the stay", "739154")
	p.clock.set(noon().AddDate(0, 0, 2), access.Trusted)
	shows("in the stay", "739154", "593817")
	p.clock.set(noon(), access.TrustFloor)
	shows("when the time is lost", "739154", "593817")
	p.clock.set(noon().AddDate(0, 0, 9), access.Trusted)
	shows("after it", "739154")
	if got := h.value(c, h.id("front", "codes/state")); got != "3" {
		t.Errorf("state %s", got)
	}
	number := 0
	for n := range h.pins(c, "front") {
		number = n
	}
	for _, operation := range []byte{codeUpdate, codeRemove, codeAdd} {
		if got := h.one(c, "front", operation, listedCode{number: number, pin: "264810"}); got.status != int(codeInvalid) {
			t.Errorf("operation %d: %+v", operation, got)
		}
	}
	if got := h.one(c, "front", codeAdd, listedCode{pin: "608231"}); got.status != int(codeTaken) || got.number >= 0 {
		t.Errorf("the PIN of another door: %+v", got)
	}
	everywhere.Revoked = true
	if err := p.ChangeCode(everywhere); err != nil {
		t.Fatal(err)
	}
	shows("when it is taken back")

	// What Home made is Home's until the owner gives it more.
	mine := h.one(c, "front", codeAdd, listedCode{pin: "264810"})
	codes := p.Codes()
	for _, code := range codes {
		if person, _ := p.Whose(code.ID); strings.HasPrefix(person.Name, "Home code") {
			code.Doors = nil
			if err := p.ChangeCode(code); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := h.one(c, "front", codeRemove, listedCode{number: mine.number}); got.status != int(codeInvalid) || p.typed(t, "264810", "back") == "" {
		t.Errorf("%+v", got)
	}
}

// Who may not decide about others sees no PIN and changes none.
func TestWhoMaySeeCodes(t *testing.T) {
	h, p := codesHome(t, nil, "front")
	h.open()
	h.ready()
	admin := h.admin(mainBridge)
	if got := h.one(admin, "front", codeAdd, listedCode{pin: "739154"}); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	user := h.user(admin, mainBridge)
	for _, tc := range []struct {
		c     *haptest.Client
		role  access.Role
		doors []string
		may   bool
	}{
		{admin, access.RoleManage, nil, true}, {admin, access.RoleManage, []string{"front"}, true}, {admin, access.RoleManage, []string{}, false},
		{admin, access.RoleOperate, nil, false}, {admin, access.RoleNone, nil, false},
		{user, access.RoleManage, nil, true}, {user, access.RoleOperate, nil, false}, {user, access.RoleLockOnly, nil, false}, {user, access.RoleView, nil, false},
	} {
		h.Give(access.Controller{ID: tc.c.Controller.ID, Role: tc.role, Doors: tc.doors})
		h.mu.Lock()
		h.refused = nil
		h.mu.Unlock()
		for _, order := range [][]byte{{1, 1, codeList}, orderOf(codeRead, listedCode{number: 1}), orderOf(codeAdd, listedCode{pin: "12"}), orderOf(codeRemove, listedCode{number: 77})} {
			answer, status := h.ask(tc.c, "front", order)
			if tc.may != (status == 0) || !tc.may && (status != -70401 || answer != nil) {
				t.Errorf("%s for %v, operation %d: %d %v", tc.role, tc.doors, order[2], status, answer)
			}
		}
		h.mu.Lock()
		if told := len(h.refused); (told == 0) != tc.may {
			t.Errorf("%s for %v: the history is told %d times", tc.role, tc.doors, told)
		}
		h.mu.Unlock()
	}
	h.Forget()
	if _, status := h.ask(user, "front", []byte{1, 1, codeList}); status != -70401 {
		t.Errorf("a user of the home: %d", status)
	}
	if len(p.Codes()) != 1 {
		t.Errorf("%d codes", len(p.Codes()))
	}
}
