package edits

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
)

// host adds and removes calendars, enters and moves guests by hand, and tells, sends away and erases guests.
type host struct {
	random  *rand.Rand
	channel *channel

	calendars map[string]string // acknowledged: names by id
	removed   map[string]bool
	booked    map[string]booked          // guests by hand, acknowledged, by stay
	of        map[string]string          // the calendars of stays that something was asked of
	told      map[string]api.StayMessage // by stay
	codes     map[string]string          // of stays that were told
	away      map[string]bool            // stays that were sent away
	erased    map[string]bool
	pending   *deed
	fault     string
	done      int
}

// deed is what was asked and not answered.
type deed struct {
	what, id, name string
	booked         booked
}

// booked is a guest by hand.
type booked struct{ calendar, name, to string }

func newHost(c *channel, random *rand.Rand) *host {
	return &host{random: random, channel: c, calendars: map[string]string{}, removed: map[string]bool{}, booked: map[string]booked{}, of: map[string]string{}, told: map[string]api.StayMessage{},
		codes: map[string]string{}, away: map[string]bool{}, erased: map[string]bool{}}
}

const (
	mostCalendars = 3
	mostBooked    = 4
)

// clone is what the host knows now.
func (h *host) clone() *host {
	c := *h
	c.calendars, c.removed, c.booked, c.of = maps.Clone(h.calendars), maps.Clone(h.removed), maps.Clone(h.booked), maps.Clone(h.of)
	c.told, c.codes, c.away, c.erased = maps.Clone(h.told), maps.Clone(h.codes), maps.Clone(h.away), maps.Clone(h.erased)
	if h.pending != nil {
		p := *h.pending
		c.pending = &p
	}
	return &c
}

// act does one thing. note is called when it is known what, and again when it was answered. dead is true when there was no
// answer.
func (h *host) act(call caller, n int64, note func() error) (dead bool, err error) {
	asked := call
	call = func(method, path string, in, out any) (int, error) {
		if method != http.MethodGet {
			if err := note(); err != nil {
				return 0, err
			}
		}
		return asked(method, path, in, out)
	}
	if dead, err = h.do(call, n); dead || err != nil {
		return dead, err
	}
	return false, note()
}

func (h *host) do(call caller, n int64) (dead bool, err error) {
	var stays []api.Stay
	if _, err := call(http.MethodGet, "/api/v1/stays", nil, &stays); err != nil {
		return true, nil
	}
	var guest api.Stay
	for range stays {
		if s := stays[h.random.IntN(len(stays))]; s.CodeID != "" && s.State != "cancelled" {
			guest = s
			break
		}
	}
	calendar, name := anyKey(h.random, h.calendars), fmt.Sprintf("Flat %d", n)
	if guest.ID != "" {
		h.of[guest.ID] = guest.Calendar
	}
	switch k := h.random.IntN(16); {
	case k >= 12 && calendar != "":
		return h.byHand(call, calendar, n)
	case calendar == "" || k < 3 && len(h.calendars) < mostCalendars:
		var made api.Calendar
		r := api.CalendarRequest{Name: name, URL: h.channel.add(h.random), Doors: []string{"studio"}}
		if h.random.IntN(2) == 0 { // a code that is made anew with its dates
			r.Policy, r.Prefix = "dates", fmt.Sprint(30+n%60)
		}
		h.pending = &deed{what: "add", name: name}
		return h.answered(call(http.MethodPost, "/api/v1/calendars", r, &made))(func() { h.calendars[made.ID] = name })
	case k == 3:
		h.pending = &deed{what: "rename", id: calendar, name: name}
		return h.answered(call(http.MethodPatch, "/api/v1/calendars/"+calendar, api.CalendarChange{Name: &name}, nil))(func() { h.calendars[calendar] = name })
	case k < 6:
		h.pending = &deed{what: "remove", id: calendar}
		return h.answered(call(http.MethodDelete, "/api/v1/calendars/"+calendar, nil, nil))(func() { h.remove(calendar) })
	case guest.ID == "":
		return false, nil
	case k < 9:
		var m api.StayMessage
		h.pending = &deed{what: "tell", id: guest.ID}
		return h.answered(call(http.MethodPost, "/api/v1/stays/"+guest.ID+"/message", nil, &m))(func() {
			if was, again := h.told[guest.ID]; again && was.PIN != m.PIN {
				h.fault = fmt.Sprintf("a guest was told %s, and %s before", m.PIN, was.PIN)
			}
			h.told[guest.ID] = m
		})
	case k < 11:
		h.pending = &deed{what: "cancel", id: guest.ID}
		return h.answered(call(http.MethodPost, "/api/v1/stays/"+guest.ID+"/cancel", nil, nil))(func() { h.away[guest.ID] = true })
	}
	h.pending = &deed{what: "erase", id: guest.ID}
	return h.answered(call(http.MethodDelete, "/api/v1/stays/"+guest.ID, nil, nil))(func() { h.erase(guest.ID) })
}

