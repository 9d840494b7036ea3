package matter

import (
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
)

// SaveUser implements doorlock.Users. A new user is a new person; a change changes when the person's codes open.
func (b *book) SaveUser(index uint16, u doorlock.User) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	e := t.Users[index]
	if e != nil && !e.Made {
		return errOwner
	}
	windows, revoked, err := windowsOf(u, b.house.c.Register.Zone())
	if err != nil {
		return err
	}
	person := access.Person{Name: u.Name, Kind: access.Guest}
	if u.Type == doorlock.Unrestricted {
		person.Kind = access.Resident
	}
	if e == nil {
		e = &entry{Made: true, PINs: map[uint16]*pin{}, Creator: b.house.fabricOf(u.Creator)}
	}
	if person, err = b.savePerson(l, index, e.Person, person); err != nil {
		return err
	}
	for _, p := range e.PINs {
		if err := changeCode(l, p.Code, func(c *access.Code) { c.Windows, c.Revoked = windows, revoked }); err != nil {
			return fault(err)
		}
	}
	e.Person, e.Unique, e.Type, e.Disabled = person.ID, u.UniqueID, u.Type, u.Status != doorlock.UserEnabled
	e.Modifier, e.WeekDays, e.YearDays = b.house.fabricOf(u.Modifier), u.WeekDays, u.YearDays
	t.Users[index] = e
	return b.keep(t)
}

// savePerson makes a person, or renames one. A name that is the old one cut short is no other name.
func (b *book) savePerson(l Ledger, index uint16, id string, p access.Person) (access.Person, error) {
	name := cut(p.Name, maxUserName)
	p.ID, p.Name = id, name
	if p.Name == "" {
		p.Name = placeholder(index)
	}
	i := slices.IndexFunc(l.People(), func(o access.Person) bool { return o.ID == id })
	if i >= 0 {
		was := l.People()[i]
		if shownName(index, was.Name) == name {
			p.Name = was.Name
		}
		if was == p || was.Kind == access.Owner {
			return was, nil
		}
	}
	saved, err := l.SavePerson(p)
	return saved, fault(err)
}

// changeCode changes a code of the ledger; one that is gone is left alone.
func changeCode(l Ledger, id string, change func(*access.Code)) error {
	all := l.Codes()
	i := slices.IndexFunc(all, func(c access.Code) bool { return c.ID == id })
	if i < 0 {
		return nil
	}
	c := all[i]
	change(&c)
	if reflect.DeepEqual(c, all[i]) {
		return nil
	}
	return l.ChangeCode(c)
}

// fault is the one place where an error of the ledger becomes one of the cluster.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, access.ErrTaken):
		return fmt.Errorf("%w: %w", doorlock.ErrDuplicate, err)
	case errors.Is(err, access.ErrWeak):
		return fmt.Errorf("%w: %w", doorlock.ErrPIN, err)
	case errors.Is(err, access.ErrPerson), errors.Is(err, access.ErrCode), errors.Is(err, access.ErrWindow):
		return fmt.Errorf("%w: %w", model.ConstraintError, err)
	}
	return fmt.Errorf("%w: %w", model.Failure, err)
}

// RemoveUser implements doorlock.Users.
func (b *book) RemoveUser(index uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	e := t.Users[index]
	if e == nil {
		return nil
	}
	if !e.Made {
		return errOwner
	}
	for n, p := range e.PINs {
		if err := b.withdraw(l, p.Code); err != nil {
			return err
		}
		delete(e.PINs, n)
	}
	delete(t.Users, index)
	if err := b.keep(t); err != nil {
		return err
	}
	if b.house.elsewhere(e.Person) || slices.ContainsFunc(l.Codes(), func(c access.Code) bool { return c.Person == e.Person }) {
		return nil
	}
	return fault(l.RemovePerson(e.Person))
}

// elsewhere says whether a person is a user of any lock. The caller holds the lock of the books.
func (h *House) elsewhere(person string) bool {
	for _, b := range h.books {
		if b.table != nil && b.table.of(person) != 0 {
			return true
		}
	}
	return false
}

// withdraw takes a lock from a code, and the code away when it was the last one.
func (b *book) withdraw(l Ledger, code string) error {
	all := l.Codes()
	i := slices.IndexFunc(all, func(c access.Code) bool { return c.ID == code })
	switch {
	case i < 0:
		return nil
	case all[i].Doors == nil || len(all[i].Groups) > 0:
		return errOwner // the owner has given it more than this lock
	case slices.Equal(all[i].Doors, []string{b.lock}):
		return fault(l.RemoveCode(code))
	}
	return fault(changeCode(l, code, func(c *access.Code) {
		c.Doors = slices.DeleteFunc(slices.Clone(c.Doors), func(d string) bool { return d == b.lock })
	}))
}

