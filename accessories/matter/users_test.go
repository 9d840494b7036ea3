package matter

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/matter/doorlock"
	"github.com/loquet/loquet/matter/model"
	"github.com/loquet/loquet/matter/tlv"
)

// noon is a Wednesday that everybody can rely on.
type noon struct{}

func (noon) Moment() access.Moment {
	at := time.Date(2026, 7, 1, 12, 0, 0, 0, paris())
	return access.Moment{Now: at, Trust: access.Trusted, Floor: at.Add(-time.Hour)}
}

func paris() *time.Location {
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		return time.UTC
	}
	return zone
}

// peopled is a home whose locks "front" and "back" have users.
type peopled struct {
	*home
	people  *memory
	ledger  *ledger.Ledger
	notices []Notice
	c       *guest
}

func newPeopled(t *testing.T) *peopled {
	t.Helper()
	h := &peopled{home: newHome(t, nil), people: newMemory()}
	h.ledger = openLedger(t, h.people)
	for _, id := range []string{"front", "back"} {
		h.lock(id, func(i *Item) { i.LockFace.Codes = true })
		h.Bolts[id].Put(device.BoltSecured)
		h.Bolts[id].Door(device.No)
	}
	h.Await("first readings", func() bool {
		return h.items[0].Lock.State().Bolt == device.BoltSecured && h.items[1].Lock.State().Bolt == device.BoltSecured
	})
	h.open(func(c *Config) {
		c.Register = &Register{Ledger: func() (Ledger, error) { return h.ledger, nil }, Group: "home", Clock: noon{}, Zone: paris, Notice: func(n Notice) {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.notices = append(h.notices, n)
		}}
	})
	h.c = h.controller()
	return h
}

func openLedger(t testing.TB, space *memory) *ledger.Ledger {
	t.Helper()
	sealer, err := seal.New(make([]byte, seal.KeySize))
	must(t, err)
	l, err := ledger.Open(space, sealer, noon{}, 1+Guesses)
	must(t, err)
	return l
}

func newLedger(t testing.TB) *ledger.Ledger { return openLedger(t, newMemory()) }

func (h *peopled) noticed(kind NoticeKind) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, one := range h.notices {
		if one.Kind == kind {
			n++
		}
	}
	return n
}

// null writes a number or, for a negative one, null.
func null(w *tlv.Writer, n uint8, v int64) {
	if v < 0 {
		w.Null(tlv.Context(n))
		return
	}
	w.Uint(tlv.Context(n), uint64(v))
}

// setUser sends SetUser; kind and status are null where negative.
func (h *peopled) setUser(lock string, operation uint64, index uint16, name string, status, kind int64) error {
	h.t.Helper()
	_, err := h.c.invoke(lock, doorlock.ID, 0x1A, true, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), operation)
		w.Uint(tlv.Context(1), uint64(index))
		if name == "" {
			w.Null(tlv.Context(2))
		} else {
			w.Text(tlv.Context(2), name)
		}
		w.Null(tlv.Context(3))
		null(w, 4, status)
		null(w, 5, kind)
		w.Null(tlv.Context(6))
	})
	return err
}

// answer is what SetCredential says.
type answer struct {
	status     uint8
	user, next uint64
}

// setPIN sends SetCredential; user is null where negative.
func (h *peopled) setPIN(lock string, operation uint64, index uint16, pin string, user int64) answer {
	h.t.Helper()
	f, err := h.c.invoke(lock, doorlock.ID, 0x22, true, func(w *tlv.Writer) {
		w.Uint(tlv.Context(0), operation)
		w.Struct(tlv.Context(1))
		w.Uint(tlv.Context(0), 1)
		w.Uint(tlv.Context(1), uint64(index))
		w.End()
		w.Octets(tlv.Context(2), []byte(pin))
		null(w, 3, user)
		w.Null(tlv.Context(4))
		w.Null(tlv.Context(5))
	})
	must(h.t, err)
	a := answer{status: f.Uint8(0)}
	a.user, a.next = orZero(f, 1), orZero(f, 2)
	must(h.t, f.Err())
	return a
}

func orZero(f *tlv.Fields, n uint8) uint64 {
	if f.Element(n).IsNull() {
		return 0
	}
	return f.Uint64(n)
}

