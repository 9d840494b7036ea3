package stays

import (
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/e2e/homekit"
)

// TestEveryDoor follows codes through a house without a way out, from their beginning to their end: the keypad of the
// studio, a Z-Wave lock behind zwave-js, and what HomeKit and Matter are shown of them.
func TestEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	t.Run("a guest of a calendar", h.guest)
	t.Run("a code of Home", h.codeOfHome)
	t.Run("codes of others in Home", h.othersInHome)
	t.Run("codes of Home for a lock that is away", h.homeWhileAway)
	if strings.Contains(h.q.Log(), secret) {
		t.Error("the log tells a secret")
	}
	h.eco.must(t, "end", map[string]any{})
}

// guest is a guest of a booking calendar.
func (h *house) guest(t *testing.T) {
	home, q, z, w, owner, eco, ends := h.home, h.q, h.z, h.w, h.owner, h.eco, h.ends
	studio, front := h.studio, h.front

	// The booking.
	c := &channel{}
	home.Do(t, func() (err error) {
		c.Server = httptest.NewUnstartedServer(c)
		_ = c.Listener.Close()
		c.Listener, err = net.Listen("tcp", "127.0.0.1:0")
		return err
	})
	c.Start()
	defer c.Close()
	today := time.Now()
	c.says(t, today.AddDate(0, 0, -2), today.AddDate(0, 0, 3))
	var calendar api.Calendar
	q.Do(t, http.MethodPost, "/api/v1/calendars", api.CalendarRequest{Name: "Rue Haute", URL: c.URL + "/calendar.ics?" + secret, Doors: []string{"studio", "front"}}, &calendar)
	guest := func() (s api.Stay) {
		t.Helper()
		var all []api.Stay
		q.Do(t, http.MethodGet, "/api/v1/stays", nil, &all)
		if len(all) == 1 {
			s = all[0]
		}
		return s
	}
	onLock := func() (s api.Copy) {
		for _, c := range guest().Copies {
			if c.Where == "lock" && c.Door == "front" {
				s = c
			}
		}
		return s
	}
	e2e.Until(t, limit, func() string {
		if c := onLock(); c.State != "confirmed" {
			b, _ := json.Marshal(guest())
			return "the guest's code to be read back from the lock: " + string(b)
		}
		return ""
	})
	slot := onLock().Slot
	var message api.StayMessage
	q.Do(t, http.MethodPost, "/api/v1/stays/"+guest().ID+"/message", nil, &message)
	if got := z.slot(t, home, slot); got != message.PIN {
		t.Fatalf("slot %d of the lock holds a code of %d digits, the guest was told one of %d", slot, len(got), len(message.PIN))
	}
	if s := guest(); !s.Ready || s.State != "here" {
		t.Errorf("%+v", s)
	}
	for name, endpoint := range ends {
		user := eco.lock(t, endpoint, "getUser", map[string]any{"userIndex": 1})
		if user["userType"] != 1.0 || user["userStatus"] != 1.0 { // a user with a schedule of days
			t.Errorf("Matter sees at %s: %v", name, user)
		}
		schedule := eco.lock(t, endpoint, "getYearDaySchedule", map[string]any{"yearDayIndex": 1, "userIndex": 1})
		from, until := guest().From, guest().Until
		// matter.js counts from 1970, on the wall of the house.
		wall := func(at time.Time) float64 {
			return float64(time.Date(at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), 0, 0, time.UTC).Unix())
		}
		if schedule["localStartTime"] != wall(from) || schedule["localEndTime"] != wall(until) {
			t.Errorf("Matter sees at %s the schedule %v, the stay is from %s until %s", name, schedule, from, until)
		}
	}

	for name, codes := range h.codes { // Home shows it while it opens
		if list := codes.list(t); !slices.Contains(slices.Collect(maps.Values(list)), message.PIN) {
			t.Errorf("Home sees at %s %d codes, and not the guest's", name, len(list))
		}
	}

	// The guest comes in, at the keypad and at the lock.
	named := func(id string) api.Device {
		t.Helper()
		var d api.Device
		q.Do(t, http.MethodGet, "/api/v1/devices/"+id, nil, &d)
		return d
	}
	opened := func(id string, characteristic homekit.ID) {
		t.Helper()
		e2e.Until(t, limit, func() string {
			if _, ok := owner.First(characteristic, homekit.LockUnsecured); !ok {
				return "a phone to see " + id + " open"
			}
			return ""
		})
		rows := q.History(t, id)
		if !slices.ContainsFunc(rows, func(r e2e.Row) bool { return r.Cause.Kind == "code" && r.Cause.Actor == guest().CodeID }) {
			t.Errorf("history does not name the guest at %s: %+v", id, rows)
		}
	}
	e2e.Until(t, limit, func() string {
		if !q.Device(t, "studio-pad").Available {
			return "a keypad that listens"
		}
		return ""
	})
	w.Type(t, "studio-pad", message.PIN+"#")
	opened("studio", studio)
	z.happens(t, map[string]any{"notify": 6, "user": slot})
	z.happens(t, map[string]any{"turn": 0})
	q.Await(t, "front", "unsecured", limit)
	if d := named("front"); d.State.Cause.Kind != "code" || d.State.Cause.Actor != guest().CodeID || d.State.Cause.Name == "" {
		t.Errorf("the front door was opened by %+v", d.State.Cause)
	}
	opened("front", front)
	z.happens(t, map[string]any{"turn": 255})
	q.Await(t, "studio", "secured", limit)

	// The stay ends, and nothing opens any more.
	c.says(t, today.AddDate(0, 0, -6), today.AddDate(0, 0, -1))
	next := time.NewTicker(time.Second)
	defer next.Stop()
	e2e.Until(t, limit, func() string {
		if s := guest(); s.State != "over" || onLock().Code != "" {
			<-next.C
			q.Do(t, http.MethodPost, "/api/v1/calendars/"+calendar.ID+"/fetch", nil, nil)
			return "the stay to be over and off the lock: " + s.State + ", " + onLock().State
		}
		return ""
	})
	if got := z.slot(t, home, slot); got != "" {
		t.Errorf("slot %d of the lock holds a code of %d digits after the stay", slot, len(got))
	}
	pulses := w.Status(t, "studio").PulsesTotal
	w.Type(t, "studio-pad", message.PIN+"#")
	e2e.Until(t, limit, func() string {
		if !slices.ContainsFunc(q.History(t, "studio-pad"), func(r e2e.Row) bool { return r.Kind == "refused" && r.Code == "outside-window" }) {
			return "a row that says that it is too late"
		}
		return ""
	})
	if got := w.Status(t, "studio").PulsesTotal; got != pulses {
		t.Errorf("%d pulses after the stay", got-pulses)
	}

	for name, codes := range h.codes {
		if list := codes.list(t); len(list) > 0 {
			t.Errorf("Home sees %d codes at %s after the stay", len(list), name)
		}
	}

	// And nobody knows the guest.
	q.Do(t, http.MethodDelete, "/api/v1/stays/"+guest().ID, nil, nil)
	for name, endpoint := range ends {
		if user := eco.lock(t, endpoint, "getUser", map[string]any{"userIndex": 1}); user["userStatus"] != nil {
			t.Errorf("Matter still sees at %s: %v", name, user)
		}
	}
	var people []api.Person
	q.Do(t, http.MethodGet, "/api/v1/people", nil, &people)
	if len(people) != 1 || people[0].ID != "in-reserve" || people[0].Codes != 1 { // for the next guest
		t.Errorf("somebody is still known: %+v", people)
	}
	for _, word := range []string{secret, message.PIN} {
		if strings.Contains(q.Log(), word) {
			t.Error("the log tells a secret")
		}
	}
}
