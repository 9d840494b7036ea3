package doorlock

import (
	"fmt"
	"maps"
	"slices"

	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// Status codes of the cluster's own (section 5.2.6.18), and the general ones that its responses carry.
const (
	statusSuccess   = uint8(model.Success)
	statusFailure   = uint8(model.Failure)
	statusDuplicate = 2
	statusOccupied  = 3
	statusInvalid   = uint8(model.InvalidCommand)
	statusExhausted = uint8(model.ResourceExhausted)
	statusNotFound  = uint8(model.NotFound)
)

// What a controller does to data (section 5.2.6.12).
const (
	dataAdd    = 0
	dataClear  = 1
	dataModify = 2
)

// Kinds of data that change (section 5.2.6.13).
const (
	kindUser    = 2
	kindWeekDay = 3
	kindYearDay = 4
	kindHoliday = 5
	kindPIN     = 6
)

const (
	allUsers    = 0xFFFE // also of credentials
	mostName    = 10
	singleRule  = 0
	singleRules = 1 // CredentialRulesSupport: single
)

// edit is a command on users, credentials or schedules.
func (l *Lock) edit(c *model.Caller, id uint32, f *tlv.Fields) ([]byte, error) {
	l.editing.Lock()
	defer l.editing.Unlock()
	switch id {
	case commandSetUser:
		return nil, l.setUser(c, f)
	case commandGetUser:
		return l.getUser(f)
	case commandClearUser:
		return nil, l.clearUser(c, f)
	case commandSetCredential:
		return l.setCredential(c, f)
	case commandCredentialStatus:
		return l.credentialStatus(f)
	case commandClearCredential:
		return nil, l.clearCredential(c, f)
	case commandSetWeekDay:
		return nil, l.setWeekDay(c, f)
	case commandGetWeekDay:
		return l.getWeekDay(f)
	case commandClearWeekDay:
		return nil, l.clearWeekDay(c, f)
	case commandSetYearDay:
		return nil, l.setYearDay(c, f)
	case commandGetYearDay:
		return l.getYearDay(f)
	case commandClearYearDay:
		return nil, l.clearYearDay(c, f)
	case commandSetHoliday:
		return nil, l.setHoliday(c, f)
	case commandGetHoliday:
		return l.getHoliday(f)
	case commandClearHoliday:
		return nil, l.clearHoliday(c, f)
	}
	return nil, model.UnsupportedCommand
}

// nullable returns a member that is there and may be null.
func nullable(f *tlv.Fields, n uint8, max uint64) (v uint64, given bool) {
	if f.Element(n).IsNull() {
		return 0, false
	}
	return f.UintMax(n, max), f.Err() == nil
}

// setUser makes or changes a user (section 5.2.10.34).
func (l *Lock) setUser(c *model.Caller, f *tlv.Fields) error {
	operation, index := f.Uint8(0), f.Uint16(1)
	var name string
	named := !f.Element(2).IsNull()
	if named {
		name = f.Text(2, mostName)
	}
	unique, hasUnique := nullable(f, 3, 0xFFFFFFFF)
	status, hasStatus := nullable(f, 4, 0xFF)
	kind, hasKind := nullable(f, 5, 0xFF)
	rule, _ := nullable(f, 6, 0xFF)
	if err := f.Err(); err != nil {
		return err
	}
	if operation != dataAdd && operation != dataModify || !l.isUser(index) || rule != singleRule ||
		hasStatus && UserStatus(status) != UserEnabled && UserStatus(status) != UserDisabled || hasKind && !UserType(kind).known() {
		return model.InvalidCommand
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return err
	}
	u, there := users[index]
	switch {
	case operation == dataAdd && there:
		return &model.ClusterStatus{Status: model.Failure, Code: statusOccupied}
	case operation == dataAdd:
		u = User{UniqueID: NoUniqueID, Status: UserEnabled, Creator: c.Fabric}
	case !there:
		return model.InvalidCommand
	case (named || hasUnique) && u.Creator != c.Fabric:
		return model.InvalidCommand // only who made a user names it
	}
	u.Modifier = c.Fabric
	if named {
		u.Name = name
	}
	if hasUnique {
		u.UniqueID = uint32(unique)
	}
	if hasStatus {
		u.Status = UserStatus(status)
	}
	if hasKind {
		u.Type = UserType(kind)
	}
	if err := l.c.Book.SaveUser(index, u); err != nil {
		return status0(err)
	}
	l.changed(c, kindUser, operation, index, index)
	return nil
}

// status0 is the status of a command that is answered with nothing else.
func status0(err error) error {
	if code, _, own := model.Code(err); err == nil || own || code != model.Failure {
		return err
	}
	if code := codeOf(err); code != statusFailure {
		return fmt.Errorf("%w: %w", model.Status(code), err)
	}
	return err
}

func (l *Lock) isUser(index uint16) bool { return index >= 1 && index <= l.c.Limits.Users }

// getUser tells what there is to tell of a user (section 5.2.10.35).
func (l *Lock) getUser(f *tlv.Fields) ([]byte, error) {
	index := f.Uint16(0)
	if err := f.Err(); err != nil {
		return nil, err
	}
	if !l.isUser(index) {
		return nil, model.InvalidCommand
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return nil, err
	}
	u, there := users[index]
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(index))
		if there {
			u.write(w)
		} else {
			for n := uint8(1); n <= 8; n++ {
				w.Null(tlv.Context(n))
			}
		}
		orNull(w, 9, uint64(following(users, index)))
	}), nil
}

