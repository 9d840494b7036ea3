package ledger_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/access/seal"
	"github.com/loquet/loquet/device"
)

// space is a storage in memory whose rows can be damaged.
type space struct {
	rows map[string][]byte
	bad  map[string]bool
	fail error
}

var errBad = errors.New("the row is damaged")

func newSpace() *space { return &space{rows: map[string][]byte{}, bad: map[string]bool{}} }

func (s *space) Get(key string) ([]byte, bool, error) {
	if s.bad[key] {
		return nil, false, errBad
	}
	v, ok := s.rows[key]
	return v, ok, nil
}

func (s *space) List(prefix string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for k, v := range s.rows {
		if strings.HasPrefix(k, prefix) {
			if s.bad[k] {
				return nil, errBad
			}
			out[k] = v
		}
	}
	return out, nil
}

func (s *space) Apply(changes map[string][]byte) error {
	if s.fail != nil {
		return s.fail
	}
	for k, v := range changes {
		if v == nil {
			delete(s.rows, k)
		} else {
			s.rows[k] = v
		}
	}
	return nil
}

type fixed access.Moment

func (f fixed) Moment() access.Moment { return access.Moment(f) }

var today = fixed{Now: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Trust: access.Trusted, Floor: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)}

func key(t testing.TB, fill byte) *seal.Sealer {
	s, err := seal.New(bytes.Repeat([]byte{fill}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t testing.TB, s *space) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(s, key(t, 1), today, 1)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func pin(k device.Keys) seal.Secret { return seal.Secret{Keys: k} }

func add(t testing.TB, l *ledger.Ledger, person string, k device.Keys, windows ...access.Window) access.Code {
	t.Helper()
	if windows == nil {
		windows = []access.Window{{Kind: access.Always}}
	}
	c, err := l.AddCode(access.Code{Person: person, Windows: windows}, "home", pin(k))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func save(t testing.TB, l *ledger.Ledger, id string, kind access.PersonKind) {
	t.Helper()
	if _, err := l.SavePerson(access.Person{ID: id, Name: "The " + string(kind), Kind: kind}); err != nil {
		t.Fatal(err)
	}
}

func stay(t testing.TB, from, to string) access.Window {
	t.Helper()
	w := access.Window{}
	if err := json.Unmarshal(fmt.Appendf(nil, `{"kind":"dates","from":%q,"to":%q,"zone":"Europe/Paris"}`, from, to), &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWhatIsKept(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "anna", access.Owner)
	save(t, l, "gus", access.Guest)
	c1 := add(t, l, "anna", "739154")
	c2 := add(t, l, "gus", "402871", stay(t, "2026-07-01T15:00", "2026-07-05T11:00"))
	card := seal.Secret{Card: &device.Card{Bits: 26, Data: []byte{1, 2, 3, 0x40}}}
	c3, err := l.AddCode(access.Code{Person: "gus", Windows: c2.Windows, Doors: []string{"studio"}}, "home", card)
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range s.rows {
		if bytes.Contains(v, []byte("739154")) || strings.Contains(k, "739154") || bytes.Contains(v, []byte(hex.EncodeToString([]byte("739154")))) {
			t.Errorf("%s holds the digits: %s", k, v)
		}
	}
	for name, l := range map[string]*ledger.Ledger{"at once": l, "after a restart": open(t, s)} {
		for _, c := range []struct {
			secret seal.Secret
			id     string
			person string
		}{{pin("739154"), c1.ID, "anna"}, {pin("402871"), c2.ID, "gus"}, {card, c3.ID, "gus"}} {
			m, err := l.Find("home", c.secret)
			if err != nil || m.Code.ID != c.id || m.Person.ID != c.person {
				t.Errorf("%s: %+v, %v", name, m, err)
			}
			if _, err := l.Find("other keypads", c.secret); !errors.Is(err, ledger.ErrUnknown) {
				t.Errorf("%s: found at other keypads: %v", name, err)
			}
			back, err := l.Reveal(c.id)
			if err != nil || back.Keys != c.secret.Keys {
				t.Errorf("%s: %v", name, err)
			}
		}
		if len(l.People()) != 2 || len(l.Codes()) != 3 || len(l.Damaged()) != 0 {
			t.Errorf("%s: %v, %v, %v", name, l.People(), l.Codes(), l.Damaged())
		}
		if d, err := l.Explain(c2.ID, "studio", access.Moment(today), access.Uses{}); err != nil || d.Reason != access.ReasonNotYet {
			t.Errorf("%+v, %v", d, err)
		}
	}
	c1.Revoked = true
	if err := l.ChangeCode(c1); err != nil {
		t.Fatal(err)
	}
	if m, err := open(t, s).Find("home", pin("739154")); err != nil || !m.Code.Revoked {
		t.Errorf("%+v, %v", m, err)
	}
	if err := l.RemovePerson("gus"); err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveCode(c1.ID); err != nil {
		t.Fatal(err)
	}
	if l := open(t, s); len(l.Codes()) != 0 || len(l.People()) != 1 || len(l.Damaged()) != 0 || len(s.rows) != 2 {
		t.Errorf("left: %v, %v", maps.Collect(maps.All(s.rows)), l.Damaged())
	}
}

func TestWhatIsRefused(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "anna", access.Owner)
	save(t, l, "gus", access.Guest)
	add(t, l, "anna", "739154")
	always := []access.Window{{Kind: access.Always}}
	for _, c := range []struct {
		name   string
		code   access.Code
		secret seal.Secret
		want   error
	}{
		{"taken", access.Code{Person: "gus", Windows: always}, pin("739154"), access.ErrTaken},
		{"begins as another", access.Code{Person: "gus", Windows: always}, pin("73915402"), access.ErrTaken},
		{"another begins as it", access.Code{Person: "gus", Windows: always}, pin("73915"), access.ErrTaken},
		{"trivial", access.Code{Person: "gus", Windows: always}, pin("123456"), access.ErrWeak},
		{"four digits beside six", access.Code{Person: "gus", Windows: always}, pin("4071"), access.ErrWeak},
		{"no window", access.Code{Person: "gus"}, pin("402871"), access.ErrCode},
		{"nobody", access.Code{Person: "none", Windows: always}, pin("402871"), ledger.ErrNobody},
		{"an owner with dates", access.Code{Person: "anna", Windows: []access.Window{stay(t, "2026-07-01T15:00", "2026-07-05T11:00")}}, pin("402871"), access.ErrCode},
		{"too much grace", access.Code{Person: "gus", Windows: always, Grace: 25 * time.Hour}, pin("402871"), access.ErrCode},
		{"no PIN", access.Code{Person: "gus", Windows: always}, pin("12"), access.ErrCode},
	} {
		_, err := l.AddCode(c.code, "home", c.secret)
		if !errors.Is(err, c.want) || len(c.secret.Keys) > 3 && strings.Contains(err.Error(), string(c.secret.Keys)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	gus := add(t, l, "gus", "402871", stay(t, "2026-07-01T15:00", "2026-07-05T11:00"))
	if _, err := l.SavePerson(access.Person{ID: "gus", Name: "Gus", Kind: access.Owner}); !errors.Is(err, access.ErrPerson) {
		t.Errorf("an owner with a code that has dates: %v", err)
	}
	s.fail = errors.New("disk full")
	gus.Revoked = true
	if err := l.ChangeCode(gus); !errors.Is(err, s.fail) || l.Codes()[0].Revoked || l.Codes()[1].Revoked {
		t.Errorf("changed although it is not on the disk: %v", err)
	}
	if _, err := l.AddCode(access.Code{Person: "gus", Windows: always}, "home", pin("528640")); !errors.Is(err, s.fail) {
		t.Error(err)
	}
	if _, err := l.Find("home", pin("528640")); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("a code that is not on the disk opens: %v", err)
	}
}

// 20 PINs of 4 digits are refused with the reason, whichever comes last; ended and revoked ones do not count.
func TestCrowdedKeypads(t *testing.T) {
	l := open(t, newSpace())
	save(t, l, "gus", access.Guest)
	old := stay(t, "2026-01-01T15:00", "2026-01-05T11:00")
	for _, k := range []device.Keys{"4071", "6183", "9264"} {
		add(t, l, "gus", k, old)
	}
	revoked := add(t, l, "gus", "5372")
	revoked.Revoked = true
	if err := l.ChangeCode(revoked); err != nil {
		t.Fatal(err)
	}
	add(t, l, "gus", "8046")
	_, err := l.AddCode(access.Code{Person: "gus", Windows: []access.Window{{Kind: access.Always}}}, "home", pin("739154"))
	if !errors.Is(err, access.ErrWeak) || !strings.Contains(err.Error(), "with 2 PINs, the shortest of 4 digits") {
		t.Error(err)
	}
	revoked.Revoked = false
	if err := l.ChangeCode(revoked); !errors.Is(err, access.ErrWeak) {
		t.Errorf("given back: %v", err)
	}
}

func TestGeneratedPINs(t *testing.T) {
	l := open(t, newSpace())
	save(t, l, "gus", access.Guest)
	for i := range 300 {
		k, err := l.GeneratePIN("home", 0)
		if err != nil || i < 50 && len(k) != 6 || i >= 50 && len(k) != 7 {
			t.Fatalf("%d: %d digits, %v", i, len(k), err)
		}
		if _, err := l.AddCode(access.Code{Person: "gus", Windows: []access.Window{{Kind: access.Always}}}, "home", pin(k)); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
}

func TestAnotherKey(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "gus", access.Guest)
	add(t, l, "gus", "739154")
	if _, err := ledger.Open(s, key(t, 2), today, 1); !errors.Is(err, ledger.ErrOtherKey) {
		t.Error(err)
	}
}

// Whatever happens to the rows, no code opens more than it did, no PIN that was taken is free, and what is
// whole still works.
func TestDamage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSpace()
		l := open(t, s)
		save(t, l, "anna", access.Owner)
		save(t, l, "gus", access.Guest)
		pins := map[device.Keys]access.Code{"739154": add(t, l, "anna", "739154"),
			"402871": add(t, l, "gus", "402871", stay(t, "2026-07-01T15:00", "2026-07-05T11:00")), "528640": add(t, l, "gus", "528640")}
		keys := slices.DeleteFunc(slices.Sorted(maps.Keys(s.rows)), func(k string) bool { return k == "mark" })
		hurt := rapid.SampledFrom(keys).Draw(rt, "row")
		unreadable := rapid.Bool().Draw(rt, "unreadable")
		if unreadable {
			s.bad[hurt] = true
		} else {
			v := bytes.Clone(s.rows[hurt])
			at := rapid.IntRange(0, len(v)-1).Draw(rt, "byte")
			if rapid.Bool().Draw(rt, "cut") {
				v = v[:at]
			} else {
				v[at] ^= byte(1 << rapid.IntRange(0, 7).Draw(rt, "bit"))
			}
			s.rows[hurt] = v
		}
		l = open(t, s)
		if unreadable && len(l.Damaged()) == 0 {
			rt.Fatal("nobody is told")
		}
		for k, c := range pins {
			m, err := l.Find("home", pin(k))
			mine := strings.Contains(hurt, c.ID) || strings.Contains(hurt, c.Person) || strings.HasPrefix(hurt, "tag/")
			if err != nil && !mine {
				rt.Fatalf("%s is hurt, and code of %s does not work: %v", hurt, c.Person, err)
			}
			if err == nil && m.Code.ID != c.ID {
				rt.Fatalf("%s opens as another code", c.ID)
			}
			if _, err := l.AddCode(access.Code{Person: "gus", Windows: []access.Window{{Kind: access.Always}}}, "home", pin(k)); err == nil {
				rt.Fatalf("%s is hurt, and its PIN is free", hurt)
			}
		}
		if _, err := l.Find("home", pin("917362")); !errors.Is(err, ledger.ErrUnknown) {
			rt.Fatalf("a guess is not counted: %v", err)
		}
	})
}

// No record gives a person a code that was not sealed for it.
func FuzzRecords(f *testing.F) {
	s := newSpace()
	l := open(f, s)
	save(f, l, "gus", access.Guest)
	c := add(f, l, "gus", "739154")
	f.Add("code/"+c.ID, s.rows["code/"+c.ID])
	f.Add("person/gus", s.rows["person/gus"])
	f.Add("tag/00", []byte("x"))
	f.Add("code/other", s.rows["code/"+c.ID])
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		hurt := newSpace()
		maps.Copy(hurt.rows, s.rows)
		hurt.rows[key] = value
		l, err := ledger.Open(hurt, keyOf(), today, 1)
		if err != nil {
			return
		}
		for _, k := range []device.Keys{"402871", "000000", "917362"} {
			if m, err := l.Find("home", pin(k)); err == nil {
				t.Fatalf("%s found %+v", key, m)
			}
		}
		if m, err := l.Find("home", pin("739154")); err == nil && (m.Code.ID != c.ID || m.Person.ID != "gus") {
			t.Fatalf("%+v", m)
		}
	})
}

func keyOf() *seal.Sealer {
	s, err := seal.New(bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		return nil
	}
	return s
}