// byHand enters a guest, or moves one.
func (h *host) byHand(call caller, calendar string, n int64) (dead bool, err error) {
	day := func(n int) string { return time.Now().AddDate(0, 0, n).Format("2006-01-02") }
	id := anyKey(h.random, h.booked)
	if b := h.booked[id]; id != "" && !h.away[id] && (len(h.booked) >= mostBooked || h.random.IntN(2) == 0) {
		b.to = day(5 + h.random.IntN(10))
		h.pending = &deed{what: "move", id: id, booked: b}
		return h.answered(call(http.MethodPatch, "/api/v1/stays/"+id, api.StayChange{To: &b.to}, nil))(func() { h.booked[id] = b })
	}
	if len(h.booked) >= mostBooked {
		return false, nil
	}
	b := booked{calendar: calendar, name: fmt.Sprintf("Hand %d", n), to: day(4 + h.random.IntN(4))}
	var made api.Stay
	h.pending = &deed{what: "book", booked: b}
	r := api.StayRequest{Calendar: calendar, Name: b.name, From: day(2), To: b.to}
	return h.answered(call(http.MethodPost, "/api/v1/stays", r, &made))(func() { h.booked[made.ID], h.of[made.ID] = b, calendar })
}

func (h *host) remove(calendar string) {
	delete(h.calendars, calendar)
	h.removed[calendar] = true
	maps.DeleteFunc(h.booked, func(_ string, b booked) bool { return b.calendar == calendar })
}

func (h *host) erase(stay string) {
	h.erased[stay] = true
	delete(h.booked, stay)
}

// answered enters what was acknowledged.
func (h *host) answered(status int, err error) func(enter func()) (dead bool, err error) {
	return func(enter func()) (bool, error) {
		if err != nil {
			return true, nil
		}
		did := h.pending
		h.pending = nil
		switch {
		case status < 300:
			h.done++
			enter()
		case status != http.StatusNotFound && status != http.StatusConflict: // its calendar has gone, or it has no code yet
			return false, fmt.Errorf("%s %s: status %d", did.what, did.id, status)
		}
		return false, nil
	}
}

