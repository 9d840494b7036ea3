package doorlock

import (
	"context"
	"errors"
	"testing"

	"github.com/loquet/loquet/matter/cluster"
	"github.com/loquet/loquet/matter/conformance"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// shelf is a Book in memory, and a Bolt that notes what it is asked for.
type shelf struct {
	users    map[uint16]User
	pins     map[string]uint16
	holidays map[uint8]Holiday
	orders   []Operation
	last     []byte // of an order, as the cluster lent it
	fail     error
}

func (s *shelf) Users() (map[uint16]User, error) {
	out := map[uint16]User{}
	for i, u := range s.users {
		out[i] = u
	}
	return out, s.fail
}

func (s *shelf) SaveUser(i uint16, u User) error {
	u.Credentials = s.users[i].Credentials
	s.users[i] = u
	return nil
}

func (s *shelf) RemoveUser(i uint16) error { delete(s.users, i); return nil }

func (s *shelf) SetPIN(user, credential uint16, pin []byte, fabric uint8) error {
	if _, taken := s.pins[string(pin)]; taken {
		return ErrDuplicate
	}
	if string(pin) == "0000" {
		return ErrPIN
	}
	s.pins[string(pin)] = credential
	u := s.users[user]
	u.Credentials = append(u.Credentials, Credential{Index: credential, Creator: fabric, Modifier: fabric})
	s.users[user] = u
	return nil
}

func (s *shelf) RemovePIN(user, credential uint16) error {
	u := s.users[user]
	u.Credentials = nil
	s.users[user] = u
	return nil
}

func (s *shelf) Holiday(i uint8) (Holiday, bool)                    { h, ok := s.holidays[i]; return h, ok }
func (s *shelf) SaveHoliday(i uint8, h Holiday) error               { s.holidays[i] = h; return nil }
func (s *shelf) RemoveHoliday(i uint8) error                        { delete(s.holidays, i); return nil }
func (s *shelf) SetMode(context.Context, *model.Caller, Mode) error { return nil }
func (s *shelf) RequirePIN(context.Context, *model.Caller, bool) error {
	return nil
}

func (s *shelf) Operate(_ context.Context, _ *model.Caller, o Order) error {
	s.orders, s.last = append(s.orders, o.Operation), o.PIN
	return s.fail
}

func newShelf() *shelf {
	return &shelf{users: map[uint16]User{}, pins: map[string]uint16{}, holidays: map[uint8]Holiday{}}
}

func small() Limits {
	return Limits{Users: 3, PerUser: 1, WeekDays: 2, YearDays: 2, Holidays: 2, MinPIN: 4, MaxPIN: 8, WrongCodes: 5, DisabledTime: 60}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEveryKindOfLockConforms(t *testing.T) {
	node := model.NewNode(model.Config{})
	root, err := model.NewEndpoint(model.EndpointConfig{DeviceTypes: []model.DeviceType{{ID: 0x0A, Revision: 4}},
		Clusters: []model.Cluster{New(Config{Bolt: newShelf()}), cluster.NewIdentify(cluster.IdentifyActuator, nil)}})
	must(t, err)
	must(t, node.Add(root))
	for i := range uint16(8) {
		c := Config{Bolt: newShelf(), Unbolts: i&1 != 0, Senses: i&2 != 0, State: State{Lock: Unknown, Door: DoorUnknown}}
		if i&4 != 0 {
			c.Book, c.Limits = newShelf(), small()
		}
		e, err := model.NewEndpoint(model.EndpointConfig{ID: i + 1, DeviceTypes: []model.DeviceType{{ID: 0x0A, Revision: 4}},
			Clusters: []model.Cluster{New(c), cluster.NewIdentify(cluster.IdentifyActuator, nil)}})
		must(t, err)
		must(t, node.Add(e))
	}
	found, err := conformance.Check(node, conformance.Options{})
	must(t, err)
	for _, f := range found {
		t.Error(f)
	}
}

// numbers are fields in the order of their tags.
func numbers(v ...uint64) []byte {
	return model.Structure(func(w *tlv.Writer) {
		for i, n := range v {
			w.Uint(tlv.Context(uint8(i)), n)
		}
	})
}

func (l *Lock) send(t testing.TB, command uint32, fields []byte) (*tlv.Fields, error) {
	t.Helper()
	e, err := tlv.Decode(fields)
	must(t, err)
	answer, err := l.Invoke(t.Context(), &model.Caller{Auth: model.CASE, Fabric: 1, Node: 7}, command, e)
	if err != nil || answer == nil {
		return nil, err
	}
	e, err = tlv.Decode(answer)
	must(t, err)
	return tlv.OpenStruct(e), nil
}

func TestStatusesOfSchedules(t *testing.T) {
	s := newShelf()
	l := New(Config{Bolt: s, Book: s, Limits: small()})
	s.users[1] = User{Status: UserEnabled}
	for _, tt := range []struct {
		name    string
		command uint32
		fields  []byte
		want    error
	}{
		{"week day", commandSetWeekDay, numbers(1, 1, 0x7F, 8, 0, 9, 30), nil},
		{"week day, index 0", commandSetWeekDay, numbers(0, 1, 1, 8, 0, 9, 0), model.InvalidCommand},
		{"week day, index too high", commandSetWeekDay, numbers(3, 1, 1, 8, 0, 9, 0), model.InvalidCommand},
		{"week day, no user", commandSetWeekDay, numbers(1, 2, 1, 8, 0, 9, 0), model.Failure},
		{"week day, user too high", commandSetWeekDay, numbers(1, 4, 1, 8, 0, 9, 0), model.InvalidCommand},
		{"week day, no day", commandSetWeekDay, numbers(1, 1, 0, 8, 0, 9, 0), model.InvalidCommand},
		{"week day, hour 24", commandSetWeekDay, numbers(1, 1, 1, 8, 0, 24, 0), model.InvalidCommand},
		{"week day, minute 60", commandSetWeekDay, numbers(1, 1, 1, 8, 60, 9, 0), model.InvalidCommand},
		{"week day, a field missing", commandSetWeekDay, numbers(1, 1, 1, 8, 0, 9), tlv.ErrMissing},
		{"year day", commandSetYearDay, numbers(2, 1, 100, 200), nil},
		{"year day, backwards", commandSetYearDay, numbers(1, 1, 200, 200), model.InvalidCommand},
		{"year day, no user", commandSetYearDay, numbers(1, 3, 100, 200), model.Failure},
		{"holiday", commandSetHoliday, numbers(1, 100, 200, 0), nil},
		{"holiday, backwards", commandSetHoliday, numbers(1, 200, 100, 0), model.InvalidCommand},
		{"holiday, index too high", commandSetHoliday, numbers(3, 100, 200, 0), model.InvalidCommand},
		{"holiday, privacy", commandSetHoliday, numbers(1, 100, 200, 2), model.InvalidCommand},
		{"clear week days", commandClearWeekDay, numbers(allSchedules, 1), nil},
		{"clear year day, no user", commandClearYearDay, numbers(1, 2), model.Failure},
		{"clear holiday 0", commandClearHoliday, numbers(0), model.InvalidCommand},
	} {
		if _, err := l.send(t, tt.command, tt.fields); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, tt := range []struct {
		name    string
		command uint32
		fields  []byte
		status  uint8 // in field 2, or 1 of a holiday
	}{
		{"cleared", commandGetWeekDay, numbers(1, 1), statusNotFound},
		{"there", commandGetYearDay, numbers(2, 1), statusSuccess},
		{"no user", commandGetYearDay, numbers(2, 2), statusNotFound},
		{"index too high", commandGetYearDay, numbers(3, 1), statusInvalid},
		{"holiday", commandGetHoliday, numbers(1), statusSuccess},
		{"no holiday", commandGetHoliday, numbers(2), statusNotFound},
		{"holiday too high", commandGetHoliday, numbers(9), statusInvalid},
	} {
		f, err := l.send(t, tt.command, tt.fields)
		must(t, err)
		n := uint8(2)
		if tt.command == commandGetHoliday {
			n = 1
		}
		if got := f.Uint8(n); got != tt.status {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.status)
		}
	}
}

func credentialFields(operation, kind, index uint64, pin string, user int) []byte {
	return model.Structure(func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), operation)
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), kind)
		w.Uint(tlv.Context(1), index)
		w.End()
		w.Octets(tlv.Context(2), []byte(pin))
		if user < 0 {
			w.Null(tlv.Context(3))
		} else {
			w.Uint(tlv.Context(3), uint64(user))
		}
		w.Null(tlv.Context(4))
		w.Null(tlv.Context(5))
	})
}

