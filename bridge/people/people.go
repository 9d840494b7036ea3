// Package people shows and changes who may come in with a code, and when: the ledger as the API has it.
package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/api"
)

// People implements api.Ledger.
type People struct {
	Ledger func() (*ledger.Ledger, error) // an error says why it cannot be read
	Group  string                         // of the keypads that know the codes
	Opens  func(door string) bool         // whether a keypad opens a door
	// Sent is whether an ecosystem sends PINs with its commands to a door; nil: none does.
	Sent func(door string) bool
	// Takes is whether a PIN of that many digits can be typed where the door is opened, Digits how many a new
	// one has; nil: both do not matter. Digits may be 0.
	Takes  func(door string, digits int) bool
	Digits func() int
	Clock  access.Clock
	Zone   func() *time.Location // of the house
	// Copies are the copies of a code at keypads and on locks; may be nil.
	Copies func(codeID string) []api.Copy
	// Locks are those that keep codes; nil: there are none.
	Locks Locks
	// Uses is how often a code was used; nil: nobody knows.
	Uses func(codeID string) access.Uses
}

var _ api.Ledger = (*People)(nil)

// open is the ledger, or why there is none.
func (p *People) open() (*ledger.Ledger, error) {
	l, err := p.Ledger()
	if err != nil {
		return nil, &api.Error{Status: http.StatusServiceUnavailable, Code: "codes-unreadable", Title: "People and codes cannot be read", Why: err.Error(),
			Remedy: "put the newest backup back, or bring the key back (the file codes.key, or the credential of the service); then restart loquet", Err: err}
	}
	return l, nil
}

// People implements api.Ledger.
func (p *People) People(context.Context) ([]api.Person, error) {
	l, err := p.open()
	if err != nil {
		return nil, err
	}
	codes := map[string]int{}
	for _, c := range l.Codes() {
		codes[c.Person]++
	}
	var out []api.Person
	for _, person := range l.People() {
		out = append(out, personOf(person, codes[person.ID]))
	}
	return out, nil
}

func personOf(p access.Person, codes int) api.Person {
	return api.Person{ID: p.ID, Name: p.Name, Kind: string(p.Kind), Codes: codes}
}

// AddPerson implements api.Ledger.
func (p *People) AddPerson(_ context.Context, r api.PersonRequest) (api.Person, error) {
	l, err := p.open()
	if err != nil {
		return api.Person{}, err
	}
	person, err := l.SavePerson(access.Person{Name: r.Name, Kind: access.PersonKind(r.Kind)})
	return personOf(person, 0), explain(err)
}

// ChangePerson implements api.Ledger.
func (p *People) ChangePerson(_ context.Context, id string, c api.PersonChange) (api.Person, error) {
	l, err := p.open()
	if err != nil {
		return api.Person{}, err
	}
	person, err := l.ChangePerson(id, func(was *access.Person) {
		if c.Name != nil {
			was.Name = *c.Name
		}
		if c.Kind != nil {
			was.Kind = access.PersonKind(*c.Kind)
		}
	})
	if err != nil {
		return api.Person{}, explain(err)
	}
	codes := 0
	for _, k := range l.Codes() {
		if k.Person == id {
			codes++
		}
	}
	return personOf(person, codes), nil
}

// RemovePerson implements api.Ledger.
func (p *People) RemovePerson(_ context.Context, id string) error {
	l, err := p.open()
	if err != nil {
		return err
	}
	return explain(l.RemovePerson(id))
}

// explain turns what the ledger refuses into an answer. None of its errors holds digits.
func explain(err error) error {
	answer := func(status int, code, title, remedy string) error {
		return &api.Error{Status: status, Code: code, Title: title, Why: err.Error(), Remedy: remedy, Err: err}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrWeak):
		return answer(http.StatusUnprocessableEntity, "weak-pin", "The PIN is too easy", "choose one that nobody tries first, or let one be made")
	case errors.Is(err, access.ErrTaken):
		return answer(http.StatusConflict, "taken", "The code is taken", "choose another one, or let one be made")
	case errors.Is(err, access.ErrWindow), errors.Is(err, access.ErrCode), errors.Is(err, access.ErrPerson), errors.Is(err, access.ErrCard), errors.Is(err, access.ErrHouse), errors.Is(err, access.ErrFamily):
		return answer(http.StatusUnprocessableEntity, "invalid", "This cannot be", "change it and send it again")
	case errors.Is(err, ledger.ErrInUse):
		return answer(http.StatusConflict, "in-use", "Codes need this group of doors", "give those codes other doors first: loquet codes list shows them")
	case errors.Is(err, ledger.ErrNobody):
		return fmt.Errorf("%w: %w", err, api.ErrNotFound)
	case errors.Is(err, access.ErrDamaged):
		return answer(http.StatusServiceUnavailable, "damaged-record", "A record is damaged", "put the newest backup back, or remove what is damaged")
	case errors.Is(err, access.ErrUnknownCode):
		return fmt.Errorf("%w: %w", err, api.ErrNotFound)
	}
	return err
}