func (h *peopled) clearPIN(lock string, index uint16) error {
	h.t.Helper()
	_, err := h.c.invoke(lock, doorlock.ID, 0x26, true, func(w *tlv.Writer) {
		w.Struct(tlv.Context(0))
		w.Uint(tlv.Context(0), 1)
		w.Uint(tlv.Context(1), uint64(index))
		w.End()
	})
	return err
}

func (h *peopled) clearUser(lock string, index uint16) error {
	h.t.Helper()
	_, err := h.c.invoke(lock, doorlock.ID, 0x1D, true, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(index)) })
	return err
}

// shownUser is what GetUser says.
type shownUser struct {
	there                   bool
	name                    string
	status, kind            uint8
	pins                    []uint64
	creator, modifier, next uint64
}

func (h *peopled) user(lock string, index uint16) shownUser {
	h.t.Helper()
	f, err := h.c.invoke(lock, doorlock.ID, 0x1B, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), uint64(index)) })
	must(h.t, err)
	u := shownUser{there: !f.Element(3).IsNull(), creator: orZero(f, 7), modifier: orZero(f, 8), next: orZero(f, 9)}
	if u.there {
		u.name, u.status, u.kind = f.Text(1, 10), f.Uint8(3), f.Uint8(4)
		for m := range f.Array(6).Members() {
			u.pins = append(u.pins, tlv.OpenStruct(m).Uint64(1))
		}
	}
	must(h.t, f.Err())
	return u
}

// unlock sends UnlockDoor with a PIN, or without one.
func (h *peopled) unlock(lock, pin string) error {
	h.t.Helper()
	_, err := h.c.invoke(lock, doorlock.ID, 1, true, func(w *tlv.Writer) {
		if pin != "" {
			w.Octets(tlv.Context(0), []byte(pin))
		}
	})
	return err
}

// codes are the codes that open a lock, in the ledger.
func (h *peopled) codes(lock string) (out []access.Code) {
	for _, c := range h.ledger.Codes() {
		if c.Reaches(lock) {
			out = append(out, c)
		}
	}
	return out
}

func TestAUserIsAPersonAndACredentialACode(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 3, "Anna", -1, -1))
	if a := h.setPIN("front", 0, 1, "583917", 3); a != (answer{next: 2}) {
		t.Fatalf("credential: %+v", a)
	}
	people, codes := h.ledger.People(), h.codes("front")
	if len(people) != 1 || people[0].Name != "Anna" || people[0].Kind != access.Resident || len(codes) != 1 || codes[0].Person != people[0].ID ||
		!slices.Equal(codes[0].Doors, []string{"front"}) || !codes[0].Permanent() {
		t.Fatalf("people %+v, codes %+v", people, codes)
	}
	if m, err := h.ledger.Find("home", seal.Secret{Keys: "583917"}); err != nil || m.Code.ID != codes[0].ID {
		t.Errorf("keypad finds %+v, %v", m, err)
	}
	if u := h.user("front", 3); !u.there || u.name != "Anna" || u.status != 1 || u.kind != 0 || !slices.Equal(u.pins, []uint64{1}) || u.creator != 1 || u.modifier != 1 {
		t.Errorf("user %+v", u)
	}
	if u := h.user("front", 1); u.there || u.next != 3 {
		t.Errorf("nobody: %+v", u)
	}
	if len(h.codes("back")) != 0 {
		t.Error("it opens the other lock")
	}
	must(t, h.unlock("front", "583917"))
	h.Await("unlocked", func() bool { return h.items[0].Lock.State().Bolt == device.BoltUnsecured })
	if c := h.items[0].Lock.State().Cause; c.Kind != device.CauseMatter || c.Place != codes[0].ID {
		t.Errorf("cause %+v", c)
	}
	must(t, h.clearPIN("front", 1))
	if u := h.user("front", 3); u.there || len(h.ledger.People()) != 0 || len(h.ledger.Codes()) != 0 {
		t.Errorf("who has no PIN left is gone: %+v, %v, %v", u, h.ledger.People(), h.ledger.Codes())
	}
}

