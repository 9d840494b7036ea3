package edits

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/e2e"
)

// lockID is the lock that keeps codes of its own.
const lockID = "front"

// Config is a studio with a keypad, simulated, and the lock.
const config = `home: {name: Villa Rose, zone: Europe/Paris}
boards:
  house: {driver: sim}
locks:
  studio:
    name: Studio
    bolt: {driver: strike, relay: "house:studio/relay", hold: 5s}
    secured: "house:studio/secured"
    door: "house:studio/door"
  front:
    name: Front door
    bolt: {driver: zwave, url: "%s", node: 2}
keypads:
  studio-pad:
    name: Studio keypad
    driver: wiegand
    d0: "house:studio-pad/d0"
    d1: "house:studio-pad/d1"
    led: "house:studio-pad/led"
    beeper: "house:studio-pad/beeper"
    opens: [studio]
`

// House is a bridge that is edited from several sides at once, and what it has acknowledged.
type House struct {
	Lock *Lock

	// Note is told before an edit is asked for, and after it was answered: which page holds what the editor of that
	// number knows then. May be nil. HostNote is the same of the host.
	Note     func(editor, page int) error
	HostNote func(page int) error

	channel *channel
	editors []*editor
	noting  sync.Mutex
	pages   []*books
	hosts   []*host // pages of the host
	host    *host
	pins    atomic.Int64
	random  *rand.Rand
}

// patience is far above what anything takes here, for a machine that is busy.
const patience = 60 * time.Second

// NewHouse makes a lock and a booking channel that live until the test ends.
func NewHouse(t testing.TB, editors int, random *rand.Rand) *House {
	t.Helper()
	h := &House{Lock: StartLock(t), channel: startChannel(t), random: random}
	h.host = newHost(h.channel, rand.New(rand.NewPCG(random.Uint64(), 1)))
	for range editors {
		h.editors = append(h.editors, &editor{books: newBooks(), random: rand.New(rand.NewPCG(random.Uint64(), 2)), pins: &h.pins})
	}
	return h
}

// Config is the configuration of the bridge.
func (h *House) Config() string { return fmt.Sprintf(config, h.Lock.URL) }

// Edit lets all edit until the bridge is dead or rest is closed. It waits for all of them.
func (h *House) Edit(t testing.TB, q *e2e.Loquet, rest <-chan struct{}) {
	t.Helper()
	if h.random.IntN(2) == 0 {
		h.channel.changeAll(h.random)
	}
	h.editors[0].add = commandLine(q.Options.Binary, q.Options.State)
	var all sync.WaitGroup
	act := func(do func() (dead bool, err error)) {
		all.Go(func() {
			for {
				select {
				case <-rest:
					return
				case <-q.Done():
					return
				default:
				}
				dead, err := do()
				if err != nil {
					t.Error(err)
				}
				if dead || err != nil {
					return
				}
			}
		})
	}
	for i, e := range h.editors {
		act(func() (bool, error) {
			e.draw()
			if err := h.note(i, e); err != nil {
				return false, err
			}
			dead, err := e.edit(q.Try)
			if dead || err != nil {
				return dead, err
			}
			return false, h.note(i, e)
		})
	}
	act(func() (bool, error) { return h.host.act(q.Try, h.pins.Add(1), h.noteHost) })
	all.Wait()
}

// note begins a page.
func (h *House) note(i int, e *editor) error {
	if h.Note == nil {
		return nil
	}
	h.noting.Lock()
	page := len(h.pages)
	h.pages = append(h.pages, e.clone())
	h.noting.Unlock()
	return h.Note(i, page)
}

// noteHost begins a page of the host.
func (h *House) noteHost() error {
	if h.HostNote == nil {
		return nil
	}
	h.noting.Lock()
	page := len(h.hosts)
	h.hosts = append(h.hosts, h.host.clone())
	h.noting.Unlock()
	return h.HostNote(page)
}

// JudgePage holds what an editor knew against people and codes, however they were found.
func (h *House) JudgePage(page int, people []api.Person, codes []api.Code, known func(pin string) bool) error {
	h.noting.Lock()
	b := h.pages[page].clone()
	h.noting.Unlock()
	return b.judge(index(people, codes, known))
}