func TestStatusesOfCredentials(t *testing.T) {
	s := newShelf()
	l := New(Config{Bolt: s, Book: s, Limits: small()})
	for _, tt := range []struct {
		name   string
		fields []byte
		want   uint8
	}{
		{"for a new user", credentialFields(0, 1, 1, "1234", -1), statusSuccess},
		{"a user has room for one", credentialFields(0, 1, 2, "2345", 1), statusExhausted},
		{"a fingerprint", credentialFields(0, 3, 2, "2345", -1), statusInvalid},
		{"all of them", credentialFields(0, 1, allUsers, "2345", -1), statusInvalid},
		{"a user too high", credentialFields(0, 1, 2, "2345", 9), statusInvalid},
		{"refused", credentialFields(0, 1, 2, "0000", -1), statusInvalid},
		{"taken", credentialFields(0, 1, 2, "1234", -1), statusDuplicate},
		{"second", credentialFields(0, 1, 2, "2345", -1), statusSuccess},
		{"third", credentialFields(0, 1, 3, "3456", -1), statusSuccess},
	} {
		f, err := l.send(t, commandSetCredential, tt.fields)
		must(t, err)
		if got := f.Uint8(0); got != tt.want {
			t.Errorf("%s: %#x, want %#x", tt.name, got, tt.want)
		}
	}
	if len(s.users) != 3 {
		t.Errorf("a user stays whose PIN was refused: %v", s.users)
	}
	if _, err := l.send(t, commandClearCredential, model.Structure(func(w *tlv.Writer) { w.Null(tlv.Context(0)) })); err != nil || len(s.users) != 0 {
		t.Errorf("clear all: %v, %v", err, s.users)
	}
}