// judge holds calendars and stays against people and codes. It is called until it finds nothing wrong: after a start
// the calendars are fetched again, and what was interrupted is finished.
func (h *host) judge(calendars []api.Calendar, stays []api.Stay, s shown) (wrong string) {
	if h.fault != "" {
		return h.fault
	}
	have := map[string]api.Calendar{}
	for _, c := range calendars {
		have[c.ID] = c
		if h.removed[c.ID] {
			return "calendar " + c.ID + " is back"
		}
		if c.Fetched.IsZero() || c.Problem != "" {
			return fmt.Sprintf("calendar %s to be fetched %s", c.ID, c.Problem)
		}
	}
	if d := h.pending; d != nil {
		c, there := have[d.id]
		switch {
		case d.what == "remove" && !there:
			h.remove(d.id)
		case d.what == "rename" && c.Name == d.name:
			h.calendars[d.id] = d.name
		case d.what == "book":
			for _, s := range stays {
				if s.Name == d.booked.name {
					h.booked[s.ID], h.of[s.ID] = d.booked, d.booked.calendar
				}
			}
		case d.what == "move":
			for _, s := range stays {
				if s.ID == d.id && s.Leaves.Format("2006-01-02") == d.booked.to {
					h.booked[s.ID] = d.booked
				}
			}
		case d.what == "erase":
			i := slices.IndexFunc(stays, func(s api.Stay) bool { return s.ID == d.id })
			if i < 0 || stays[i].Person == "" && stays[i].State == "cancelled" { // of one by hand nothing is left
				h.erase(d.id)
			}
		case d.what == "cancel":
			if slices.ContainsFunc(stays, func(s api.Stay) bool { return s.ID == d.id && s.State == "cancelled" }) {
				h.away[d.id] = true
			}
		case d.what == "add":
			for id, c := range have {
				if c.Name == d.name {
					h.calendars[id] = d.name
				}
			}
		}
		h.pending = nil
	}
	for id, name := range h.calendars {
		if c, ok := have[id]; !ok || c.Name != name {
			return fmt.Sprintf("calendar %s is %q, acknowledged was %q", id, c.Name, name)
		}
	}
	if len(have) != len(h.calendars) {
		return fmt.Sprintf("%d calendars, acknowledged were %d", len(have), len(h.calendars))
	}
	return h.guests(have, stays, s)
}

func (h *host) guests(calendars map[string]api.Calendar, stays []api.Stay, s shown) (wrong string) {
	codes := map[string][]api.Code{} // by person
	for _, c := range s.codes {
		codes[c.Person] = append(codes[c.Person], c)
	}
	guests := map[string]api.Stay{}
	for id, b := range h.booked {
		i := slices.IndexFunc(stays, func(s api.Stay) bool { return s.ID == id })
		if i < 0 || stays[i].Name != b.name || stays[i].Leaves.Format("2006-01-02") != b.to {
			return fmt.Sprintf("a guest by hand, %+v, is not there as acknowledged: %v", b, i >= 0)
		}
	}
	for _, stay := range stays {
		if _, ok := calendars[stay.Calendar]; !ok {
			return fmt.Sprintf("stay %s of the calendar %s, which is gone", stay.ID, stay.Calendar)
		}
		if h.erased[stay.ID] && (stay.Person != "" || stay.CodeID != "" || stay.State != "cancelled") {
			return fmt.Sprintf("%s was erased, and is %+v", stay.ID, stay)
		}
		if h.away[stay.ID] && stay.State != "cancelled" {
			return fmt.Sprintf("%s was sent away, and is %s", stay.ID, stay.State)
		}
		if stay.State == "cancelled" && stay.CodeID == "" {
			continue
		}
		guests[stay.Person] = stay
		own := codes[stay.Person]
		switch {
		case stay.CodeID == "":
			return fmt.Sprintf("a code for %s (%s)", stay.ID, stay.Why)
		case len(own) != 1 || own[0].ID != stay.CodeID:
			return fmt.Sprintf("%s has the codes %v, its stay says %s", stay.Person, own, stay.CodeID)
		case own[0].Revoked != (stay.State == "cancelled"):
			return fmt.Sprintf("%s is %s, its code is taken back: %v", stay.ID, stay.State, own[0].Revoked)
		case len(own[0].Windows) != 1 || own[0].Windows[0].To != stay.Until.Format("2006-01-02T15:04"):
			return fmt.Sprintf("%s leaves %s, its code opens until %+v", stay.ID, stay.Until, own[0].Windows)
		}
		if m, told := h.told[stay.ID]; told {
			if was := h.codes[stay.ID]; was != "" && was != stay.CodeID {
				return fmt.Sprintf("%s was told a code, and has another one", stay.ID)
			}
			h.codes[stay.ID] = stay.CodeID
			if stay.Told.IsZero() || !s.known(m.PIN) {
				return fmt.Sprintf("%s was told a code that is nobody's: told %v", stay.ID, stay.Told)
			}
		}
	}
	for id := range s.people {
		if strings.HasPrefix(id, "stay-") && guests[id].ID == "" {
			return id + " is known, and is nobody's guest"
		}
	}
	return ""
}
