package stays

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/feeds"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/health"
)

// Tend brings codes up to the stays: it makes those that are due, moves windows, takes back what was cancelled,
// lets cleaners in between, forgets who left long ago, and tells who is about to stand before a door.
func (s *Stays) Tend() {
	s.mu.Lock()
	changed := s.dirty
	if s.lost == nil && len(s.stays)+len(s.calendars)+len(s.leaving) > 0 {
		changed = s.tend() || changed
		s.look()
	}
	s.dirty = false
	s.mu.Unlock()
	if changed {
		s.o.Changed()
	}
}

func (s *Stays) tend() (changed bool) {
	l, err := s.o.Ledger()
	if err != nil {
		return false // the board tells already
	}
	at := s.o.Clock.Moment()
	changed = len(s.leaving) > 0
	if err := s.erase(l); err != nil {
		s.o.Log.Error().Err(err).Msg("guests who are to be erased are still known")
	}
	s.sort(l)
	next := slices.Clone(s.stays)
	for i := range next {
		c, ok := s.calendars[next[i].Calendar]
		if !ok {
			continue
		}
		did, err := s.code(l, c.Calendar, &next[i], at)
		changed = changed || did
		if err != nil {
			s.notes[next[i].ID] = err.Error()
			continue
		}
		delete(s.notes, next[i].ID)
	}
	next = slices.DeleteFunc(next, func(stay feeds.Stay) bool { return s.forgets(l, stay, at) })
	if err := s.save(next); err != nil {
		s.o.Log.Error().Err(err).Msg("stays are not kept")
	}
	changed = s.spares(l, at) || changed
	for _, c := range s.calendars {
		did, err := s.clean(l, c.Calendar, at)
		changed = changed || did
		if err != nil {
			c.problem = "cleaning: " + err.Error()
		}
	}
	return changed
}

// code brings the code of one stay up to it.
func (s *Stays) code(l *ledger.Ledger, c feeds.Calendar, stay *feeds.Stay, at access.Moment) (changed bool, err error) {
	now := guess(at)
	if spare, ok := s.given[stay.Person]; ok && stay.Person != "" {
		if changed, err = follow(l, c, *stay, spare); err != nil {
			return changed, err
		}
	}
	if c.Renews(*stay, now) {
		did, err := s.renew(l, c, stay)
		changed = changed || did
		if err != nil {
			return changed, err
		}
	}
	if c.Due(*stay, now) {
		return true, s.mint(l, c, stay)
	}
	have, ok := l.Code(stay.Code)
	if !ok {
		if have, ok = codeOf(l, stay.Person); !ok {
			return changed, nil // an owner removed it
		}
		stay.Code = have.ID
	}
	did, err := follow(l, c, *stay, have)
	return changed || did, err
}

// follow brings one code of a stay up to it.
func follow(l *ledger.Ledger, c feeds.Calendar, stay feeds.Stay, have access.Code) (changed bool, err error) {
	want := have
	want.Windows, want.Doors, want.Groups, want.Grace = []access.Window{stay.Window}, doorsOf(c), c.Groups, c.Grace
	want.Revoked = !stay.Cancelled.IsZero()
	if slices.Equal(have.Windows, want.Windows) && slices.Equal(have.Doors, want.Doors) && slices.Equal(have.Groups, want.Groups) &&
		have.Grace == want.Grace && have.Revoked == want.Revoked {
		return false, nil
	}
	return true, l.ChangeCode(want)
}

// doorsOf are the doors of a calendar's codes; never nil, which would be all.
func doorsOf(c feeds.Calendar) []string { return append([]string{}, c.Doors...) }

// guess is the time as well as it is known: what follows from it opens nothing, for every keypad and lock asks
// how far the time can be trusted when somebody stands there.
func guess(at access.Moment) time.Time {
	if at.Now.Before(at.Floor) {
		return at.Floor
	}
	return at.Now
}

// mint gives a stay its person and its code. Both are found again if the process ends in between.
func (s *Stays) mint(l *ledger.Ledger, c feeds.Calendar, stay *feeds.Stay) error {
	id := "stay-" + stay.ID
	if code, ok := codeOf(l, id); ok {
		stay.Code, stay.Person, stay.Policy = code.ID, id, feeds.Random
		if pin, ok := c.PIN(*stay); ok {
			if have, err := l.Reveal(code.ID); err == nil && have.Keys == pin {
				stay.Policy = c.Policy
			}
		}
		return nil
	}
	name := stay.Name
	if name == "" {
		name = "Guest of " + stay.Arrives.String()[:10]
	}
	if _, err := l.SavePerson(access.Person{ID: id, Name: name, Kind: access.Guest}); err != nil {
		return err
	}
	stay.Person = id
	return s.give(l, c, stay, func(code access.Code, secret seal.Secret) (access.Code, error) {
		return l.AddCode(code, s.o.Group, secret)
	})
}