func (u *User) write(w *tlv.Writer) {
	w.Text(tlv.Context(1), u.Name)
	w.Uint(tlv.Context(2), uint64(u.UniqueID))
	w.Uint(tlv.Context(3), uint64(u.Status))
	w.Uint(tlv.Context(4), uint64(u.Type))
	w.Uint(tlv.Context(5), singleRule)
	w.Array(tlv.Context(6))
	for _, c := range u.Credentials {
		writePIN(w, tlv.Anonymous(), c.Index)
	}
	w.End()
	orNull(w, 7, uint64(u.Creator))
	orNull(w, 8, uint64(u.Modifier))
}

// writePIN writes which credential it is (section 5.2.6.28).
func writePIN(w *tlv.Writer, tag tlv.Tag, index uint16) {
	w.Struct(tag)
	w.Uint(tlv.Context(0), credentialPIN)
	w.Uint(tlv.Context(1), uint64(index))
	w.End()
}

// orNull writes a number, or null for 0.
func orNull(w *tlv.Writer, n uint8, v uint64) {
	if v == 0 {
		w.Null(tlv.Context(n))
		return
	}
	w.Uint(tlv.Context(n), v)
}

// following is the next index above one that is taken; 0 for none.
func following[V any](taken map[uint16]V, index uint16) uint16 {
	for _, i := range slices.Sorted(maps.Keys(taken)) {
		if i > index {
			return i
		}
	}
	return 0
}

// clearUser removes a user, or all (section 5.2.10.37).
func (l *Lock) clearUser(c *model.Caller, f *tlv.Fields) error {
	index := f.Uint16(0)
	if err := f.Err(); err != nil {
		return err
	}
	if !l.isUser(index) && index != allUsers {
		return model.InvalidCommand
	}
	users, err := l.c.Book.Users()
	if err != nil {
		return err
	}
	var first error
	cleared := false
	for _, i := range slices.Sorted(maps.Keys(users)) {
		if i != index && index != allUsers {
			continue
		}
		if err := l.c.Book.RemoveUser(i); err != nil {
			first = cmpErr(first, err)
			continue
		}
		cleared = true
		if index != allUsers {
			l.changed(c, kindUser, dataClear, i, i)
		}
	}
	if cleared && index == allUsers {
		l.changed(c, kindUser, dataClear, 0, allUsers)
	}
	return status0(first)
}

// cmpErr keeps the first of two errors.
func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// changed tells that users, credentials or schedules have changed (section 5.2.11.5).
func (l *Lock) changed(c *model.Caller, kind, operation uint8, user, index uint16) {
	l.UserChanged(Change{kind: kind, operation: operation, who: Who{Source: SourceRemote, User: user, Fabric: c.Fabric, Node: c.Node}, index: index})
}

// Change is what happened to a user.
type Change struct {
	kind, operation uint8
	who             Who
	index           uint16
}

// UserCame and UserWent are changes by somebody who is no controller of the node.
func UserCame(user uint16) Change {
	return Change{kind: kindUser, operation: dataAdd, who: Who{Source: SourceProprietary, User: user}, index: user}
}

// UserWent is the reverse of UserCame.
func UserWent(user uint16) Change {
	return Change{kind: kindUser, operation: dataClear, who: Who{Source: SourceProprietary, User: user}, index: user}
}

// UserChanged tells of a change.
func (l *Lock) UserChanged(c Change) {
	l.Emit(eventUserChange, 0, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), uint64(c.kind))
		w.Uint(tlv.Context(1), uint64(c.operation))
		w.Uint(tlv.Context(2), uint64(c.who.Source))
		c.who.write(w, 3)
		orNull(w, 6, uint64(c.index))
	})
}
