package apitest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/api"
)

// Ledger is people and codes in memory; the zero value is empty. It is an api.Keypads as well.
type Ledger struct {
	Fail error // what everything answers

	mu     sync.Mutex
	people []api.Person
	codes  []api.Code
	typed  map[string]string // by the id of the code
	asked  []api.ExplainRequest
	made   int
	groups []api.DoorGroup

	holidays []api.Holiday
	unknown  []api.UnknownCode
}

var (
	_ api.Ledger  = (*Ledger)(nil)
	_ api.Keypads = (*Ledger)(nil)
)

// DoorGroups lists the groups of doors.
func (l *Ledger) DoorGroups(context.Context) ([]api.DoorGroup, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.groups), l.Fail
}

// SaveDoorGroup adds or changes a group.
func (l *Ledger) SaveDoorGroup(_ context.Context, g api.DoorGroup) (api.DoorGroup, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = append(slices.DeleteFunc(l.groups, func(was api.DoorGroup) bool { return was.ID == g.ID }), g)
	return g, l.Fail
}

// RemoveDoorGroup removes a group.
func (l *Ledger) RemoveDoorGroup(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.groups = slices.DeleteFunc(l.groups, func(was api.DoorGroup) bool { return was.ID == id })
	return l.Fail
}

// People lists the people.
func (l *Ledger) People(context.Context) ([]api.Person, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.people)
	for i := range out {
		for _, c := range l.codes {
			if c.Person == out[i].ID {
				out[i].Codes++
			}
		}
	}
	return out, l.Fail
}

// AddPerson adds a person: person-1, person-2 ...
func (l *Ledger) AddPerson(_ context.Context, r api.PersonRequest) (api.Person, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	p := api.Person{ID: fmt.Sprintf("person-%d", l.made), Name: r.Name, Kind: r.Kind}
	if l.Fail == nil {
		l.people = append(l.people, p)
	}
	return p, l.Fail
}

// ChangePerson changes a person.
func (l *Ledger) ChangePerson(_ context.Context, id string, c api.PersonChange) (api.Person, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.people, func(p api.Person) bool { return p.ID == id })
	if i < 0 {
		return api.Person{}, fmt.Errorf("person %s: %w", id, api.ErrNotFound)
	}
	if c.Name != nil {
		l.people[i].Name = *c.Name
	}
	if c.Kind != nil {
		l.people[i].Kind = *c.Kind
	}
	return l.people[i], l.Fail
}

// RemovePerson removes a person with all codes.
func (l *Ledger) RemovePerson(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.people)
	l.people = slices.DeleteFunc(l.people, func(p api.Person) bool { return p.ID == id })
	if len(l.people) == before {
		return fmt.Errorf("person %s: %w", id, api.ErrNotFound)
	}
	l.codes = slices.DeleteFunc(l.codes, func(c api.Code) bool { return c.Person == id })
	return l.Fail
}

// Codes lists the codes.
func (l *Ledger) Codes(context.Context) ([]api.Code, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.codes), l.Fail
}

// Made is the PIN that AddCode makes.
const Made = "482915"

// AddCode adds a code: code-1, code-2 ... The PIN 123456 is too easy.
func (l *Ledger) AddCode(_ context.Context, r api.CodeRequest) (api.NewCode, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.people, func(p api.Person) bool { return p.ID == r.Person })
	switch {
	case l.Fail != nil:
		return api.NewCode{}, l.Fail
	case i < 0:
		return api.NewCode{}, fmt.Errorf("person %s: %w", r.Person, api.ErrNotFound)
	case r.PIN == "123456":
		return api.NewCode{}, &api.Error{Status: http.StatusUnprocessableEntity, Code: "weak-pin", Title: "The PIN is too easy", Why: "its digits count up", Remedy: "choose another"}
	}
	l.made++
	c := api.Code{ID: fmt.Sprintf("code-%d", l.made), Person: r.Person, PersonName: l.people[i].Name, Kind: "pin", Length: len(r.PIN), Windows: r.Windows, Grace: r.Grace}
	if r.Windows == nil {
		c.Windows = []api.Window{{Kind: "always"}}
	}
	for i := range c.Windows {
		if c.Windows[i].From != "" {
			c.Windows[i].Kind = "dates"
		}
	}
	if r.Doors != nil {
		c.Doors = *r.Doors
	}
	made, typed := "", r.PIN+r.Card
	switch {
	case r.Card != "":
		c.Kind, c.Length = "card", 26
	case r.PIN == "":
		made, typed, c.Length = Made, Made, len(Made)
	}
	if l.typed == nil {
		l.typed = map[string]string{}
	}
	l.typed[c.ID] = typed
	l.codes = append(l.codes, c)
	return api.NewCode{Code: c, PIN: made}, nil
}

// Typed is what opens by a code.
func (l *Ledger) Typed(id string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.typed[id]
}

// ChangeCode changes a code.
func (l *Ledger) ChangeCode(_ context.Context, id string, c api.CodeChange) (api.Code, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.codes, func(c api.Code) bool { return c.ID == id })
	if i < 0 {
		return api.Code{}, fmt.Errorf("code %s: %w", id, api.ErrNotFound)
	}
	if c.Revoked != nil {
		l.codes[i].Revoked = *c.Revoked
	}
	if c.Doors != nil {
		l.codes[i].Doors = *c.Doors
	}
	return l.codes[i], l.Fail
}

// RemoveCode removes a code.
func (l *Ledger) RemoveCode(_ context.Context, id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	before := len(l.codes)
	l.codes = slices.DeleteFunc(l.codes, func(c api.Code) bool { return c.ID == id })
	if len(l.codes) == before {
		return fmt.Errorf("code %s: %w", id, api.ErrNotFound)
	}
	return l.Fail
}

// ExplainCode knows a code by what is typed or by its id; it opens unless it was taken back.
func (l *Ledger) ExplainCode(_ context.Context, q api.ExplainRequest) (api.Explanation, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.asked = append(l.asked, q)
	for _, c := range l.codes {
		if c.ID == q.CodeID || q.Code != "" && l.typed[c.ID] == q.Code {
			if c.Revoked {
				return api.Explanation{Reason: "revoked", Why: []string{"it was taken back"}}, l.Fail
			}
			return api.Explanation{Allowed: true, Reason: "permanent", Why: []string{"it opens " + q.Door + " at any time"}}, l.Fail
		}
	}
	return api.Explanation{Reason: "unknown-code", Why: []string{"there is no such code"}}, l.Fail
}

// Explained is what was asked of ExplainCode.
func (l *Ledger) Explained() []api.ExplainRequest {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

// InstallKeypad knows every keypad whose id ends with -pad.
func (l *Ledger) InstallKeypad(_ context.Context, id string) (api.KeypadInstall, error) {
	if !strings.HasSuffix(id, "-pad") {
		return api.KeypadInstall{}, fmt.Errorf("keypad %s: %w", id, api.ErrNotFound)
	}
	return api.KeypadInstall{Keypad: id, Until: time.Date(2026, 11, 21, 19, 10, 0, 0, time.UTC)}, l.Fail
}