func TestEveryRefusalOfUsersAndCredentials(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	for name, tt := range map[string]struct {
		err  error
		want error
	}{
		"occupied":         {h.setUser("front", 0, 1, "Ben", -1, -1), &model.ClusterStatus{Status: model.Failure, Code: 3}},
		"modify nobody":    {h.setUser("front", 2, 2, "Ben", -1, -1), model.InvalidCommand},
		"clear by set":     {h.setUser("front", 1, 1, "", -1, -1), model.InvalidCommand},
		"index 0":          {h.setUser("front", 0, 0, "Ben", -1, -1), model.InvalidCommand},
		"index too high":   {h.setUser("front", 0, 101, "Ben", -1, -1), model.InvalidCommand},
		"name too long":    {h.setUser("front", 0, 2, "Maximiliane", -1, -1), model.ConstraintError},
		"available":        {h.setUser("front", 0, 2, "Ben", 0, -1), model.InvalidCommand},
		"forced user":      {h.setUser("front", 0, 2, "Ben", -1, 5), model.InvalidCommand},
		"clear index 0":    {h.clearUser("front", 0), model.InvalidCommand},
		"clear nobody":     {h.clearUser("front", 9), nil},
		"clear nobody PIN": {h.clearPIN("front", 9), nil},
	} {
		var got *model.ClusterStatus
		if own := (*model.ClusterStatus)(nil); errors.As(tt.want, &own) {
			if !errors.As(tt.err, &got) || *got != *own {
				t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
			}
			continue
		}
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", name, tt.err, tt.want)
		}
	}
	if a := h.setPIN("front", 0, 1, "583917", 1); a.status != 0 {
		t.Fatalf("%+v", a)
	}
	for _, tt := range []struct {
		name      string
		operation uint64
		index     uint16
		pin       string
		user      int64
		want      answer
	}{
		{"occupied", 0, 1, "274861", 1, answer{status: 3, next: 2}},
		{"the same PIN", 0, 2, "583917", 1, answer{status: 2, next: 3}},
		{"begins as another", 0, 2, "5839174", 1, answer{status: 2, next: 3}},
		{"too short", 0, 2, "583", 1, answer{status: 0x85, next: 3}},
		{"too long", 0, 2, "58391734512", 1, answer{status: 0x85, next: 3}},
		{"too easy", 0, 2, "123456", 1, answer{status: 0x85, next: 3}},
		{"no digits", 0, 2, "abcdef", 1, answer{status: 0x85, next: 3}},
		{"nobody", 0, 2, "274861", 7, answer{status: 0x85, next: 3}},
		{"modify nothing", 2, 5, "274861", -1, answer{status: 0x85, next: 6}},
		{"modify another's", 2, 1, "274861", 2, answer{status: 0x85, next: 2}},
		{"index 0", 0, 0, "274861", 1, answer{status: 0x85, next: 2}},
		{"clear by set", 1, 1, "274861", 1, answer{status: 0x85, next: 2}},
		{"modify", 2, 1, "948263", -1, answer{next: 2}},
		{"for a new user", 0, 2, "274861", -1, answer{user: 2, next: 3}},
	} {
		if got := h.setPIN("front", tt.operation, tt.index, tt.pin, tt.user); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	if m, err := h.ledger.Find("home", seal.Secret{Keys: "583917"}); err == nil {
		t.Errorf("the old PIN still opens: %+v", m)
	}
}

func TestTheOwnersPeopleAreShownAndStayTheOwners(t *testing.T) {
	h := newPeopled(t)
	p, err := h.ledger.SavePerson(access.Person{Name: "Grandmother", Kind: access.Resident})
	must(t, err)
	c, err := h.ledger.AddCode(access.Code{Person: p.ID, Windows: []access.Window{{Kind: access.Always}}}, "home", seal.Secret{Keys: "760318"})
	must(t, err)
	h.PeopleChanged()
	if u := h.user("front", 1); u.name != "Grandmothe" || u.creator != 0 || !slices.Equal(u.pins, []uint64{1}) {
		t.Errorf("user %+v", u)
	}
	for name, err := range map[string]error{
		"clear":       h.clearUser("front", 1),
		"clear all":   h.clearUser("front", 0xFFFE),
		"clear PIN":   h.clearPIN("front", 1),
		"rename":      h.setUser("front", 2, 1, "Bob", -1, -1),
		"disable":     h.setUser("front", 2, 1, "", 3, -1),
		"another PIN": model.Status(h.setPIN("front", 2, 1, "274861", -1).status),
	} {
		if err == nil || errors.Is(err, model.Success) {
			t.Errorf("%s: done", name)
		}
	}
	if got := h.ledger.Codes(); len(got) != 1 || got[0].ID != c.ID || got[0].Revoked || h.ledger.People()[0].Name != "Grandmother" {
		t.Errorf("codes %+v", got)
	}
	must(t, h.unlock("back", "760318"))
	must(t, h.ledger.RemovePerson(p.ID))
	h.PeopleChanged()
	if u := h.user("front", 1); u.there {
		t.Errorf("still there: %+v", u)
	}
}

