package matter

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

func TestWrongPINsAndTheLockOut(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	h.setPIN("front", 0, 1, "583917", 1)
	for i := range access.FreeMisses {
		lock := []string{"front", "back"}[i%2]
		if err := h.unlock(lock, "111119"); !errors.Is(err, model.Failure) {
			t.Fatalf("wrong PIN %d: %v", i, err)
		}
		if _, ok, err := h.people.Get("tries/" + guessPlace); err != nil || !ok {
			t.Fatalf("wrong PIN %d is not on the disk: %v", i, err)
		}
	}
	if err := h.unlock("front", "583917"); !errors.Is(err, model.Failure) {
		t.Errorf("the right PIN, too late: %v", err)
	}
	if h.noticed(NoticeClosed) != 1 || len(h.Bolts["front"].Throws())+len(h.Bolts["back"].Throws()) != 0 {
		t.Errorf("notices %+v, throws %v", h.notices, h.Bolts["front"].Throws())
	}
	must(t, h.unlock("front", "")) // a lock-out of PINs keeps no controller out that needs none
	if logs := h.logs.String(); strings.Contains(logs, "583917") || strings.Contains(logs, "111119") {
		t.Errorf("a PIN in the log: %s", logs)
	}
	for key, record := range h.disk.faces.kept {
		if bytes.Contains(record, []byte("583917")) {
			t.Errorf("a PIN in the record %s", key)
		}
	}
}

func TestAPINCanBeRequired(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	h.setPIN("front", 0, 1, "583917", 1)
	at := model.Change{Endpoint: h.endpoint("front"), Cluster: doorlock.ID, Attribute: 0x33}
	must(t, h.c.Write(t.Context(), h.c.session, at, func(w *tlv.Writer, tag tlv.Tag) { w.Bool(tag, true) }, false))
	if err := h.unlock("front", ""); !errors.Is(err, model.Failure) {
		t.Errorf("without: %v", err)
	}
	must(t, h.unlock("front", "583917"))
	must(t, h.unlock("back", ""))
}

func TestSchedulesDecideWhen(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Cleaner", -1, 8))
	if a := h.setPIN("front", 0, 1, "583917", 1); a.status != 0 {
		t.Fatalf("%+v", a)
	}
	if err := h.unlock("front", "583917"); err == nil {
		t.Error("without a schedule it opens")
	}
	week := func(index, days, from, to uint64) error {
		_, err := h.c.invoke("front", doorlock.ID, 0x0B, false, func(w *tlv.Writer) {
			for i, v := range []uint64{index, 1, days, from, 0, to, 0} {
				w.Uint(tlv.Context(uint8(i)), v)
			}
		})
		return err
	}
	must(t, week(1, 1<<3, 14, 16)) // Wednesdays, 14 to 16
	if err := h.unlock("front", "583917"); err == nil {
		t.Error("before its time it opens")
	}
	if err := week(2, 1<<3, 16, 14); !errors.Is(err, model.InvalidCommand) {
		t.Errorf("backwards: %v", err)
	}
	must(t, week(1, 1<<3, 11, 13))
	must(t, h.unlock("front", "583917"))
	f, err := h.c.invoke("front", doorlock.ID, 0x0C, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1); w.Uint(tlv.Context(1), 1) })
	must(t, err)
	if f.Uint8(2) != 0 || f.Uint8(3) != 1<<3 || f.Uint8(4) != 11 || f.Uint8(6) != 13 {
		t.Errorf("schedule: %d", f.Uint8(2))
	}
	_, err = h.c.invoke("front", doorlock.ID, 0x0D, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 0xFE); w.Uint(tlv.Context(1), 1) })
	must(t, err)
	if c := h.ledger.Codes(); !c[0].Revoked {
		t.Errorf("without schedules: %+v", c)
	}
	// 2026-07-01 in seconds of local time since 2000.
	day := uint64(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	year := func(from, to uint64) error {
		_, err := h.c.invoke("front", doorlock.ID, 0x0E, false, func(w *tlv.Writer) {
			for i, v := range []uint64{1, 1, from, to} {
				w.Uint(tlv.Context(uint8(i)), v)
			}
		})
		return err
	}
	must(t, year(day, day+24*3600))
	if w := h.ledger.Codes()[0].Windows; len(w) != 1 || w[0].From.String() != "2026-07-01T00:00" || w[0].To.String() != "2026-07-02T00:00" || w[0].Zone != "Europe/Paris" {
		t.Errorf("windows %+v", w)
	}
	if err := year(day+1, day+2); !errors.Is(err, model.ConstraintError) {
		t.Errorf("a window without a minute: %v", err)
	}
	holiday := func(mode uint64) error {
		_, err := h.c.invoke("front", doorlock.ID, 0x11, false, func(w *tlv.Writer) {
			for i, v := range []uint64{1, day, day + 24*3600, mode} {
				w.Uint(tlv.Context(uint8(i)), v)
			}
		})
		return err
	}
	if err := holiday(4); !errors.Is(err, model.InvalidCommand) {
		t.Errorf("passage: %v", err)
	}
	must(t, holiday(1))
	if err := h.unlock("front", "583917"); err == nil {
		t.Error("on a holiday it opens")
	}
	if hs := h.ledger.House().Holidays; len(hs) != 1 || hs[0].Mode != access.HolidayOwners || !slices.Equal(hs[0].Doors, []string{"front"}) {
		t.Errorf("holidays %+v", hs)
	}
	_, err = h.c.invoke("front", doorlock.ID, 0x13, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1) })
	must(t, err)
	if len(h.ledger.House().Holidays) != 0 {
		t.Error("the holiday is still there")
	}
}

