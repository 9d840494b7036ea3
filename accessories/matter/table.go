package matter

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/matter/doorlock"
)

const tableKeys = "users/"

// table is who is which user of a lock, as it is stored. The indexes are for ever: a controller knows people by them.
type table struct {
	Users      map[uint16]*entry          `json:"users,omitempty"`
	Holidays   map[uint8]doorlock.Holiday `json:"holidays,omitempty"`
	RequirePIN bool                       `json:"require_pin,omitempty"`
}

// entry is a user. A person whom a controller made has all of it; of every other one the ledger says the rest.
type entry struct {
	Person   string                     `json:"person"`
	PINs     map[uint16]*pin            `json:"pins,omitempty"`
	Made     bool                       `json:"made,omitempty"` // by a controller
	Unique   uint32                     `json:"unique,omitempty"`
	Disabled bool                       `json:"disabled,omitempty"`
	Type     doorlock.UserType          `json:"type,omitempty"`
	Creator  string                     `json:"creator,omitempty"` // the compressed fabric id
	Modifier string                     `json:"modifier,omitempty"`
	WeekDays map[uint8]doorlock.WeekDay `json:"week_days,omitempty"`
	YearDays map[uint8]doorlock.YearDay `json:"year_days,omitempty"`
}

// pin is a credential: which code of the ledger it is.
type pin struct {
	Code     string `json:"code"`
	Creator  string `json:"creator,omitempty"`
	Modifier string `json:"modifier,omitempty"`
}

// limits are what every lock can keep.
func limits() doorlock.Limits {
	return doorlock.Limits{Users: 100, PerUser: 5, WeekDays: 8, YearDays: 8, Holidays: 10, MinPIN: access.MinDigits, MaxPIN: access.MaxDigits,
		WrongCodes: access.FreeMisses, DisabledTime: 60}
}

// readTable reads who is which user. A record that is damaged is not taken for none: its indexes would be given anew.
func readTable(s Storage, lock string) (*table, error) {
	t := &table{}
	b, ok, err := s.Get(tableKeys + lock)
	if err == nil && ok {
		err = json.Unmarshal(b, t)
	}
	if err != nil {
		return nil, fmt.Errorf("matter: the users of %s cannot be read: %w", lock, err)
	}
	if t.Users == nil {
		t.Users = map[uint16]*entry{}
	}
	if t.Holidays == nil {
		t.Holidays = map[uint8]doorlock.Holiday{}
	}
	for i, e := range t.Users {
		if e == nil || i == 0 || i > limits().Users {
			return nil, fmt.Errorf("matter: the users of %s cannot be read: user %d", lock, i)
		}
		if e.PINs == nil {
			e.PINs = map[uint16]*pin{}
		}
		maps.DeleteFunc(e.PINs, func(_ uint16, p *pin) bool { return p == nil })
	}
	return t, nil
}

// clone returns a copy to be changed and kept, or not.
func (t *table) clone() *table {
	c := &table{Users: map[uint16]*entry{}, Holidays: maps.Clone(t.Holidays), RequirePIN: t.RequirePIN}
	for i, e := range t.Users {
		own := *e
		own.PINs = map[uint16]*pin{}
		for n, p := range e.PINs {
			copied := *p
			own.PINs[n] = &copied
		}
		own.WeekDays, own.YearDays = maps.Clone(e.WeekDays), maps.Clone(e.YearDays)
		c.Users[i] = &own
	}
	return c
}

// of returns the user that a person is; 0 for none.
func (t *table) of(person string) uint16 {
	for i, e := range t.Users {
		if e.Person == person {
			return i
		}
	}
	return 0
}

// codes are all codes that have an index.
func (t *table) codes() map[string]mark {
	out := map[string]mark{}
	for i, e := range t.Users {
		for n, p := range e.PINs {
			out[p.Code] = mark{i, n}
		}
	}
	return out
}

// mark is where a code stands in a table.
type mark struct{ user, pin uint16 }

// freeUser and freePIN are the lowest indexes that nobody has; 0 for none.
func (t *table) freeUser() uint16 {
	for i := uint16(1); i <= limits().Users; i++ {
		if t.Users[i] == nil {
			return i
		}
	}
	return 0
}

func (t *table) freePIN() uint16 {
	taken := map[uint16]bool{}
	for _, e := range t.Users {
		for n := range e.PINs {
			taken[n] = true
		}
	}
	for i := uint16(1); i <= limits().Users; i++ {
		if !taken[i] {
			return i
		}
	}
	return 0
}

// settle brings a table up to date with the ledger: who has gone loses the index, whoever can open the lock gets one. It
// returns who came and who went.
func (t *table) settle(lock string, people []access.Person, codes []access.Code, house access.House) (came, went []uint16) {
	alive, open := map[string]bool{}, map[string]access.Code{}
	for _, p := range people {
		alive[p.ID] = true
	}
	for _, c := range codes {
		if c.Kind == access.PIN && c.Reaches(lock, house.Groups...) {
			open[c.ID] = c
		}
	}
	for i, e := range t.Users {
		maps.DeleteFunc(e.PINs, func(_ uint16, p *pin) bool { return open[p.Code].Person != e.Person })
		if !alive[e.Person] || !e.Made && len(e.PINs) == 0 {
			delete(t.Users, i)
			went = append(went, i)
		}
	}
	known := t.codes()
	for _, id := range slices.SortedFunc(maps.Keys(open), strings.Compare) {
		c := open[id]
		if _, ok := known[id]; ok || c.Revoked && t.of(c.Person) == 0 || !alive[c.Person] {
			continue
		}
		user, n := t.of(c.Person), t.freePIN()
		fresh := user == 0
		if fresh {
			user = t.freeUser()
		}
		if user == 0 || n == 0 {
			break // there is no room to show more; they open all the same
		}
		if fresh {
			t.Users[user] = &entry{Person: c.Person, PINs: map[uint16]*pin{}}
			came = append(came, user)
		}
		if len(t.Users[user].PINs) < int(limits().PerUser) {
			t.Users[user].PINs[n] = &pin{Code: id}
		}
	}
	slices.Sort(came)
	slices.Sort(went)
	return came, went
}
