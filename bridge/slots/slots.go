// Package slots keeps the codes of the house on the locks that have slots of their own, and says of every code
// how it is with it at each door: at a keypad of the bridge, and on a lock.
package slots

import (
	"context"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/copies"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/accessories/homekit"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/health"
)

// Pads are the keypads of the bridge.
type Pads interface {
	// Ready says why nobody can type a code for that door now; empty: somebody can.
	Ready(door string) string
	// Doors are those that keypads open.
	Doors() []string
	// Longest is how many digits can be typed at every keypad that opens that door; 0: there is no bound.
	Longest(door string) int
}

// Options are what the slots work with.
type Options struct {
	Space  copies.Space
	Ledger func() (*ledger.Ledger, error)
	Clock  access.Clock
	Zone   func() *time.Location
	Pads   Pads
	Named  func(holder func(lock string, slot int) (codeID string, ok bool)) // told who names the code in a slot; nil: nobody asks
	InHome func(c access.Code) []homekit.ShownCode                           // how it is with a code in Apple Home; nil: there is none
	Board  *health.Board
	Log    zerolog.Logger
}

// Slots are the locks that keep codes, and the codes on them. Methods may be called from any goroutine.
type Slots struct {
	o Options
	k *copies.Keeper
}

// New reads what is known of the codes on locks.
func New(o Options) *Slots {
	s := &Slots{o: o}
	s.k = copies.New(copies.Options{Space: o.Space, Source: s, Clock: o.Clock, Failed: func(err error) {
		o.Log.Error().Err(err).Msg("which codes are on locks")
	}})
	if o.Named != nil {
		o.Named(s.Holder)
	}
	return s
}

// Set says which locks keep codes now.
func (s *Slots) Set(locks map[string]device.CodeSlots) { s.k.SetLocks(locks) }

// Wake says that codes changed.
func (s *Slots) Wake() { s.k.Wake() }

// Codes implements copies.Source. Where one record cannot be read, none is known: a code that seems to be gone
// must not be taken off a lock.
func (s *Slots) Codes() ([]access.Code, error) {
	l, err := s.o.Ledger()
	if err != nil {
		return nil, err
	}
	if len(l.Damaged()) > 0 {
		return nil, access.ErrDamaged
	}
	return l.Codes(), nil
}

// Reaches reports whether a code can open that door at all: at a keypad, or on a lock that keeps codes.
func (s *Slots) Reaches(door string) bool {
	return slices.Contains(s.o.Pads.Doors(), door) || s.k.Has(door)
}

// Decide says whether a code opens a door now where it is typed: at a keypad, or on a lock that keeps codes. Uses are
// not counted.
func (s *Slots) Decide(c access.Code, door string) access.Decision {
	at := s.o.Clock.Moment()
	if !slices.Contains(s.o.Pads.Doors(), door) {
		if !s.k.Has(door) {
			return access.Decision{Reason: access.ReasonDoor}
		}
		return s.Opens(c, door, at)
	}
	l, err := s.o.Ledger()
	if err != nil {
		return access.Decision{Reason: access.ReasonDamaged}
	}
	person, _ := l.Whose(c.ID)
	return access.Question{Person: person, Code: c, Door: door, At: at, House: l.House()}.Decide()
}

// Digits is the least and the most digits that can be typed for a door: at every keypad that opens it and on the lock
// itself, as far as it has told; 0: nobody knows a bound.
func (s *Slots) Digits(door string) (least, most int) {
	traits := s.k.Traits(door)
	least, most = traits.MinDigits, traits.MaxDigits
	if n := s.o.Pads.Longest(door); n > 0 && (most == 0 || n < most) {
		most = n
	}
	return least, most
}

// Opens implements copies.Source. A code for all doors of its keypad is on no lock: whoever wants it there names
// the lock.
func (s *Slots) Opens(c access.Code, lock string, at access.Moment) access.Decision {
	if c.Doors == nil {
		return access.Decision{Reason: access.ReasonDoor}
	}
	l, err := s.o.Ledger()
	if err != nil {
		return access.Decision{Reason: access.ReasonDamaged}
	}
	person, _ := l.Whose(c.ID)
	return access.Question{Person: person, Code: c, Door: lock, At: at, House: l.House()}.Decide()
}

// Keys implements copies.Source.
func (s *Slots) Keys(codeID string) (device.Keys, error) {
	l, err := s.o.Ledger()
	if err != nil {
		return "", err
	}
	secret, err := l.Reveal(codeID)
	return secret.Keys, err
}

// Mark implements copies.Source.
func (s *Slots) Mark(keys device.Keys) string {
	l, err := s.o.Ledger()
	if err != nil {
		return ""
	}
	return l.Mark(keys)
}

