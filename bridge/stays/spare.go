package stays

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/api"
	"github.com/loquet/loquet/config"
)

// Locks are the locks that keep codes of their own.
type Locks interface {
	// Keeps reports whether a door is one.
	Keeps(door string) bool
	// Held reports whether a code opens a door although its lock may not answer now, because it was read there.
	Held(codeID, door string) bool
	// Families are what the locks among some doors demand of a PIN.
	Families(doors []string) []access.Family
}

// Rules are what an owner wants of the guests of a house.
type Rules struct {
	Spares  int  // codes in reserve on the locks of each property; 0: none
	Trusted bool // the check before a guest comes wants a time that is known, and not one that is counted on since
}

// RulesOf are the rules of a configuration.
func RulesOf(g config.Guests) Rules {
	return Rules{Spares: g.Reserve(), Trusted: g.Clock == config.ClockTrusted}
}

// Low reports whether a battery is low: its device says so, or there is less left than the owner wants before a guest
// comes. A device that tells no percentage says 0.
func Low(b *api.Battery, g config.Guests) bool {
	return b != nil && (b.Low || b.Percent > 0 && int(b.Percent) <= g.Battery)
}

// reserve is the person to whom spare codes belong until a guest needs one.
const reserve = "in-reserve"

// property are the doors that a calendar's codes open. Calendars of the same doors share what is in reserve.
type property struct {
	doors, groups []string
	calendar      feeds.Calendar // one of them
}

func (p property) is(c access.Code) bool {
	return slices.Equal(c.Doors, p.doors) && slices.Equal(c.Groups, p.groups)
}

func propertyOf(c feeds.Calendar) property {
	return property{doors: doorsOf(c), groups: c.Groups, calendar: c}
}

// properties are those of all calendars.
func (s *Stays) properties() (all []property) {
	for _, c := range s.calendars {
		p := propertyOf(c.Calendar)
		if !slices.ContainsFunc(all, func(o property) bool { return slices.Equal(o.doors, p.doors) && slices.Equal(o.groups, p.groups) }) {
			all = append(all, p)
		}
	}
	return all
}

// allDoors are the doors of a calendar, those of its groups too.
func allDoors(c feeds.Calendar, house access.House) []string {
	doors := slices.Clone(c.Doors)
	for _, g := range house.Groups {
		if slices.Contains(c.Groups, g.ID) {
			doors = append(doors, g.Doors...)
		}
	}
	return doors
}

// relinquish removes what is in reserve for a calendar alone.
func (s *Stays) relinquish(l *ledger.Ledger, c feeds.Calendar) error {
	p := propertyOf(c)
	for _, other := range s.calendars {
		if o := other.Calendar; o.ID != c.ID && p.is(access.Code{Doors: doorsOf(o), Groups: o.Groups}) {
			return nil
		}
	}
	for _, code := range s.sort(l) {
		if p.is(code) {
			if err := l.RemoveCode(code.ID); err != nil {
				return err
			}
		}
	}
	if len(s.sort(l)) == 0 {
		s.disband(l)
	}
	return nil
}

// sort finds out which spare codes there are: in reserve, and given.
func (s *Stays) sort(l *ledger.Ledger) (waiting []access.Code) {
	s.given = map[string]access.Code{}
	for _, code := range l.Codes() {
		switch {
		case !code.Spare:
		case code.Person == reserve:
			waiting = append(waiting, code)
		default:
			s.given[code.Person] = code
		}
	}
	return waiting
}

