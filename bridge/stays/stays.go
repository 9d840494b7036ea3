// Package stays lets the guests of booking calendars in: it fetches the calendars that an owner added, gives
// each stay a code in good time, moves its window with the stay, takes it back when the stay is cancelled, and
// tells when a guest is about to stand before a door whose code is not ready. Nothing is fetched before an
// owner adds a calendar.
package stays

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/health"
)

// Options are what stays work with. All functions may be called from any goroutine.
type Options struct {
	Space  ledger.Space // calendars and stays
	Ledger func() (*ledger.Ledger, error)
	Group  string // of the keypads that know the codes
	Clock  access.Clock
	Zone   func() *time.Location // of the house
	Keep   func() time.Duration  // for how long a guest is remembered after leaving
	// Ready says why a code is not ready at a door; empty: it is.
	Ready func(codeID, door string) string
	// Opens reports whether a code can open a door at all; nil: not asked.
	Opens func(door string) bool
	// Low reports whether a door's battery is low, Known until when the time is known (zero: no end is); nil: not asked.
	Low   func(door string) bool
	Known func() time.Time
	// Locks are the locks that keep codes; nil: there are none, and no code is in reserve.
	Locks Locks
	// Rules are what the owner wants; nil: one code in reserve.
	Rules func() Rules
	// Digits is how many digits a code should have; 0 or nil: as many as it takes.
	Digits func() int
	// Copies are the copies of a code; nil: none but those at the keypads.
	Copies func(codeID string) []api.Copy
	// Changed is told that codes changed; may be nil.
	Changed func()
	// Fetch gets a calendar; nil: feeds.NewFetcher.
	Fetch func(ctx context.Context, address string, v feeds.Validators) (feeds.Answer, error)
	// Minute is how often everything is looked at; 0: a minute. Tests and a demonstration are faster.
	Minute time.Duration
	Board  *health.Board
	Log    zerolog.Logger
}

// Keys of the space.
const (
	calendarKeys = "calendar/"
	stayKeys     = "stay/"
	eraseKeys    = "erase/" // people who are to go with their codes, because their stays have gone
)

// mostStays bounds what calendars may bring.
const mostStays = 1000

// record is a calendar as it is stored.
type record struct {
	Calendar feeds.Calendar `json:"calendar"`
	Sealed   []byte         `json:"sealed"` // its address
}

// calendar is a calendar and how it is with it.
type calendar struct {
	record
	fetched    time.Time // calendar time of the last whole feed
	good       time.Time // the same, as time goes by
	since      time.Time // looked at since then
	next       time.Time
	failures   int
	busy       bool
	validators feeds.Validators
	last       *feeds.Feed
	problem    string
	warnings   []string
	cancel     context.CancelFunc
}

// Stays are the guests. Methods may be called from any goroutine.
type Stays struct {
	o     Options
	nudge chan struct{}

	mu        sync.Mutex
	calendars map[string]*calendar
	stays     []feeds.Stay
	notes     map[string]string      // by stay: why it has no code
	leaving   map[string]string      // people to be erased yet, by the key under which that is kept
	lost      error                  // why nobody knows which there are
	near      map[string]bool        // stays that are told as not ready
	spare     map[string]bool        // and those whose guest is to be sent the spare code
	given     map[string]access.Code // spare codes that guests have, by person
	failing   map[string]time.Time   // since when the code of a stay is not ready
	dirty     bool                   // codes changed, and nobody was told
	fetches   sync.WaitGroup
	ctx       context.Context // of Run; nil before
}

var _ api.Stays = (*Stays)(nil)

// New reads what is kept. A record that cannot be read is told, and its code stays as it is.
func New(o Options) *Stays {
	if o.Fetch == nil {
		o.Fetch = feeds.NewFetcher(nil).Fetch
	}
	if o.Minute == 0 {
		o.Minute = minute
	}
	if o.Changed == nil {
		o.Changed = func() {}
	}
	s := &Stays{o: o, nudge: make(chan struct{}, 1), calendars: map[string]*calendar{}, notes: map[string]string{}, leaving: map[string]string{}, near: map[string]bool{}, given: map[string]access.Code{}}
	all, err := o.Space.List("")
	if err != nil {
		s.lost = fmt.Errorf("%w: calendars and stays: %w", access.ErrDamaged, err)
		o.Log.Error().Err(err).Msg("calendars and stays cannot be read")
		o.Board.Raise(health.RecordDamaged, "stays", err.Error())
		return s
	}
	var bad []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := s.read(key, all[key]); err != nil {
			bad = append(bad, key)
		}
	}
	if len(bad) > 0 {
		o.Board.Raise(health.RecordDamaged, "stays", strings.Join(bad, ", "))
	}
	return s
}

func (s *Stays) read(key string, value []byte) error {
	if strings.HasPrefix(key, calendarKeys) {
		var r record
		if err := json.Unmarshal(value, &r); err != nil {
			return err
		}
		s.calendars[r.Calendar.ID] = &calendar{record: r, since: time.Now()}
		return nil
	}
	if strings.HasPrefix(key, eraseKeys) {
		s.leaving[key] = string(value)
		return nil
	}
	var stay feeds.Stay
	if err := json.Unmarshal(value, &stay); err != nil {
		return err
	}
	s.stays = append(s.stays, stay)
	return nil
}

