package edits

import (
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/api"
)

// Kept are calendars and stays as they were found on a disk, where nobody has gone on with them yet.
type Kept struct {
	Calendars map[string]string // names, by id
	Stays     map[string]KeptStay
	Leaving   map[string]bool // people who are to be erased yet
}

// KeptStay is a stay as it was found. The times are those of the property, as 2026-07-01T15:00.
type KeptStay struct {
	Calendar, Name, Person, Code string
	Leaves, Until                string // check-out; the end of its code
	ByHand                       bool
	Told, Cancelled              time.Time
}

// JudgeHost holds what the host knew at a page against what is kept, and against people and codes.
func (h *House) JudgeHost(page int, k Kept, people []api.Person, codes []api.Code, known func(pin string) bool) error {
	h.noting.Lock()
	host := h.hosts[page].clone()
	h.noting.Unlock()
	s := index(people, codes, known)
	for _, wrong := range []string{host.keptCalendars(k), host.keptStays(k, s), whole(k, s)} {
		if wrong != "" {
			return fmt.Errorf("%s (asked at the time: %+v)", wrong, host.pending)
		}
	}
	return nil
}

// asked reports whether something was asked of a calendar or stay and not answered.
func (h *host) asked(what, id string) bool {
	return h.pending != nil && h.pending.what == what && h.pending.id == id
}

func (h *host) keptCalendars(k Kept) string {
	for id, name := range h.calendars {
		have, there := k.Calendars[id]
		switch {
		case !there && h.asked("remove", id):
			h.remove(id)
		case !there:
			return "calendar " + id + " is lost"
		case have != name && !(h.asked("rename", id) && have == h.pending.name):
			return fmt.Sprintf("calendar %s is %q, acknowledged was %q", id, have, name)
		}
	}
	for id, name := range k.Calendars {
		_, known := h.calendars[id]
		switch {
		case h.removed[id]:
			return "calendar " + id + " is back"
		case !known && !(h.pending != nil && h.pending.what == "add" && h.pending.name == name):
			return "nobody made calendar " + id
		}
	}
	return ""
}

// gone reports whether a stay may be gone with its calendar.
func (h *host) gone(stay string) bool { return h.removed[h.of[stay]] }

func (h *host) keptStays(k Kept, s shown) string {
	for id, b := range h.booked {
		stay, there := k.Stays[id]
		moved := h.asked("move", id) && strings.HasPrefix(stay.Leaves, h.pending.booked.to)
		switch {
		case !there && h.asked("erase", id), h.gone(id):
		case !there:
			return fmt.Sprintf("the stay of %s is lost", b.name)
		case h.asked("erase", id):
		case stay.Name != b.name || !stay.ByHand || !strings.HasPrefix(stay.Leaves, b.to) && !moved:
			return fmt.Sprintf("the stay of %s until %s is %+v", b.name, b.to, stay)
		}
		if !there || h.asked("erase", id) || h.asked("move", id) || h.asked("cancel", id) {
			continue
		}
		if code, ok := s.codes[stay.Code]; !ok || code.Person != "stay-"+id || len(code.Windows) != 1 || code.Windows[0].To != stay.Until {
			return fmt.Sprintf("the stay of %s until %s has the code %+v", b.name, stay.Until, code)
		}
	}
	for id, m := range h.told {
		stay, there := k.Stays[id]
		switch {
		case h.gone(id) || h.erased[id] || h.asked("erase", id):
		case !there:
			return "a stay whose guest was told a code is lost: " + id
		case stay.Told.IsZero() || !s.known(m.PIN):
			return fmt.Sprintf("%s was told a code that is nobody's: told %v", id, stay.Told)
		}
	}
	for id := range h.away {
		stay, there := k.Stays[id]
		switch {
		case !there || h.erased[id] || h.asked("erase", id):
		case stay.Cancelled.IsZero():
			return id + " was sent away, and is back"
		case stay.Code != "" && !s.codes[stay.Code].Revoked:
			return id + " was sent away, and the code opens"
		}
	}
	for id := range h.erased {
		stay := k.Stays[id]
		if _, known := s.people["stay-"+id]; known || stay.Person != "" || stay.Code != "" || stay.Name != "" {
			return fmt.Sprintf("%s was erased, and is known: %v, %+v", id, known, stay)
		}
	}
	return ""
}

// whole is what holds at every moment: no stay without its calendar, and no guest without a stay.
func whole(k Kept, s shown) string {
	for id, stay := range k.Stays {
		if _, ok := k.Calendars[stay.Calendar]; !ok {
			return fmt.Sprintf("stay %s is of calendar %s, which is gone", id, stay.Calendar)
		}
	}
	for id := range s.people {
		stay, guest := strings.CutPrefix(id, "stay-")
		if _, there := k.Stays[stay]; guest && !there && !k.Leaving[id] {
			return id + " is known, and is nobody's guest"
		}
	}
	return ""
}