// spares keeps a code in reserve on the locks of each property long before anybody needs it, so that a lock that does not
// answer when a guest comes has one already; and gives it to a guest whose own code is not on a lock in time.
func (s *Stays) spares(l *ledger.Ledger, at access.Moment) (changed bool) {
	if s.o.Locks == nil {
		return false
	}
	most := s.rules().Spares
	waiting := s.sort(l)
	if most > 0 && at.Trust != access.TrustFloor {
		changed, waiting = s.help(l, at, waiting)
	}
	properties := s.properties()
	have, all := map[int]int{}, 0
	for _, code := range waiting {
		i := slices.IndexFunc(properties, func(p property) bool { return p.is(code) })
		if i >= 0 && !code.Revoked && code.InReserve() && have[i] < most {
			have[i]++
			all++
			continue
		}
		if err := l.RemoveCode(code.ID); err != nil && !errors.Is(err, ledger.ErrUnknown) {
			s.o.Log.Error().Err(err).Str("code", code.ID).Msg("a code in reserve is still there")
			continue
		}
		changed = true
	}
	for i, p := range properties {
		for ; have[i] < most && s.wants(l, p, at); have[i]++ {
			if err := s.lay(l, p); err != nil {
				s.o.Log.Warn().Err(err).Strs("doors", p.doors).Msg("no code is in reserve")
				break
			}
			changed, all = true, all+1
		}
	}
	if all == 0 {
		s.disband(l)
	}
	return changed
}

// disband forgets the person behind codes in reserve, once there are none.
func (s *Stays) disband(l *ledger.Ledger) {
	if !reserved(l) {
		return
	}
	if err := forget(l, reserve); err != nil {
		s.o.Log.Warn().Err(err).Msg("a person without codes is still there")
	}
}

func reserved(l *ledger.Ledger) bool {
	return slices.ContainsFunc(l.People(), func(o access.Person) bool { return o.ID == reserve })
}

func (s *Stays) rules() Rules {
	if s.o.Rules == nil {
		return Rules{Spares: 1}
	}
	return s.o.Rules()
}

// wants reports whether a property has a lock that keeps codes, and a guest who comes.
func (s *Stays) wants(l *ledger.Ledger, p property, at access.Moment) bool {
	if !slices.ContainsFunc(allDoors(p.calendar, l.House()), s.o.Locks.Keeps) {
		return false
	}
	now := guess(at)
	return slices.ContainsFunc(s.stays, func(stay feeds.Stay) bool {
		c, ok := s.calendars[stay.Calendar]
		return ok && stay.Code != "" && stay.Cancelled.IsZero() && !stay.Over(now) && p.is(access.Code{Doors: doorsOf(c.Calendar), Groups: c.Calendar.Groups})
	})
}

// lay makes a spare code. Nobody knows it, and it opens at no keypad, until it is given.
func (s *Stays) lay(l *ledger.Ledger, p property) error {
	if !reserved(l) {
		if _, err := l.SavePerson(access.Person{ID: reserve, Name: "In reserve", Kind: access.Guest}); err != nil {
			return err
		}
	}
	families := s.o.Locks.Families(allDoors(p.calendar, l.House()))
	digits := s.digits(p.calendar)
	if p.calendar.Policy != feeds.Random { // as long as the others: some locks have one length for all
		digits = len(p.calendar.Prefix) + 4
	}
	var err error
	for _, n := range []int{digits, 0} {
		var pin = seal.Secret{}
		if pin.Keys, err = l.GeneratePIN(s.o.Group, n, families...); err != nil {
			continue
		}
		code := access.Code{Person: reserve, Spare: true, Windows: []access.Window{access.Reserve()}, Doors: p.doors, Groups: p.groups}
		if _, err = l.AddCode(code, s.o.Group, pin); err == nil {
			return nil
		}
	}
	return err
}

// digits is how many a random code of a calendar has; 0: as many as it takes.
func (s *Stays) digits(c feeds.Calendar) int {
	if c.Digits == 0 && s.o.Digits != nil {
		return s.o.Digits()
	}
	return c.Digits
}

