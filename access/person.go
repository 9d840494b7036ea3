package access

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PersonKind says what a person is to the house. The zero value is nobody.
type PersonKind string

// Kinds of persons.
const (
	Owner    PersonKind = "owner"    // gets in whatever the clock says
	Resident PersonKind = "resident" // lives here
	Helper   PersonKind = "helper"   // comes to work
	Guest    PersonKind = "guest"    // stays for some days
)

// PersonKinds are all of them.
func PersonKinds() []PersonKind { return []PersonKind{Owner, Resident, Helper, Guest} }

// Person is somebody who may have codes. As JSON it is the record that the store keeps.
type Person struct {
	ID   string     `json:"id"`
	Name string     `json:"name"`
	Kind PersonKind `json:"kind"`
}

// ErrPerson is wrapped by errors about persons that nobody can be.
var ErrPerson = errors.New("this is no person")

// Check reports what is wrong with a person. The error wraps ErrPerson.
func (p Person) Check() error {
	switch {
	case !validID(p.ID):
		return fmt.Errorf("%w: the id has 1 to %d letters, digits or dashes", ErrPerson, maxID)
	case p.Name == "" || len(p.Name) > maxName || !utf8.ValidString(p.Name) || strings.ContainsFunc(p.Name, unicode.IsControl):
		return fmt.Errorf("%w: a name has 1 to %d bytes of text", ErrPerson, maxName)
	case !slices.Contains(PersonKinds(), p.Kind):
		return fmt.Errorf("%w: the kind is owner, resident, helper or guest", ErrPerson)
	}
	return nil
}

// UnmarshalJSON reads a stored record. It ignores fields of later releases and refuses what is no person.
func (p *Person) UnmarshalJSON(data []byte) error {
	type plain Person
	var read plain
	if err := json.Unmarshal(data, &read); err != nil {
		return fmt.Errorf("%w: %w", ErrPerson, err)
	}
	if err := Person(read).Check(); err != nil {
		return err
	}
	*p = Person(read)
	return nil
}

// validID keeps ids to what is safe in a key of the store, a URL and a line of a log.
func validID(id string) bool {
	return id != "" && len(id) <= maxID && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}