// TestADiskThatTakesNothing lets every write of one of the two stores fail: a controller is told, and nothing is half done
// that would open a door.
func TestADiskThatTakesNothing(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	full := errors.New("no space left on device")
	h.people.set(full)
	if a := h.setPIN("front", 0, 1, "583917", 1); a.status != 1 {
		t.Errorf("a PIN that cannot be kept: %+v", a)
	}
	if err := h.setUser("front", 0, 2, "Ben", -1, -1); !errors.Is(err, model.Failure) {
		t.Errorf("a person who cannot be kept: %v", err)
	}
	if err := h.unlock("front", "583917"); !errors.Is(err, model.Failure) || h.noticed(NoticeUnsaved) != 1 {
		t.Errorf("a wrong PIN that is not counted on the disk: %v, %+v", err, h.notices)
	}
	h.people.set(nil)
	h.disk.faces.set(full)
	if a := h.setPIN("front", 0, 1, "583917", 1); a.status != 1 {
		t.Errorf("an index that cannot be kept: %+v", a)
	}
	h.disk.faces.set(nil)
	// What the ledger took in is a user's PIN all the same, and can be taken back.
	if u := h.user("front", 1); !slices.Equal(u.pins, []uint64{1}) {
		t.Errorf("user %+v", u)
	}
	must(t, h.clearUser("front", 1))
	if len(h.ledger.Codes())+len(h.ledger.People()) != 0 {
		t.Errorf("left: %+v, %+v", h.ledger.Codes(), h.ledger.People())
	}
}

// TestUsersOutliveARestart also damages the record of one lock: it is not taken for none.
func TestUsersOutliveARestart(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 5, "Anna", -1, 8))
	h.setPIN("front", 0, 3, "583917", 5)
	must(t, h.setUser("back", 0, 1, "Ben", -1, -1))
	h.setPIN("back", 0, 1, "274861", 1)
	before := h.user("front", 5)
	must(t, h.disk.faces.Apply(map[string][]byte{tableKeys + "back": []byte("{")}))
	c := h.House.c
	again := newPlain(t)
	again.fabrics = h.server.Fabrics()
	c.Server = again
	house, err := New(c)
	must(t, err)
	defer house.Close()
	users, err := house.books["front"].Users()
	must(t, err)
	u := users[5]
	if len(users) != 1 || u.Name != before.name || u.Type != doorlock.Scheduled || uint64(u.Creator) != before.creator || len(u.Credentials) != 1 || u.Credentials[0].Index != 3 {
		t.Errorf("users %+v, were %+v", users, before)
	}
	if _, err := house.books["back"].Users(); !errors.Is(err, model.Failure) {
		t.Errorf("a damaged record: %v", err)
	}
	if !again.yes(t, "back", doorlock.ID, 0x33) {
		t.Error("where nobody knows whether a PIN is needed, one is")
	}
	if b, _, _ := h.disk.faces.Get(tableKeys + "back"); string(b) != "{" {
		t.Error("the damaged record was written over")
	}
}

