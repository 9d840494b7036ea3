package stays

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

func code(err error) string {
	if e, ok := errors.AsType[*api.Error](err); ok {
		return e.Code
	}
	if errors.Is(err, api.ErrNotFound) {
		return "not-found"
	}
	return ""
}

func ptr(s string) *string { return &s }

// TestAGuestByHand is a whole stay that no calendar knows: entered, told, moved, there, over; beside a calendar that
// says nothing of it, and over a restart.
func TestAGuestByHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000120 20000122 HMABCDE123")
		stop := h.run()
		c := h.add()
		synctest.Wait()
		s, err := h.stays.AddStay(t.Context(), api.StayRequest{Calendar: c.ID, From: "2000-01-10", To: "2000-01-12T16:00", Name: "Gus", Phone: "+33 6 12 34 56 78"})
		if err != nil {
			t.Fatal(err)
		}
		h.want("it has its code at once", s.CodeID != "" && s.ByHand && s.State == "coming" && s.Ready, true)
		h.want("from", s.From.Format("01-02 15:04"), "01-10 14:30")
		h.want("until", s.Until.Format("01-02 15:04"), "01-12 16:30")
		m, err := h.stays.TellStay(t.Context(), s.ID)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Hour) // the calendar does not have it, again and again
		h.want("in a calendar of others", h.guest(0).State, "coming")
		if s, err = h.stays.ChangeStay(t.Context(), s.ID, api.StayChange{From: ptr("2000-01-11"), Name: ptr("Gus A.")}); err != nil {
			t.Fatal(err)
		}
		h.want("moved", s.From.Format("01-02 15:04")+" "+s.Until.Format("01-02 15:04"), "01-11 14:30 01-12 16:30")
		stop()
		h.open()
		stop = h.run()
		defer stop()
		again, err := h.stays.TellStay(t.Context(), s.ID)
		if err != nil || again.PIN != m.PIN {
			t.Errorf("a code that was told changed: %v", err)
		}
		time.Sleep(on("2000-01-11 13:29:00"))
		h.want("a minute early", h.opens(s), access.ReasonNotYet)
		time.Sleep(2 * time.Minute)
		h.want("there", h.opens(s), access.ReasonInWindow)
		time.Sleep(on("2000-01-12 15:30:00"))
		h.want("after check-out", h.opens(s), access.ReasonExpired)
		name := func() string {
			for _, p := range h.ledger.People() {
				if p.ID == s.Person {
					return p.Name
				}
			}
			return ""
		}
		h.want("the guest is called", name(), "Gus A.")
		if err := h.stays.EraseStay(t.Context(), s.ID); err != nil {
			t.Fatal(err)
		}
		h.want("after it was erased", name(), "")
		if all, err := h.stays.Stays(t.Context()); err != nil || len(all) != 1 || all[0].ByHand {
			t.Errorf("%+v, %v", all, err)
		}
	})
}

// TestAPropertyWithoutACalendar: nothing is fetched, and nothing is missed.
func TestAPropertyWithoutACalendar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		stop := h.run()
		defer stop()
		c := h.add(func(r *api.CalendarRequest) { r.URL, r.Policy, r.Prefix = "", "last4", "27" })
		s, err := h.stays.AddStay(t.Context(), api.StayRequest{Calendar: c.ID, From: "2000-01-10", To: "2000-01-12", Phone: "06 12 34 56 78"})
		if err != nil {
			t.Fatal(err)
		}
		m, err := h.stays.TellStay(t.Context(), s.ID)
		if err != nil || m.PIN != "275678" {
			t.Errorf("%v, %d digits", err, len(m.PIN))
		}
		time.Sleep(24 * time.Hour)
		h.want("fetches", h.fetches(), 0)
		h.want("address", c.Address, "")
		if told := h.board.Active(); len(told) > 0 {
			t.Errorf("%+v", told)
		}
		h.want("asked for", code(h.stays.FetchCalendar(t.Context(), c.ID)), "no-address")
		link := address
		if c, err = h.stays.ChangeCalendar(t.Context(), c.ID, api.CalendarChange{URL: &link}); err != nil || c.Address == "" {
			t.Errorf("%+v %v", c, err)
		}
		h.says()
		time.Sleep(time.Hour)
		h.want("with an address it is fetched", h.fetches() > 0, true)
	})
}

func TestStaysByHandThatCannotBe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.says("a 20000110 20000112 HMABCDE123")
		stop := h.run()
		defer stop()
		c := h.add()
		synctest.Wait()
		for name, r := range map[string]api.StayRequest{
			"invalid: no day":     {Calendar: c.ID, From: "tomorrow", To: "2000-02-01"},
			"invalid: no end":     {Calendar: c.ID, From: "2000-02-01"},
			"invalid: backwards":  {Calendar: c.ID, From: "2000-02-03", To: "2000-02-01"},
			"invalid: over":       {Calendar: c.ID, From: "1999-02-01", To: "1999-02-03"},
			"invalid: two years":  {Calendar: c.ID, From: "2000-02-01", To: "2002-02-03"},
			"invalid: a name":     {Calendar: c.ID, From: "2000-02-01", To: "2000-02-03", Name: "a\x1bb"},
			"invalid: a phone":    {Calendar: c.ID, From: "2000-02-01", To: "2000-02-03", Phone: "12"},
			"not-found: property": {Calendar: "barn", From: "2000-02-01", To: "2000-02-03"},
		} {
			if _, err := h.stays.AddStay(t.Context(), r); code(err) != name[:len(code(err))] || err == nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := h.stays.ChangeStay(t.Context(), h.guest(0).ID, api.StayChange{Name: ptr("Gus")}); code(err) != "from-calendar" {
			t.Errorf("a guest of a calendar: %v", err)
		}
		if all, err := h.stays.Stays(t.Context()); err != nil || len(all) != 1 {
			t.Errorf("%d stays, %v", len(all), err)
		}
	})
}

// TestWhatMayKeepAGuestOut: a day before arrival, and not sooner, a low battery and a time that nobody will know are told.
func TestWhatMayKeepAGuestOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		low, until := true, on("2000-01-10 14:00:00")
		h.stays.o.Low = func(door string) bool { h.mu.Lock(); defer h.mu.Unlock(); return low && door == "studio" }
		begun := time.Now()
		h.stays.o.Known = func() time.Time {
			h.mu.Lock()
			defer h.mu.Unlock()
			if until == 0 {
				return time.Time{}
			}
			return begun.Add(until)
		}
		stop := h.run()
		defer stop()
		c := h.add(func(r *api.CalendarRequest) { r.URL = "" })
		if _, err := h.stays.AddStay(t.Context(), api.StayRequest{Calendar: c.ID, From: "2000-01-10", To: "2000-01-12", Name: "Gus"}); err != nil {
			t.Fatal(err)
		}
		told := func(want string) {
			t.Helper()
			synctest.Wait()
			got := ""
			for _, p := range h.board.Active() {
				if p.Code == health.StayNotReady {
					got = p.Detail
				}
			}
			h.want("told", got, want)
		}
		time.Sleep(on("2000-01-09 13:00:00")) // 14:00 in Paris, the code opens at 14:30
		told("")
		time.Sleep(time.Hour)
		told("studio: its battery is low: replace it")
		h.set(func() { low = false })
		time.Sleep(time.Hour)
		told("nobody will know the time by then: loquet clock confirm")
		time.Sleep(on("2000-01-10 12:00:00"))
		told("the guest comes within two hours: nobody will know the time by then: loquet clock confirm")
		h.set(func() { until = 0 })
		time.Sleep(time.Hour)
		told("")
	})
}
