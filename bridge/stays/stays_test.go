package stays

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

const address = "https://www.airbnb.com/calendar/ical/1.ics?s=0123456789abcdef"

// TestAGuest is the whole of a stay: booked, told, extended, used, over, forgotten.
func TestAGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112 HMABCDE123", "z 20000401 20000402")
		h.want("fetches before a calendar is there", h.fetches(), 0)
		stop := h.run()
		h.add()
		synctest.Wait()
		s := h.guest(0)
		h.want("state", s.State, "coming")
		h.want("one that is far", h.guest(1).State, "planned")
		h.want("before", h.opens(s), access.ReasonNotYet)
		m, err := h.stays.TellStay(t.Context(), s.ID)
		if err != nil || !strings.Contains(m.Text, m.PIN) || len(m.PIN) < 6 {
			t.Fatalf("%+v, %v", m, err)
		}
		h.says("b 20000110 20000114 HMABCDE123", "z 20000401 20000402") // extended, with another UID
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		again, err := h.stays.TellStay(t.Context(), s.ID)
		if err != nil || again.PIN != m.PIN {
			t.Errorf("a code that was told changed: %v", err)
		}
		stop()
		h.open() // a restart in between
		stop = h.run()
		time.Sleep(on("2000-01-10 13:29:00"))
		h.want("a minute early", h.opens(s), access.ReasonNotYet)
		time.Sleep(2 * time.Minute)
		h.want("there", h.opens(s), access.ReasonInWindow)
		h.want("state", h.guest(0).State, "here")
		h.says("z 20000401 20000402") // channels drop who is there
		time.Sleep(on("2000-01-14 10:29:00"))
		h.want("in the extended stay", h.opens(s), access.ReasonInWindow)
		time.Sleep(2 * time.Minute)
		h.want("over", h.opens(s), access.ReasonExpired)
		time.Sleep(40 * 24 * time.Hour)
		if all, _ := h.stays.Stays(t.Context()); len(all) != 1 {
			t.Errorf("who left long ago is still known: %+v", all)
		}
		if people := h.ledger.People(); len(people) > 1 {
			t.Errorf("%+v", people)
		}
		stop()
		if log := h.log.String(); strings.Contains(log, "0123456789abcdef") || strings.Contains(log, m.PIN) || strings.Contains(log, "HMABCDE123") {
			t.Error("the log tells a secret")
		}
		for key, value := range h.kept.rows {
			if bytes.Contains(value, []byte("0123456789abcdef")) {
				t.Errorf("%s holds the address", key)
			}
		}
	})
}

func TestACancelledGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112", "z 20000401 20000402")
		stop := h.run()
		h.add()
		synctest.Wait()
		s := h.guest(0)
		h.says("z 20000401 20000402")
		time.Sleep(50 * time.Minute) // one or two feeds
		h.set(func() { h.err = errors.New("broken") })
		time.Sleep(24 * time.Hour) // none
		h.says("z 20000401 20000402")
		time.Sleep(8 * time.Hour)
		h.want("two feeds later", h.opens(s), access.ReasonRevoked)
		h.want("state", h.guest(0).State, "cancelled")
		h.says("a 20000110 20000112", "z 20000401 20000402")
		time.Sleep(2 * time.Hour)
		h.want("back again", h.opens(s), access.ReasonNotYet)
		if err := h.stays.CancelStay(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		h.want("cancelled by the owner", h.opens(s), access.ReasonRevoked)
		if err := h.stays.EraseStay(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		if len(h.ledger.Codes()) != 0 || h.guest(0).Name != "" || h.guest(0).State != "cancelled" {
			t.Errorf("%+v, %+v", h.ledger.Codes(), h.guest(0))
		}
		stop()
	})
}

