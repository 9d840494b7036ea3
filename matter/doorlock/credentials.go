package doorlock

import (
	"errors"
	"maps"
	"slices"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// credentialPIN is the one type of credentials there is (section 5.2.6.26).
const credentialPIN = 1

// codeOf is the status of a change that a Book refused.
func codeOf(err error) uint8 {
	switch {
	case err == nil:
		return statusSuccess
	case errors.Is(err, ErrDuplicate):
		return statusDuplicate
	case errors.Is(err, ErrPIN):
		return statusInvalid
	case errors.Is(err, ErrFull):
		return statusExhausted
	}
	code, _, _ := model.Code(err)
	return uint8(code)
}

// credential reads which credential is meant; ok is false for one that this lock cannot have.
func (l *Lock) credential(f *tlv.Fields) (index uint16, ok bool) {
	kind, index := f.Uint8(0), f.Uint16(1)
	return index, kind == credentialPIN && (l.isUser(index) || index == allUsers)
}

// owners tells whose each credential is.
func owners(users map[uint16]User) map[uint16]uint16 {
	out := map[uint16]uint16{}
	for i, u := range users {
		for _, c := range u.Credentials {
			out[c.Index] = i
		}
	}
	return out
}

// setCredential gives a user a PIN, or another one (section 5.2.10.40).
func (l *Lock) setCredential(c *model.Caller, f *tlv.Fields) ([]byte, error) {
	operation := f.Uint8(0)
	which := f.Struct(1)
	index, ok := l.credential(which)
	pin := f.Octets(2, 0, mostPIN)
	defer clear(pin)
	user, hasUser := nullable(f, 3, 0xFFFF)
	status, hasStatus := nullable(f, 4, 0xFF)
	kind, hasKind := nullable(f, 5, 0xFF)
	if err := errors.Join(f.Err(), which.Err()); err != nil {
		return nil, err
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return nil, err
	}
	s := setting{operation: operation, index: index, pin: pin, user: uint16(user), users: users, owners: owners(users)}
	fresh := User{UniqueID: NoUniqueID, Status: UserEnabled, Creator: c.Fabric, Modifier: c.Fabric}
	if hasStatus {
		fresh.Status = UserStatus(status)
	}
	if hasKind {
		fresh.Type = UserType(kind)
	}
	code := statusInvalid
	if ok && index != allUsers && (!hasUser || l.isUser(s.user)) && (fresh.Status == UserEnabled || fresh.Status == UserDisabled) && fresh.Type.known() &&
		len(pin) >= int(l.c.Limits.MinPIN) && len(pin) <= int(l.c.Limits.MaxPIN) {
		code = l.set(c, &s, fresh)
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(code))
		made := uint64(0)
		if code == statusSuccess && operation == dataAdd && !hasUser {
			made = uint64(s.user)
		}
		orNull(w, 1, made)
		orNull(w, 2, uint64(l.free(s.owners, index)))
	}), nil
}

// setting is a SetCredential under way.
type setting struct {
	operation   uint8
	index, user uint16 // user 0: a new one, or that of the credential
	pin         []byte
	users       map[uint16]User
	owners      map[uint16]uint16
}

// set carries out a SetCredential and returns its status.
func (l *Lock) set(c *model.Caller, s *setting, fresh User) uint8 {
	owner, taken := s.owners[s.index]
	switch s.operation {
	case dataAdd:
		if taken {
			return statusOccupied
		}
		return l.addPIN(c, s, fresh)
	case dataModify:
		switch {
		case !taken:
			return statusInvalid
		case s.user != 0 && s.user != owner:
			return statusInvalid
		}
		if err := l.c.Book.SetPIN(owner, s.index, s.pin, c.Fabric); err != nil {
			return codeOf(err)
		}
		l.changed(c, kindPIN, dataModify, owner, s.index)
		return statusSuccess
	}
	return statusInvalid
}