func TestAPINIsForgottenAfterTheCommand(t *testing.T) {
	s := newShelf()
	l := New(Config{Bolt: s, Unbolts: true})
	pin := model.Structure(func(w *tlv.Writer) { w.Octets(tlv.Context(0), []byte("583917")) })
	for _, command := range []uint32{commandLock, commandUnlock, commandUnbolt} {
		if _, err := l.send(t, command, pin); err != nil || string(s.last) != "\x00\x00\x00\x00\x00\x00" {
			t.Errorf("command %#x: %v, %q is left", command, err, s.last)
		}
	}
	if len(s.orders) != 3 || s.orders[0] != OperationLock || s.orders[1] != OperationUnlock || s.orders[2] != OperationUnlock {
		t.Errorf("orders %v", s.orders)
	}
}

func TestWhoMayNotEditReads(t *testing.T) {
	s := newShelf()
	l := New(Config{Bolt: s, Book: s, Limits: small(), MayEdit: func(*model.Caller) error { return model.UnsupportedAccess }})
	if _, err := l.send(t, commandClearUser, numbers(allUsers)); !errors.Is(err, model.UnsupportedAccess) {
		t.Errorf("clear: %v", err)
	}
	if _, err := l.send(t, commandGetUser, numbers(1)); err != nil {
		t.Errorf("get: %v", err)
	}
	s.fail = model.Failure
	for command, fields := range map[uint32][]byte{commandGetUser: numbers(1), commandGetWeekDay: numbers(1, 1)} {
		if _, err := l.send(t, command, fields); !errors.Is(err, model.Failure) {
			t.Errorf("%#x of a book that cannot be read: %v", command, err)
		}
	}
}