// Judge holds the books against a bridge that was started again.
func (h *House) Judge(t testing.TB, q *e2e.Loquet) {
	t.Helper()
	before, _ := h.Lock.Slots()
	s := h.shown(t, q)
	h.honest(t, s, before)
	seen := 0
	for _, e := range h.editors {
		if err := e.judge(s); err != nil {
			t.Fatal(err)
		}
		seen += len(e.people)
	}
	for id, p := range s.people {
		if !strings.HasPrefix(id, "stay-") {
			seen--
		}
		if p.Name == "" {
			t.Fatalf("person %s has no name", id)
		}
	}
	if seen != 0 {
		t.Fatalf("there are %d more people than were acknowledged", -seen)
	}
	for _, c := range s.codes {
		if _, ok := s.people[c.Person]; !ok {
			t.Fatalf("code %s is of %s, who is not there", c.ID, c.Person)
		}
	}
	e2e.Until(t, patience, func() string {
		var calendars []api.Calendar
		var stays []api.Stay
		q.Do(t, http.MethodGet, "/api/v1/calendars", nil, &calendars)
		q.Do(t, http.MethodGet, "/api/v1/stays", nil, &stays)
		return h.host.judge(calendars, stays, h.shown(t, q))
	})
}

func (h *House) shown(t testing.TB, q *e2e.Loquet) shown {
	t.Helper()
	var people []api.Person
	var codes []api.Code
	q.Do(t, http.MethodGet, "/api/v1/people", nil, &people)
	q.Do(t, http.MethodGet, "/api/v1/codes", nil, &codes)
	return index(people, codes, func(pin string) bool {
		var e api.Explanation
		q.Do(t, http.MethodPost, "/api/v1/codes/explain", api.ExplainRequest{Door: "studio", Code: pin}, &e)
		return e.Reason != "unknown-code"
	})
}

func index(people []api.Person, codes []api.Code, known func(pin string) bool) shown {
	s := shown{people: map[string]api.Person{}, codes: map[string]api.Code{}, known: known}
	for _, p := range people {
		s.people[p.ID] = p
	}
	for _, c := range codes {
		s.codes[c.ID] = c
	}
	return s
}

// honest requires that what is shown of the lock is no better than the truth, and that it holds what was typed there by
// hand.
func (h *House) honest(t testing.TB, s shown, before map[int]string) {
	t.Helper()
	held, _ := h.Lock.Slots() // the lock was written or cleared while it was asked: either is the truth
	if held[slotCount] != byHand {
		t.Fatalf("what somebody typed at the lock is %q", held[slotCount])
	}
	for _, e := range h.editors {
		for id, c := range e.codes {
			for _, copied := range s.codes[id].Copies {
				if copied.Where == "lock" && copied.State == "confirmed" && held[copied.Slot] != c.pin && before[copied.Slot] != c.pin {
					t.Fatalf("code %s is shown in slot %d, which holds %q", id, copied.Slot, held[copied.Slot])
				}
			}
		}
	}
}

// Converge waits until the lock holds what was acknowledged, and nothing else but what was typed there by hand.
func (h *House) Converge(t testing.TB) {
	t.Helper()
	e2e.Until(t, patience, func() string {
		held, _ := h.Lock.Slots()
		must, may := map[string]bool{byHand: true}, map[string]bool{}
		for _, e := range h.editors {
			e.onLock(must, may)
		}
		for n, pin := range held {
			if !must[pin] && !may[pin] {
				return fmt.Sprintf("slot %d to be cleared", n)
			}
			delete(must, pin)
		}
		if len(must) > 0 {
			return fmt.Sprintf("%d codes to be on the lock, which holds %d", len(must), len(held))
		}
		return ""
	})
}

// Counts are the edits that were asked for and acknowledged, and how often the lock was written to.
func (h *House) Counts() (asked, done, writes int) {
	for _, e := range h.editors {
		asked, done = asked+e.asked, done+e.done
	}
	_, writes = h.Lock.Slots()
	return asked, done + h.host.done, writes
}
