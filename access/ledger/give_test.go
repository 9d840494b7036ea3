package ledger_test

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
)

// A code that is given to somebody keeps its id and digits, is theirs over a restart, and goes with them.
func TestACodeIsGiven(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "reserve", access.Guest)
	save(t, l, "gus", access.Guest)
	save(t, l, "anna", access.Owner)
	c := add(t, l, "reserve", "739154", access.Reserve())
	to := func(person string) error {
		next := c
		next.Person, next.Windows = person, []access.Window{stay(t, "2026-07-01T15:00", "2026-07-05T11:00")}
		return l.GiveCode(next)
	}
	if err := to("nobody"); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("to nobody: %v", err)
	}
	if err := to("anna"); !errors.Is(err, access.ErrCode) {
		t.Errorf("one with dates to an owner: %v", err)
	}
	if who, _ := l.Whose(c.ID); who.ID != "reserve" {
		t.Errorf("it is %s's", who.ID)
	}
	if err := to("gus"); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*ledger.Ledger{l, open(t, s)} {
		m, err := l.Find("home", pin("739154"))
		if err != nil || m.Person.ID != "gus" || m.Code.ID != c.ID {
			t.Errorf("%+v, %v", m, err)
		}
	}
	changed := c
	changed.Person = "reserve"
	if err := l.ChangeCode(changed); err != nil {
		t.Error(err)
	}
	if who, _ := l.Whose(c.ID); who.ID != "gus" {
		t.Errorf("a change gave it to %s", who.ID)
	}
	if err := l.RemovePerson("gus"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Find("home", pin("739154")); !errors.Is(err, ledger.ErrUnknown) {
		t.Errorf("%v", err)
	}
}