// SetPIN implements doorlock.PINs.
func (b *book) SetPIN(user, credential uint16, digits []byte, by uint8) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	e := t.Users[user]
	switch {
	case e == nil:
		return model.InvalidCommand
	case !e.Made:
		return errOwner
	case !access.Digits(device.Keys(digits)):
		return doorlock.ErrPIN
	}
	windows, revoked, err := windowsOf(b.user(user, e, access.Person{}, nil), b.house.c.Register.Zone())
	if err != nil {
		return err
	}
	secret := seal.Secret{Keys: device.Keys(digits)}
	old, was := e.PINs[credential], e.Person
	wanted := access.Code{Person: e.Person, Windows: windows, Doors: []string{b.lock}}
	code, err := b.share(l, t, user, old, secret, wanted, revoked, by)
	switch {
	case err != nil:
		return err
	case old != nil && old.Code == code:
		return nil // the PIN it has
	case code == "":
		made, err := l.AddCode(wanted, b.house.c.Register.Group, secret)
		if err != nil {
			return fault(err)
		}
		if code = made.ID; revoked {
			err = changeCode(l, code, func(c *access.Code) { c.Revoked = true })
		}
		if err != nil {
			return errors.Join(fault(err), l.RemoveCode(code))
		}
	}
	fabric := b.house.fabricOf(by)
	next := &pin{Code: code, Creator: fabric, Modifier: fabric}
	if old != nil {
		next.Creator = old.Creator
		if err := b.withdraw(l, old.Code); err != nil {
			return err
		}
	}
	e.PINs[credential] = next
	if err := b.keep(t); err != nil || e.Person == was || b.house.elsewhere(was) {
		return err
	}
	return fault(l.RemovePerson(was)) // it has turned out to be another one
}

// share finds the code of a PIN that this fabric gave the same person at another lock, and lets it open this one as well:
// ecosystems give a guest one PIN for all locks, and a keypad must not meet it twice. It returns "" for a PIN that is new,
// the code of old for the one that this credential has, and the one that came half the way when it was asked for before.
func (b *book) share(l Ledger, t *table, user uint16, old *pin, secret seal.Secret, wanted access.Code, revoked bool, by uint8) (string, error) {
	m, err := l.Find(b.house.c.Register.Group, secret)
	switch {
	case errors.Is(err, access.ErrUnknownCode):
		return "", nil
	case err != nil:
		return "", fault(err)
	case old != nil && old.Code == m.Code.ID:
		return m.Code.ID, nil
	}
	e, other := t.Users[user], b.house.maker(m.Code.ID)
	fabric := b.house.fabricOf(by)
	if n := e.halfWay(m.Code.ID); old == nil && n != 0 && m.Code.Revoked == revoked && slices.Equal(m.Code.Doors, wanted.Doors) && reflect.DeepEqual(m.Code.Windows, wanted.Windows) {
		delete(e.PINs, n)
		return m.Code.ID, nil
	}
	if m.Code.Doors == nil || slices.Contains(m.Code.Doors, b.lock) || other == nil || fabric == "" || other.Creator != fabric || e.Creator != fabric ||
		len(e.PINs) > 0 || t.of(m.Person.ID) != 0 || !sameName(l, user, e.Person, m.Person) || m.Code.Revoked != revoked || !reflect.DeepEqual(m.Code.Windows, wanted.Windows) {
		return "", doorlock.ErrDuplicate
	}
	if err := changeCode(l, m.Code.ID, func(c *access.Code) { c.Doors = append(slices.Clone(c.Doors), b.lock) }); err != nil {
		return "", fault(err)
	}
	e.Person = m.Person.ID
	return m.Code.ID, nil
}

// halfWay is the index of a code of the user that no controller is known to have made, 0 for none: the power was cut, or the disk
// full, before its place was kept, and who asks for it again means that one.
func (e *entry) halfWay(code string) uint16 {
	for n, p := range e.PINs {
		if p.Code == code && p.Creator == "" {
			return n
		}
	}
	return 0
}

// sameName says whether a user was called as the person is, or nothing at all.
func sameName(l Ledger, user uint16, id string, p access.Person) bool {
	i := slices.IndexFunc(l.People(), func(o access.Person) bool { return o.ID == id })
	return i >= 0 && (shownName(user, l.People()[i].Name) == "" || l.People()[i].Name == p.Name)
}

// maker is the entry of the user whom a controller gave a code, at any lock. The caller holds the lock of the books.
func (h *House) maker(code string) *entry {
	for _, b := range h.books {
		if b.table == nil {
			continue
		}
		if m, ok := b.table.codes()[code]; ok && b.table.Users[m.user].Made {
			return b.table.Users[m.user]
		}
	}
	return nil
}

// RemovePIN implements doorlock.PINs.
func (b *book) RemovePIN(user, credential uint16) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	l, t, err := b.open()
	if err != nil {
		return err
	}
	e := t.Users[user]
	if e == nil || e.PINs[credential] == nil {
		return nil
	}
	if !e.Made {
		return errOwner
	}
	if err := b.withdraw(l, e.PINs[credential].Code); err != nil {
		return err
	}
	delete(e.PINs, credential)
	return b.keep(t)
}