// help gives a spare code to each guest whose own is not ready at a lock, where the lock holds a spare one.
func (s *Stays) help(l *ledger.Ledger, at access.Moment, waiting []access.Code) (changed bool, left []access.Code) {
	now := guess(at)
	failing := map[string]time.Time{}
	for _, stay := range s.stays {
		c, ok := s.calendars[stay.Calendar]
		code, known := l.Code(stay.Code)
		if _, has := s.given[stay.Person]; has || !ok || !known || code.Revoked || !stay.Near(now) {
			continue
		}
		closed := s.closed(l, c.Calendar, stay.Code)
		if len(closed) == 0 {
			continue
		}
		since, ok := s.failing[stay.ID]
		if !ok {
			since = time.Now()
		}
		failing[stay.ID] = since
		if time.Since(since) < patience {
			continue
		}
		i := s.best(propertyOf(c.Calendar), waiting, closed)
		if i < 0 {
			continue
		}
		spare := waiting[i]
		spare.Person, spare.Windows, spare.Grace = stay.Person, []access.Window{stay.Window}, c.Calendar.Grace
		if err := l.GiveCode(spare); err != nil {
			s.o.Log.Error().Err(err).Str("stay", stay.ID).Msg("a code in reserve was not given")
			continue
		}
		s.o.Log.Info().Str("stay", stay.ID).Str("code", spare.ID).Msg("a guest has the code in reserve")
		s.given[stay.Person] = spare
		waiting = slices.Delete(slices.Clone(waiting), i, i+1)
		changed = true
	}
	s.failing = failing
	return changed, waiting
}

// best is the spare code that opens most of some doors, -1 if none opens any.
func (s *Stays) best(p property, waiting []access.Code, closed []string) int {
	best, most := -1, 0
	for i, code := range waiting {
		if n := s.opened(code.ID, closed); n > most && p.is(code) && !code.Revoked {
			best, most = i, n
		}
	}
	return best
}

func (s *Stays) opened(codeID string, doors []string) (n int) {
	for _, door := range doors {
		if s.o.Locks.Held(codeID, door) {
			n++
		}
	}
	return n
}

// closed are the doors that the code of a stay does not open, or would not.
func (s *Stays) closed(l *ledger.Ledger, c feeds.Calendar, codeID string) (doors []string) {
	for _, door := range allDoors(c, l.House()) {
		if s.o.Ready(codeID, door) != "" {
			doors = append(doors, door)
		}
	}
	return doors
}

// instead is the spare code that a stay was given, where it is to be told instead of the stay's own.
func (s *Stays) instead(stay feeds.Stay) (access.Code, bool) {
	code, ok := s.given[stay.Person]
	return code, ok && stay.Person != "" && !code.Revoked
}

// alsoTell is what a guest is told beside a spare code: at which doors only their own code opens.
func (s *Stays) alsoTell(l *ledger.Ledger, c feeds.Calendar, own, spare string) string {
	var doors []string
	for _, door := range allDoors(c, l.House()) {
		if !s.o.Locks.Held(spare, door) && s.o.Ready(own, door) == "" {
			doors = append(doors, door)
		}
	}
	secret, err := l.Reveal(own)
	if len(doors) == 0 || err != nil {
		return ""
	}
	return "At " + strings.Join(doors, " and ") + " the code is " + string(secret.Keys) + ".\n"
}

// fallback is what is shown of it.
func (s *Stays) fallback(stay feeds.Stay) *api.Fallback {
	code, ok := s.given[stay.Person]
	if !ok || stay.Person == "" {
		return nil
	}
	f := &api.Fallback{CodeID: code.ID}
	if !stay.Spare.IsZero() {
		f.Told = stay.Spare.In(s.o.Zone())
	}
	if s.o.Copies != nil {
		f.Copies = s.o.Copies(code.ID)
	}
	return f
}

// toSend is what the owner of a house is told of a guest who has to be sent the spare code.
func toSend(why string) string {
	return strings.TrimSuffix(why, ".") + "; its lock holds the code in reserve: send that one (loquet stays message)"
}