// codeOf is a code of a person, if there is one, and no spare one.
func codeOf(l *ledger.Ledger, person string) (access.Code, bool) {
	for _, code := range l.Codes() {
		if person != "" && code.Person == person && !code.Spare {
			return code, true
		}
	}
	return access.Code{}, false
}

// renew gives a stay whose dates moved the code of its new dates, in the place of the old one.
func (s *Stays) renew(l *ledger.Ledger, c feeds.Calendar, stay *feeds.Stay) (changed bool, err error) {
	pin, ok := c.PIN(*stay)
	have, err := l.Reveal(stay.Code)
	if !ok || err != nil || have.Keys == pin {
		return false, nil //nolint:nilerr // digits that cannot be read stay as they are
	}
	old := stay.Code
	err = s.give(l, c, stay, func(code access.Code, secret seal.Secret) (access.Code, error) {
		return l.ReplaceCode(old, code, s.o.Group, secret)
	})
	return err == nil, err
}

// give adds a code for the person of a stay: the one that the policy takes from it, or a random one where that
// is taken or too easy.
func (s *Stays) give(l *ledger.Ledger, c feeds.Calendar, stay *feeds.Stay, add func(access.Code, seal.Secret) (access.Code, error)) error {
	wanted := access.Code{Person: stay.Person, Windows: []access.Window{stay.Window}, Doors: doorsOf(c), Groups: c.Groups, Grace: c.Grace}
	if pin, ok := c.PIN(*stay); ok {
		code, err := add(wanted, seal.Secret{Keys: pin})
		if err == nil {
			stay.Code, stay.Policy = code.ID, c.Policy
			return nil
		}
		if !errors.Is(err, access.ErrWeak) && !errors.Is(err, access.ErrTaken) {
			return err
		}
	}
	pin, err := l.GeneratePIN(s.o.Group, s.digits(c))
	if err != nil {
		return err
	}
	code, err := add(wanted, seal.Secret{Keys: pin})
	if err != nil {
		return err
	}
	stay.Code, stay.Policy = code.ID, feeds.Random
	return nil
}

// mostCleaning is how many visits a code knows ahead.
const mostCleaning = 40

// never is the window of a code that opens between stays where none is to come.
func never() access.Window {
	at := access.WallTime{Year: 2000, Month: 1, Day: 1}
	return access.Window{Kind: access.Dates, From: at, To: at.AddDays(1), Zone: "UTC"}
}

// clean lets the codes of cleaners open between stays, and at no other time.
func (s *Stays) clean(l *ledger.Ledger, c feeds.Calendar, at access.Moment) (changed bool, err error) {
	for _, id := range c.Cleaners {
		code, ok := l.Code(id)
		if !ok {
			continue
		}
		windows := c.Cleaning(s.stays, guess(at), mostCleaning)
		if len(windows) == 0 {
			windows = []access.Window{never()}
		}
		if slices.Equal(code.Windows, windows) {
			continue
		}
		code.Windows = windows
		if bad := l.ChangeCode(code); bad != nil {
			err = bad
			continue
		}
		changed = true
	}
	return changed, err
}

// forgets erases who left long ago. It reports whether the stay is gone.
func (s *Stays) forgets(l *ledger.Ledger, stay feeds.Stay, at access.Moment) bool {
	_, end := stay.Bounds()
	if at.Trust == access.TrustFloor || guess(at).Sub(end) < s.o.Keep() {
		return false
	}
	if err := forget(l, stay.Person); err != nil {
		return false
	}
	delete(s.notes, stay.ID)
	return true
}

// forget removes a person with all codes.
func forget(l *ledger.Ledger, person string) error {
	if person == "" {
		return nil
	}
	if err := l.RemovePerson(person); err != nil && !errors.Is(err, ledger.ErrNobody) {
		return err
	}
	return nil
}

// dismiss writes down, all at once, which stays there are from now on, which records go with those that are not,
// and whom that leaves to be erased: a crash in between leaves no stay without its code.
func (s *Stays) dismiss(rest, gone []feeds.Stay, records ...string) error {
	changes, err := s.changes(rest)
	if err != nil {
		return err
	}
	for _, key := range records {
		changes[key] = nil
	}
	leaving := map[string]string{}
	for _, stay := range gone {
		if stay.Person != "" {
			leaving[eraseKeys+stay.ID] = stay.Person
			changes[eraseKeys+stay.ID] = []byte(stay.Person)
		}
	}
	if err := s.apply(rest, changes); err != nil {
		return err
	}
	maps.Copy(s.leaving, leaving)
	return nil
}

