package edits

import (
	"fmt"
	"maps"
	"slices"

	"github.com/loquet/loquet/api"
)

// code is a code as it was acknowledged.
type code struct {
	id, person, pin string
	doors           []string // nil: all of the keypad
	until           string   // the end of its window; empty: always
	revoked         bool
}

// books are what one editor was acknowledged. It alone changes what is in them.
type books struct {
	people  map[string]api.Person
	codes   map[string]code
	gone    map[string]string // ids that must never come back: what they were
	pending *pending          // asked, and not answered
	asked   int
	done    int
}

// pending is an edit that may have happened: all of it, or nothing.
type pending struct {
	what  string     // "person", "code", "remove-person", "remove-code"
	id    string     // of what is changed or removed; empty: it is new
	asked api.Person // as it should be
	code  code
	sure  bool // it was acknowledged, and only its id is not known
}

func newBooks() *books {
	return &books{people: map[string]api.Person{}, codes: map[string]code{}, gone: map[string]string{}}
}

func (b *books) clone() *books {
	c := &books{people: maps.Clone(b.people), codes: maps.Clone(b.codes), gone: maps.Clone(b.gone)}
	if b.pending != nil {
		p := *b.pending
		c.pending = &p
	}
	return c
}

// settle enters an edit: it has happened.
func (b *books) settle(p *pending) {
	switch p.what {
	case "person":
		b.people[p.asked.ID] = p.asked
	case "code":
		b.codes[p.code.id] = p.code
	case "remove-person":
		delete(b.people, p.id)
		b.gone[p.id] = "person"
		for id, c := range b.codes {
			if c.person == p.id {
				delete(b.codes, id)
				b.gone[id] = "code " + c.pin
			}
		}
	case "remove-code":
		b.gone[p.id] = "code " + b.codes[p.id].pin
		delete(b.codes, p.id)
	}
}

// shown is what the bridge shows after a restart.
type shown struct {
	people map[string]api.Person
	codes  map[string]api.Code
	// known reports whether somebody has that PIN.
	known func(pin string) bool
}

// judge decides whether the edit that was not answered has happened, and holds the books against what is shown.
func (b *books) judge(s shown) error {
	if p := b.pending; p != nil {
		b.pending = nil
		if happened, err := b.happened(p, s); err != nil {
			return fmt.Errorf("%s %s: %w", p.what, p.id, err)
		} else if happened {
			b.settle(p)
		}
	}
	for id, want := range b.people {
		if have, ok := s.people[id]; !ok || have.Name != want.Name || have.Kind != want.Kind {
			return fmt.Errorf("person %s is %+v, acknowledged was %+v", id, have, want)
		}
	}
	for id, want := range b.codes {
		have, ok := s.codes[id]
		if !ok {
			return fmt.Errorf("code %s of %s is lost", id, want.person)
		}
		if wrong := differs(have, want); wrong != "" {
			return fmt.Errorf("code %s: %s", id, wrong)
		}
	}
	for id, was := range b.gone {
		_, person := s.people[id]
		_, code := s.codes[id]
		if person || code {
			return fmt.Errorf("%s %s is back", was, id)
		}
	}
	return nil
}

// happened finds out what became of an edit that was not answered.
func (b *books) happened(p *pending, s shown) (bool, error) {
	switch p.what {
	case "person":
		if p.id != "" {
			return s.people[p.id].Name == p.asked.Name, nil // the old name is looked for by whoever called
		}
		for _, have := range s.people {
			if have.Name == p.asked.Name {
				p.asked.ID = have.ID
				return true, b.fresh(have.ID)
			}
		}
		if p.sure {
			return false, fmt.Errorf("%s was acknowledged and is lost", p.asked.Name)
		}
		return false, nil
	case "remove-person":
		_, there := s.people[p.id]
		for id, c := range b.codes {
			if _, left := s.codes[id]; c.person == p.id && left != there {
				return false, fmt.Errorf("half a person: there %v, code %s there %v", there, id, left)
			}
		}
		return !there, nil
	case "remove-code":
		_, there := s.codes[p.id]
		if pin := b.codes[p.id].pin; s.known(pin) != there {
			return false, fmt.Errorf("half a code: there %v, its PIN is taken %v", there, !there)
		}
		return !there, nil
	}
	if p.id != "" {
		was, is := differs(s.codes[p.id], b.codes[p.id]), differs(s.codes[p.id], p.code)
		if was != "" && is != "" {
			return false, fmt.Errorf("neither as it was (%s) nor as it should be (%s)", was, is)
		}
		return is == "", nil
	}
	for id, have := range s.codes {
		if _, old := b.codes[id]; old || have.Person != p.code.person {
			continue
		}
		p.code.id = id
		if !s.known(p.code.pin) {
			return false, fmt.Errorf("half a code: %s is there, and its PIN is nobody's", id)
		}
		if wrong := differs(have, p.code); wrong != "" {
			return false, fmt.Errorf("code %s: %s", id, wrong)
		}
		return true, b.fresh(id)
	}
	if s.known(p.code.pin) {
		return false, fmt.Errorf("half a code: its PIN is taken, and no code is there")
	}
	return false, nil
}

func (b *books) fresh(id string) error {
	if was, used := b.gone[id]; used {
		return fmt.Errorf("the id %s is used again: it was %s", id, was)
	}
	return nil
}

// differs is what is not as it should be with a code.
func differs(have api.Code, want code) string {
	until := ""
	for _, w := range have.Windows {
		until += w.To
	}
	switch {
	case have.Person != want.person:
		return "it belongs to " + have.Person
	case !slices.Equal(have.Doors, want.doors):
		return fmt.Sprintf("its doors are %v, want %v", have.Doors, want.doors)
	case until != want.until:
		return fmt.Sprintf("it opens until %q, want %q", until, want.until)
	case have.Revoked != want.revoked:
		return fmt.Sprintf("taken back: %v, want %v", have.Revoked, want.revoked)
	}
	return ""
}

// onLock are the PINs that must be on the lock, and those that may be: one whose code got dates stays where it was on
// a machine that does not know what time it is, and comes on another one.
func (b *books) onLock(must, may map[string]bool) {
	for c := range maps.Values(b.codes) {
		switch {
		case !slices.Contains(c.doors, lockID) || c.revoked:
		case c.until == "":
			must[c.pin] = true
		default:
			may[c.pin] = true
		}
	}
}
