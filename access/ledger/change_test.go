package ledger_test

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
)

// Whoever is removed while somebody renames them stays removed.
func TestNobodyIsRenamedBack(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "gus", access.Guest)
	rename := func(p *access.Person) { p.ID, p.Name = "another", "Gus" }
	if p, err := l.ChangePerson("gus", rename); err != nil || p.ID != "gus" || p.Name != "Gus" || p.Kind != access.Guest {
		t.Errorf("%+v, %v", p, err)
	}
	if p, err := l.ChangePerson("gus", func(p *access.Person) { p.Name = "" }); err == nil {
		t.Errorf("a person without a name: %+v", p)
	}
	if err := l.RemovePerson("gus"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.ChangePerson("gus", rename); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("renamed after removal: %v", err)
	}
	if n := len(l.People()) + len(open(t, s).People()); n != 0 {
		t.Errorf("%d people", n)
	}
}