func TestPoliciesAndCollisions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says(`a 20000110 20000112 Phone Number (Last 4 Digits): 0427`, `b 20000113 20000115 Phone Number (Last 4 Digits): 0427`, "c 20000116 20000118")
		stop := h.run()
		h.add(func(r *api.CalendarRequest) { r.Policy, r.Prefix = "last4", "58" })
		synctest.Wait()
		var pins []string
		for i := range 3 {
			m, err := h.stays.TellStay(t.Context(), h.guest(i).ID)
			if err != nil {
				t.Fatal(err)
			}
			pins = append(pins, m.PIN)
		}
		if pins[0] != "580427" || pins[1] == pins[0] || h.guest(1).Policy != "random" || h.guest(2).Policy != "random" {
			t.Errorf("%v, %+v", pins, h.guest(1))
		}
		stop()
	})
}

func TestDatesThatMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112 HMABCDE123")
		stop := h.run()
		h.add(func(r *api.CalendarRequest) { r.Policy, r.Prefix = "dates", "27" })
		synctest.Wait()
		h.says("a 20000111 20000113 HMABCDE123")
		time.Sleep(2 * time.Hour)
		m, err := h.stays.TellStay(t.Context(), h.guest(0).ID)
		if err != nil || m.PIN != "271113" || len(h.ledger.Codes()) != 1 {
			t.Errorf("%v, %d codes", err, len(h.ledger.Codes()))
		}
		h.says("a 20000112 20000114 HMABCDE123")
		time.Sleep(2 * time.Hour)
		if m, err = h.stays.TellStay(t.Context(), h.guest(0).ID); err != nil || m.PIN != "271113" {
			t.Errorf("a code that was told changed: %v", err)
		}
		if s := h.guest(0); s.From.Format(time.DateTime) != "2000-01-12 14:30:00" {
			t.Errorf("its window did not follow: %s", s.From)
		}
		stop()
	})
}

func TestAGuestWhoseCodeIsNotReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112")
		h.ready, h.minute = "its keypad does not answer", time.Minute
		h.open()
		stop := h.run()
		h.add()
		synctest.Wait()
		tells := func() string {
			for _, p := range h.board.Active() {
				if p.Code == health.StayNotReady {
					return p.Detail
				}
			}
			return ""
		}
		time.Sleep(on("2000-01-09 13:00:00"))
		h.want("more than a day before", tells(), "")
		time.Sleep(31 * time.Minute)
		h.want("a day before", tells(), "studio: its keypad does not answer")
		time.Sleep(on("2000-01-10 11:31:00"))
		h.want("two hours before", tells(), "the guest comes within two hours: studio: its keypad does not answer")
		h.set(func() { h.ready = "" })
		time.Sleep(time.Minute)
		synctest.Wait()
		h.want("mended", tells(), "")
		stop()
	})
}

func TestACalendarWithoutNews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112")
		stop := h.run()
		c := h.add()
		synctest.Wait()
		stale := func() bool {
			for _, p := range h.board.Active() {
				if p.Code == health.CalendarStale && p.Subject == c.ID {
					return true
				}
			}
			return false
		}
		for name, bad := range map[string]string{"html": "<html></html>", "cut": h.feed[:80], "empty": ""} {
			h.set(func() { h.feed = bad })
			time.Sleep(5 * time.Hour)
			h.want(name+" for five hours", stale(), false)
			time.Sleep(3 * time.Hour)
			h.want(name+" for eight", stale(), true)
			if len(h.ledger.Codes()) != 1 || h.guest(0).State != "coming" {
				t.Errorf("%s: %+v", name, h.guest(0))
			}
			h.says("a 20000110 20000112")
			time.Sleep(8 * time.Hour)
			h.want(name+", and well again", stale(), false)
		}
		if all, err := h.stays.Calendars(t.Context()); err != nil || all[0].Address != "https://www.airbnb.com/..." || all[0].Problem != "" || all[0].Fetched.IsZero() {
			t.Errorf("%+v, %v", all, err)
		}
		stop()
	})
}

func TestCleanersComeInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		if _, err := h.ledger.SavePerson(access.Person{ID: "clara", Name: "Clara", Kind: access.Helper}); err != nil {
			t.Fatal(err)
		}
		code, err := h.ledger.AddCode(access.Code{Person: "clara", Windows: []access.Window{{Kind: access.Always}}}, "home", seal.Secret{Keys: "739154"})
		if err != nil {
			t.Fatal(err)
		}
		h.says("a 20000110 20000112", "b 20000112 20000114")
		stop := h.run()
		h.add(func(r *api.CalendarRequest) { r.Cleaning = []string{code.ID} })
		synctest.Wait()
		in := func() bool {
			c, _ := h.ledger.Code(code.ID)
			return access.Allowed(access.Person{ID: "clara", Name: "Clara", Kind: access.Helper}, c, "studio", h.moment()).Allowed
		}
		for at, want := range map[string]bool{"2000-01-05 12:00:00": false} {
			time.Sleep(on(at))
			h.want(at, in(), want)
		}
		time.Sleep(on("2000-01-12 11:00:00"))
		h.want("between check-out and check-in", in(), true)
		time.Sleep(on("2000-01-12 15:00:00"))
		h.want("the next guest is there", in(), false)
		time.Sleep(on("2000-01-14 11:00:00"))
		h.want("after the last one", in(), true)
		time.Sleep(on("2000-01-20 11:00:00"))
		h.want("long after", in(), false)
		stop()
	})
}

func TestACalendarIsRemovedWithItsGuests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112")
		stop := h.run()
		c := h.add()
		synctest.Wait()
		if len(h.ledger.Codes()) != 1 {
			t.Fatal("no code")
		}
		if err := h.stays.RemoveCalendar(t.Context(), c.ID); err != nil {
			t.Fatal(err)
		}
		before := h.fetches()
		time.Sleep(24 * time.Hour)
		if len(h.ledger.Codes())+len(h.ledger.People())+len(h.kept.rows) != 0 || h.fetches() != before {
			t.Errorf("%v %v, %d fetches", h.ledger.People(), h.kept.rows, h.fetches()-before)
		}
		stop()
	})
}

// Who adds a calendar is told of doors at which its guests would stand in vain, also of those of a group, as long as they are.
func TestDoorsThatNoCodeOpens(t *testing.T) {
	h := newHouse(t)
	group, err := h.ledger.SaveDoorGroup(access.DoorGroup{Name: "Ways", Doors: []string{"gate", "studio", "attic"}})
	if err != nil {
		t.Fatal(err)
	}
	keypads := []string{"studio"}
	h.stays.o.Opens = func(door string) bool { return slices.Contains(keypads, door) }
	c := h.add(func(r *api.CalendarRequest) { r.Doors, r.Groups = []string{"studio", "attic"}, []string{group.ID} })
	if want := []string{"attic", "gate"}; !slices.Equal(c.NoCode, want) {
		t.Errorf("no code opens %q, want %q", c.NoCode, want)
	}
	keypads = []string{"studio", "attic", "gate"}
	all, err := h.stays.Calendars(t.Context())
	if err != nil || len(all) != 1 || len(all[0].NoCode) > 0 {
		t.Errorf("%+v, %v, with a keypad everywhere", all, err)
	}
}

func TestCalendarsThatCannotBe(t *testing.T) {
	h := newHouse(t)
	for name, change := range map[string]func(*api.CalendarRequest){
		"no door": func(r *api.CalendarRequest) { r.Doors = nil }, "http": func(r *api.CalendarRequest) { r.URL = "http://example.org/secret" },
		"no zone": func(r *api.CalendarRequest) { r.Zone = "Mars" }, "policy": func(r *api.CalendarRequest) { r.Policy = "mine" },
		"early": func(r *api.CalendarRequest) { r.Early = "soon" }, "late": func(r *api.CalendarRequest) { r.Late = "100h" },
		"check-in": func(r *api.CalendarRequest) { r.CheckIn = "25:00" }, "cleaning": func(r *api.CalendarRequest) { r.Cleaning = []string{"nobody"} },
		"group": func(r *api.CalendarRequest) { r.Groups = []string{"none"} }, "name": func(r *api.CalendarRequest) { r.Name = "a\x1bb" },
	} {
		r := api.CalendarRequest{Name: "Flat", URL: address, Doors: []string{"studio"}}
		change(&r)
		_, err := h.stays.AddCalendar(t.Context(), r)
		var problem *api.Error
		if !errors.As(err, &problem) || problem.Status != 422 || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
