package access

import (
	"errors"
	"fmt"
	"strings"

	"github.com/loquet/loquet/device"
)

// Family is what a kind of lock or keypad demands of its PINs.
type Family struct {
	Name      string
	Min, Max  int      // digits
	OneLength bool     // all its PINs have one length: it opens as soon as that many digits are typed
	Without   string   // digits that it has no key for
	NotBegin  []string // what no PIN of it begins with
	Prefix    bool     // a PIN may begin as another one does: the entry is ended by a key
}

// ErrFamily is wrapped by errors about PINs that a lock does not take; the text says why.
var ErrFamily = errors.New("the lock does not take this PIN")

// Families are those that are known by name.
//
// keypad: on the bridge's own keypads a pause ends an entry, so none may begin as another does. zwave: 4 to 10
// digits (Z-Wave User Code command class). zigbee: the lock's own limits, 4 to 8 where it does not say.
// nuki: six digits, no 0, not beginning with 12. one-length: locks that open as soon as enough digits are typed.
func Families() []Family {
	return []Family{
		{Name: "keypad", Min: MinDigits, Max: MaxDigits},
		{Name: "zwave", Min: 4, Max: 10},
		{Name: "zigbee", Min: 4, Max: 8},
		{Name: "nuki", Min: 6, Max: 6, Without: "0", NotBegin: []string{"12"}},
		{Name: "one-length", Min: 4, Max: 8, OneLength: true},
	}
}

// FamilyOf is the family of a lock that keeps codes of its own, as far as it tells its limits.
func FamilyOf(name string, t device.SlotTraits) Family {
	f := Family{Name: name, Min: MinDigits, Max: MaxDigits, OneLength: t.OneLength}
	f.Min = max(f.Min, t.MinDigits)
	if t.MaxDigits > 0 {
		f.Max = min(f.Max, t.MaxDigits)
	}
	return f
}

// Check refuses a PIN that the family does not take. Errors wrap ErrFamily and hold no digits.
func (f Family) Check(pin device.Keys) error {
	s := string(pin)
	switch {
	case !Digits(pin), len(s) < f.Min, len(s) > f.Max:
		return fmt.Errorf("%w: %s takes %s", ErrFamily, f.Name, f.digits())
	case strings.ContainsAny(s, f.Without):
		return fmt.Errorf("%w: %s has no key %s", ErrFamily, f.Name, f.Without)
	}
	for _, begin := range f.NotBegin {
		if strings.HasPrefix(s, begin) {
			return fmt.Errorf("%w: on %s none begins with %s", ErrFamily, f.Name, begin)
		}
	}
	return nil
}

func (f Family) digits() string {
	if f.Min == f.Max {
		return fmt.Sprintf("%d digits", f.Min)
	}
	return fmt.Sprintf("%d to %d digits", f.Min, f.Max)
}

// Clash reports why two PINs cannot be on one lock of the family; nil if they can. Errors wrap ErrTaken or
// ErrFamily and hold no digits.
func (f Family) Clash(a, b device.Keys) error {
	switch {
	case a == b:
		return fmt.Errorf("%w: two codes on one lock cannot be the same", ErrTaken)
	case f.OneLength && len(a) != len(b):
		return fmt.Errorf("%w: all codes on this lock have one length, and another one has %d digits", ErrFamily, len(b))
	case !f.Prefix && (strings.HasPrefix(string(a), string(b)) || strings.HasPrefix(string(b), string(a))):
		return fmt.Errorf("%w: another PIN on this lock begins as this one does", ErrTaken)
	}
	return nil
}