// Ready says why a code does not open a door, or would not in its window; empty: it does.
func (s *Slots) Ready(codeID, door string) string {
	why := s.o.Pads.Ready(door)
	if why == "" || !s.k.Has(door) {
		return why
	}
	l, err := s.o.Ledger()
	if err != nil {
		return "people and codes cannot be read"
	}
	code, ok := l.Code(codeID)
	if !ok {
		return "its code was removed"
	}
	return s.k.Ready(code, door)
}

// Keeps reports whether a door is a lock that keeps codes.
func (s *Slots) Keeps(door string) bool { return s.k.Has(door) }

// Held reports whether a code opens a door although its lock does not answer now: it was read there. Where a keypad of
// the bridge listens, it knows every code.
func (s *Slots) Held(codeID, door string) bool {
	return s.o.Pads.Ready(door) == "" || s.k.Holds(codeID, door)
}

// Families are what the locks among some doors demand of a PIN, as far as they have told.
func (s *Slots) Families(doors []string) (all []access.Family) {
	for _, door := range doors {
		if t := s.k.Traits(door); t != (device.SlotTraits{}) {
			all = append(all, access.FamilyOf(door, t))
		}
	}
	return all
}

// Copies are the copies of a code: at keypads, on locks, and in Apple Home.
func (s *Slots) Copies(codeID string) []api.Copy {
	l, err := s.o.Ledger()
	if err != nil {
		return nil
	}
	code, ok := l.Code(codeID)
	if !ok {
		return nil
	}
	var out []api.Copy
	groups := l.House().Groups
	now := time.Now().In(s.o.Zone())
	for _, door := range s.o.Pads.Doors() {
		if !code.Reaches(door, groups...) || s.past(code, door) {
			continue
		}
		c := api.Copy{Code: codeID, Door: door, Where: "keypad", State: string(copies.Confirmed), Confirmed: now}
		if why := s.o.Pads.Ready(door); why != "" { // the bridge knows the code, but nobody can type it
			c.State, c.Confirmed, c.Why = string(copies.Unconfirmed), time.Time{}, why
		}
		out = append(out, c)
	}
	var from, to time.Time
	if i := slices.IndexFunc(code.Windows, func(w access.Window) bool { return w.Kind == access.Dates }); i >= 0 {
		from, to, _ = code.Windows[i].Bounds()
	}
	for _, c := range s.k.Shown(code) {
		shown := api.Copy{Code: c.Code, Door: c.Lock, Where: "lock", State: string(c.State), Slot: c.Slot, Tries: c.Tries, Why: c.Why}
		if !c.Confirmed.IsZero() {
			shown.Confirmed = c.Confirmed.In(s.o.Zone())
		}
		if why := s.k.Ready(code, c.Lock); why != "" && !code.InReserve() {
			shown.Plan = copies.Plan(c, from, to)
		}
		out = append(out, shown)
	}
	return append(out, s.home(code)...)
}

// past reports whether a code opens nothing any more at a keypad, or is one that nobody was given.
func (s *Slots) past(c access.Code, door string) bool {
	d := s.Decide(c, door)
	return d.Reason == access.ReasonRevoked || d.Reason == access.ReasonExpired || c.InReserve()
}

func (s *Slots) inReserve(codeID string) bool {
	l, err := s.o.Ledger()
	if err != nil {
		return false
	}
	code, ok := l.Code(codeID)
	return ok && code.InReserve()
}

// Run tells of codes that are not on a lock where they should be, and of what is there and should perhaps not, until ctx
// ends; then the locks are left alone.
func (s *Slots) Run(ctx context.Context) {
	defer s.k.Stop()
	missing, strange, hidden := told{}, told{}, told{}
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		found := map[string]string{}
		for _, c := range s.k.Copies("") {
			switch {
			case c.State == copies.Failed && s.inReserve(c.Code): // a lock that is full needs none
			case c.State == copies.Failed:
				found[c.Lock] = "code " + c.Code + ": " + c.Why
			case c.State == copies.Removing && c.Why != "" && found[c.Lock] == "":
				found[c.Lock] = "code " + c.Code + " may still open it: " + c.Why
			}
		}
		missing.tell(s.o.Board, health.CodeNotOnLock, found)
		strange.tell(s.o.Board, health.UnknownCode, s.strangers())
		hidden.tell(s.o.Board, health.CodeNotInHome, s.hidden())
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// told are the locks of which a problem was told.
type told map[string]bool

// tell brings the board up to date with what there is, by lock.
func (t told) tell(board *health.Board, code health.Code, found map[string]string) {
	for lock, why := range found {
		board.Raise(code, lock, why)
		t[lock] = true
	}
	for lock := range t {
		if found[lock] == "" {
			board.Clear(code, lock)
			delete(t, lock)
		}
	}
}