func TestOnePINForTwoLocks(t *testing.T) {
	h := newPeopled(t)
	for _, lock := range []string{"front", "back"} {
		must(t, h.setUser(lock, 0, 1, "Anna", -1, -1))
		if a := h.setPIN(lock, 0, 1, "583917", 1); a.status != 0 {
			t.Fatalf("%s: %+v", lock, a)
		}
	}
	codes := h.ledger.Codes()
	if len(codes) != 1 || !slices.Equal(codes[0].Doors, []string{"front", "back"}) || len(h.ledger.People()) != 1 {
		t.Fatalf("codes %+v, people %+v", codes, h.ledger.People())
	}
	must(t, h.setUser("back", 0, 2, "Ben", -1, -1))
	if a := h.setPIN("back", 0, 2, "583917", 2); a.status != 2 {
		t.Errorf("another person's: %+v", a)
	}
	must(t, h.clearUser("front", 1))
	if got := h.ledger.Codes(); len(got) != 1 || !slices.Equal(got[0].Doors, []string{"back"}) {
		t.Errorf("codes %+v", got)
	}
	must(t, h.clearUser("back", 0xFFFE))
	if len(h.ledger.Codes())+len(h.ledger.People()) != 0 {
		t.Errorf("left: %+v, %+v", h.ledger.Codes(), h.ledger.People())
	}
}

// What the owner does to a code that a controller made is what the controller sees from then on.
func TestAnOwnerChangesWhatAControllerMade(t *testing.T) {
	h := newPeopled(t)
	must(t, h.setUser("front", 0, 1, "Anna", -1, -1))
	h.setPIN("front", 0, 1, "583917", 1)
	change := func(do func(*access.Code)) {
		t.Helper()
		c := h.codes("front")[0]
		do(&c)
		must(t, h.ledger.ChangeCode(c))
	}
	if u := h.user("front", 1); u.status != 1 || u.kind != uint8(doorlock.Unrestricted) {
		t.Fatalf("%+v", u)
	}
	change(func(c *access.Code) {
		c.Windows = []access.Window{{Kind: access.Dates, From: access.WallTime{Year: 2026, Month: 7, Day: 1, Hour: 15}, To: access.WallTime{Year: 2026, Month: 7, Day: 5, Hour: 11}, Zone: "Europe/Paris"}}
	})
	if u := h.user("front", 1); u.status != 1 || u.kind != uint8(doorlock.YearDayUser) {
		t.Errorf("with dates %+v", u)
	}
	f, err := h.c.invoke("front", doorlock.ID, 0x0F, false, func(w *tlv.Writer) { w.Uint(tlv.Context(0), 1); w.Uint(tlv.Context(1), 1) })
	must(t, err)
	first := uint64(time.Date(2026, 7, 1, 15, 0, 0, 0, time.UTC).Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) / time.Second)
	if f.Uint8(2) != 0 || f.Uint64(3) != first {
		t.Errorf("its schedule: %d from %d, want from %d", f.Uint8(2), f.Uint64(3), first)
	}
	change(func(c *access.Code) { c.Revoked = true })
	if u := h.user("front", 1); u.status != uint8(doorlock.UserDisabled) {
		t.Errorf("taken back %+v", u)
	}
	change(func(c *access.Code) { c.Revoked, c.Windows = false, []access.Window{{Kind: access.Always}} })
	if u := h.user("front", 1); u.status != 1 || u.kind != uint8(doorlock.Unrestricted) {
		t.Errorf("given back %+v", u)
	}
	must(t, h.ledger.RemoveCode(h.codes("front")[0].ID))
	if u := h.user("front", 1); !u.there || len(u.pins) != 0 {
		t.Errorf("removed %+v", u)
	}
}