// TestALockOutOutlivesARestart guesses until no PIN is taken, and pulls the plug.
func TestALockOutOutlivesARestart(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	h.setPIN("front", 0, 1, "583917", 1)
	for range access.FreeMisses {
		_ = h.unlock("front", "111119") // refused
	}
	c := h.House.c
	c.Server = newPlain(t)
	house, err := New(c)
	must(t, err)
	defer house.Close()
	if _, err := house.admit("front", []byte("583917")); !errors.Is(err, model.Failure) {
		t.Errorf("the right PIN right after a restart: %v", err)
	}
	must(t, h.people.Apply(map[string][]byte{"tries/" + guessPlace: []byte("?")}))
	house.guard.count = nil
	if _, err := house.admit("front", []byte("583917")); !errors.Is(err, model.Failure) || h.noticed(NoticeDamaged) != 1 {
		t.Errorf("a count that cannot be read: %v, %+v", err, h.notices)
	}
}

// TestACodeThatCountsOpensAtTheKeypadOnly: a use from afar would not be counted.
func TestACodeThatCountsOpensAtTheKeypadOnly(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Parcel", -1, 6))
	if a := h.setPIN("front", 0, 1, "583917", 1); a.status != 0 {
		t.Fatalf("%+v", a)
	}
	if c := h.ledger.Codes(); len(c) != 1 || !c[0].Counted() || c[0].Windows[0].Uses != 1 {
		t.Errorf("codes %+v", c)
	}
	if err := h.unlock("front", "583917"); !errors.Is(err, model.Failure) {
		t.Errorf("from afar: %v", err)
	}
	if u := h.user("front", 1); u.kind != 6 {
		t.Errorf("user %+v", u)
	}
}

// TestWhoMayNotUnlockMakesNoPIN: the owner of the house decides about controllers, an ecosystem's administrator does not.
func TestWhoMayNotUnlockMakesNoPIN(t *testing.T) {
	h := newPeopled(t)
	h.Give(access.Controller{ID: "0000000000001122", Role: access.RoleLockOnly})
	if err := h.setUser("front", 0, 1, "Anna", -1, -1); !errors.Is(err, model.UnsupportedAccess) {
		t.Errorf("set user: %v", err)
	}
	if err := h.unlock("front", ""); !errors.Is(err, model.UnsupportedAccess) {
		t.Errorf("unlock: %v", err)
	}
	_, err := h.c.invoke("front", doorlock.ID, 0, true, nil)
	must(t, err) // it is locked already
	if u := h.user("front", 1); u.there {
		t.Errorf("user %+v", u)
	}
}

// A PIN whose place among the credentials could not be kept is refused; asked for again it is the controller's, under the number that
// it asked for, and there once.
func TestAPINThatCameHalfWay(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	full := errors.New("the disk is full")
	h.disk.faces.set(full)
	if a := h.setPIN("front", 0, 4, "583917", 1); a.status == 0 {
		t.Error("acknowledged, and not kept")
	}
	h.disk.faces.set(nil)
	if u := h.user("front", 1); len(u.pins) > 1 {
		t.Errorf("half a PIN is %+v", u)
	}
	if a := h.setPIN("front", 0, 4, "583917", 1); a.status != 0 {
		t.Errorf("asked for again: %+v", a)
	}
	if u := h.user("front", 1); !slices.Equal(u.pins, []uint64{4}) || len(h.codes("front")) != 1 {
		t.Errorf("%+v, %d codes", u, len(h.codes("front")))
	}
	must(t, h.unlock("front", "583917"))
	must(t, h.clearPIN("front", 4))
	if len(h.codes("front")) != 0 {
		t.Error("the PIN is there after it was cleared")
	}
}