// Run fetches and tends until ctx ends.
func (s *Stays) Run(ctx context.Context) {
	defer s.fetches.Wait()
	s.mu.Lock()
	s.ctx = ctx
	s.mu.Unlock()
	tick := time.NewTicker(s.o.Minute)
	defer tick.Stop()
	for {
		s.fetchDue()
		s.Tend()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-s.nudge:
		}
	}
}

func (s *Stays) wake() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// fetchDue begins to fetch the calendars whose time has come, each on its own: a slow one keeps no other
// waiting.
func (s *Stays) fetchDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for id, c := range s.calendars {
		if c.Calendar.Paused || c.Sealed == nil || c.busy || now.Before(c.next) || s.ctx == nil || s.ctx.Err() != nil {
			continue
		}
		address, err := s.address(c)
		if err != nil {
			c.problem, c.next = "its address cannot be read", now.Add(feeds.Wait(1, 0))
			continue
		}
		ctx, cancel := context.WithCancel(s.ctx)
		c.busy, c.cancel = true, cancel
		validators := c.validators
		s.fetches.Go(func() {
			defer cancel()
			answer, err := s.o.Fetch(ctx, address, validators)
			s.fetched(id, c, answer, err)
		})
	}
}

// address is where a calendar is fetched from; empty for a property without one.
func (s *Stays) address(c *calendar) (string, error) {
	if c.Sealed == nil {
		return "", nil
	}
	l, err := s.o.Ledger()
	if err != nil {
		return "", err
	}
	return l.OpenText(calendarKeys+c.Calendar.ID, c.Sealed)
}

// fetched takes in what a fetch brought.
func (s *Stays) fetched(id string, c *calendar, answer feeds.Answer, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.busy = false
	if s.calendars[id] != c || s.ctx.Err() != nil {
		return // it was changed or removed meanwhile
	}
	if err == nil {
		err = s.take(c, answer)
	}
	if err != nil {
		c.failures++
		c.problem = err.Error()
		c.validators, c.last = feeds.Validators{}, nil
		c.next = time.Now().Add(feeds.Wait(c.failures, answer.After))
		s.o.Log.Warn().Err(err).Str("calendar", id).Int("failures", c.failures).Msg("a calendar was not read")
		return
	}
	c.failures, c.problem = 0, ""
	c.good, c.fetched = time.Now(), s.o.Clock.Moment().Now
	c.next = time.Now().Add(feeds.Wait(0, 0))
	s.wake()
}

// take reconciles the stays with an answer and writes down what changed.
func (s *Stays) take(c *calendar, answer feeds.Answer) error {
	f := c.last
	if !answer.Unchanged || f == nil {
		zone, err := time.LoadLocation(c.Calendar.Zone)
		if err != nil {
			return err
		}
		read, err := feeds.Parse(answer.Text, zone)
		if err != nil {
			return err
		}
		f = &read
	}
	next, changes, warnings := feeds.Reconcile(c.Calendar, s.stays, *f, s.o.Clock.Moment(), newID)
	if len(next) > mostStays {
		return fmt.Errorf("%w: there would be more than %d stays", feeds.ErrCalendar, mostStays)
	}
	if err := s.save(next); err != nil {
		return err
	}
	c.warnings = slices.Concat(f.Warnings, warnings)
	if c.last != f {
		c.last, c.validators = f, answer.Validators
	}
	for _, change := range changes {
		s.o.Log.Info().Str("calendar", c.Calendar.ID).Str("stay", change.Stay.ID).Str("change", string(change.Kind)).Msg("a stay changed")
	}
	return nil
}

// save writes the stays that are not as they were, all of them or none, and then takes them.
func (s *Stays) save(next []feeds.Stay) error {
	changes, err := s.changes(next)
	if err != nil {
		return err
	}
	return s.apply(next, changes)
}

func (s *Stays) apply(next []feeds.Stay, changes map[string][]byte) error {
	if len(changes) > 0 {
		if err := s.o.Space.Apply(changes); err != nil {
			return err
		}
	}
	s.stays = next
	return nil
}

// changes are what is to be written for the stays to be those.
func (s *Stays) changes(next []feeds.Stay) (map[string][]byte, error) {
	was := map[string]feeds.Stay{}
	for _, stay := range s.stays {
		was[stay.ID] = stay
	}
	changes := map[string][]byte{}
	for _, stay := range next {
		old, known := was[stay.ID]
		delete(was, stay.ID)
		if known && old == stay {
			continue
		}
		value, err := json.Marshal(stay)
		if err != nil {
			return nil, err
		}
		changes[stayKeys+stay.ID] = value
	}
	for id := range was {
		changes[stayKeys+id] = nil
	}
	return changes, nil
}

func newID() string { return strings.ToLower(rand.Text()[:16]) }

var errUnknown = fmt.Errorf("%w", api.ErrNotFound)

// known is why nothing can be changed, nil if it can.
func (s *Stays) known() error {
	if s.lost == nil {
		return nil
	}
	return &api.Error{Status: 503, Code: "stays-unreadable", Title: "Calendars and stays cannot be read", Why: s.lost.Error(),
		Remedy: "put the newest backup back, then restart loquet", Err: s.lost}
}