// erase removes the people who are to be erased.
func (s *Stays) erase(l *ledger.Ledger) (err error) {
	done := map[string][]byte{}
	for key, person := range s.leaving {
		if bad := forget(l, person); bad != nil {
			err = bad
			continue
		}
		done[key] = nil
	}
	if len(done) == 0 {
		return err
	}
	if bad := s.o.Space.Apply(done); bad != nil {
		return errors.Join(err, bad)
	}
	for key := range done {
		delete(s.leaving, key)
	}
	return err
}

// look tells what an owner must know: calendars without news, and guests whose code is not ready.
func (s *Stays) look() {
	now := time.Now()
	for id, c := range s.calendars {
		since := c.good
		if since.Before(c.since) {
			since = c.since
		}
		stale := !c.Calendar.Paused && c.Sealed != nil && now.Sub(since) >= feeds.Stale
		s.raise(health.CalendarStale, id, c.problem, stale)
	}
	at := s.o.Clock.Moment()
	near, spare := map[string]bool{}, map[string]bool{}
	for _, stay := range s.stays {
		if !stay.Near(guess(at)) {
			continue
		}
		why, send := s.why(stay)
		switch {
		case send:
			spare[stay.ID] = true
			s.o.Board.Raise(health.StayFallback, stay.ID, why)
		case why != "":
			near[stay.ID] = true
			start, _ := stay.Bounds()
			left := start.Sub(guess(at))
			switch {
			case left <= 0:
				why = "the guest is expected now: " + why
			case left <= feeds.LastLook:
				why = "the guest comes within two hours: " + why
			}
			s.o.Board.Raise(health.StayNotReady, stay.ID, why)
		}
	}
	s.clear(health.StayNotReady, s.near, near)
	s.clear(health.StayFallback, s.spare, spare)
	s.near, s.spare = near, spare
}

// clear ends what was told of stays, and is not so any more.
func (s *Stays) clear(code health.Code, was, is map[string]bool) {
	for id := range was {
		if !is[id] {
			s.o.Board.Clear(code, id)
		}
	}
}

// why is what keeps the code of a stay from opening; empty: nothing. send says that a spare code opens all the same, and
// that nobody was shown it.
func (s *Stays) why(stay feeds.Stay) (why string, send bool) {
	c, ok := s.calendars[stay.Calendar]
	trust := s.o.Clock.Moment().Trust
	switch {
	case !ok:
		return "its calendar is gone", false
	case s.notes[stay.ID] != "":
		return s.notes[stay.ID], false
	case stay.Code == "":
		return "it has no code yet", false
	case trust == access.TrustFloor:
		return "nobody knows what time it is: loquet clock confirm", false
	}
	l, err := s.o.Ledger()
	if err != nil {
		return "people and codes cannot be read", false
	}
	code, ok := l.Code(stay.Code)
	if !ok {
		return "its code was removed", false
	}
	if code.Revoked && stay.Cancelled.IsZero() {
		return "its code was taken back", false
	}
	doors := allDoors(c.Calendar, l.House())
	spare, has := s.instead(stay)
	for _, door := range doors {
		bad := s.o.Ready(stay.Code, door)
		switch {
		case bad == "":
		case !has || !s.o.Locks.Held(spare.ID, door):
			return door + ": " + bad, false
		case stay.Spare.IsZero() && why == "":
			why, send = toSend(door+": "+bad), true
		}
	}
	if send {
		return why, true
	}
	return s.doubts(stay, doors, trust), false
}

// doubts is what may keep the code of a stay that is near from opening, although all is well now.
func (s *Stays) doubts(stay feeds.Stay, doors []string, trust access.Trust) string {
	now := guess(s.o.Clock.Moment())
	if !stay.Near(now) {
		return ""
	}
	if i := slices.IndexFunc(doors, func(door string) bool { return s.o.Low != nil && s.o.Low(door) }); i >= 0 {
		return doors[i] + ": its battery is low: replace it"
	}
	if s.rules().Trusted && trust != access.Trusted {
		return "the time is only counted on: loquet clock confirm"
	}
	start, _ := stay.Bounds()
	if s.o.Known != nil {
		if until := s.o.Known(); !until.IsZero() && until.Before(later(start, now).Add(feeds.LastLook)) {
			return "nobody will know the time by then: loquet clock confirm"
		}
	}
	return ""
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func (s *Stays) raise(code health.Code, subject, detail string, on bool) {
	if on {
		s.o.Board.Raise(code, subject, detail)
	} else {
		s.o.Board.Clear(code, subject)
	}
}