// addPIN adds a PIN to a user, who is made for it where none is named.
func (l *Lock) addPIN(c *model.Caller, s *setting, fresh User) uint8 {
	made := s.user == 0
	if made {
		for s.user = 1; ; s.user++ {
			if s.user > l.c.Limits.Users {
				return statusExhausted
			}
			if _, there := s.users[s.user]; !there {
				break
			}
		}
		if err := l.c.Book.SaveUser(s.user, fresh); err != nil {
			return codeOf(err)
		}
	}
	u, there := s.users[s.user]
	switch {
	case !there && !made:
		return statusInvalid
	case len(u.Credentials) >= int(l.c.Limits.PerUser):
		return statusExhausted
	}
	if err := l.c.Book.SetPIN(s.user, s.index, s.pin, c.Fabric); err != nil {
		if made {
			_ = l.c.Book.RemoveUser(s.user) // without a PIN it would stay a user whom nobody asked for
		}
		return codeOf(err)
	}
	s.owners[s.index] = s.user
	if made {
		l.changed(c, kindUser, dataAdd, s.user, s.user)
	}
	l.changed(c, kindPIN, dataAdd, s.user, s.index)
	return statusSuccess
}

// free is the next credential index above one that nobody has; 0 for none.
func (l *Lock) free(taken map[uint16]uint16, index uint16) uint16 {
	for i := uint32(index) + 1; i <= uint32(l.c.Limits.Users); i++ {
		if _, ok := taken[uint16(i)]; !ok {
			return uint16(i)
		}
	}
	return 0
}

// credentialStatus tells whether there is a credential and whose it is, never what it is (section 5.2.10.42).
func (l *Lock) credentialStatus(f *tlv.Fields) ([]byte, error) {
	which := f.Struct(0)
	index, ok := l.credential(which)
	if err := errors.Join(f.Err(), which.Err()); err != nil {
		return nil, err
	}
	if !ok || index == allUsers {
		return nil, model.InvalidCommand
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return nil, err
	}
	all := owners(users)
	owner, there := all[index]
	var found Credential
	for _, c := range users[owner].Credentials {
		if c.Index == index {
			found = c
		}
	}
	return model.Structure(func(w *tlv.Writer) {
		w.Bool(tlv.Context(0), there)
		orNull(w, 1, uint64(owner))
		orNull(w, 2, uint64(found.Creator))
		orNull(w, 3, uint64(found.Modifier))
		orNull(w, 4, uint64(following(all, index)))
	}), nil
}

// clearCredential removes a PIN, or all; who has none left goes too (section 5.2.10.44).
func (l *Lock) clearCredential(c *model.Caller, f *tlv.Fields) error {
	index := uint16(allUsers)
	if !f.Element(0).IsNull() {
		which := f.Struct(0)
		var ok bool
		index, ok = l.credential(which)
		if err := errors.Join(f.Err(), which.Err()); err != nil {
			return err
		}
		if !ok {
			return model.InvalidCommand
		}
	}
	if err := f.Err(); err != nil {
		return err
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return err
	}
	var first error
	for _, i := range slices.Sorted(maps.Keys(users)) {
		first = cmpErr(first, l.clearOf(c, i, users[i], index))
	}
	return status0(first)
}

// clearOf removes a PIN of a user, or all.
func (l *Lock) clearOf(c *model.Caller, i uint16, u User, index uint16) error {
	left := len(u.Credentials)
	for _, credential := range u.Credentials {
		if credential.Index != index && index != allUsers {
			continue
		}
		if err := l.c.Book.RemovePIN(i, credential.Index); err != nil {
			return err
		}
		left--
		l.changed(c, kindPIN, dataClear, i, credential.Index)
	}
	if left > 0 || left == len(u.Credentials) {
		return nil
	}
	if err := l.c.Book.RemoveUser(i); err != nil {
		return err
	}
	l.changed(c, kindUser, dataClear, i, i)
	return nil
}
