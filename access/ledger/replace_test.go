package ledger_test

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/access/ledger"
	"github.com/loquet/loquet/device"
)

func opens(l *ledger.Ledger, k device.Keys) string {
	m, err := l.Find("home", pin(k))
	if err != nil {
		return ""
	}
	return m.Code.ID
}

// Another PIN in the place of one: the old one is gone exactly when the new one is there, for the same person and times.
func TestReplace(t *testing.T) {
	s := newSpace()
	l := open(t, s)
	save(t, l, "gus", access.Guest)
	old := add(t, l, "gus", "739154", stay(t, "2026-07-01T15:00", "2026-07-05T11:00"))
	other := add(t, l, "gus", "402871")
	for k, want := range map[device.Keys]error{"402871": access.ErrTaken, "40287155": access.ErrTaken, "123456": access.ErrWeak, "12": nil} {
		if _, err := l.ReplaceCode(old.ID, old, "home", pin(k)); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%d digits: %v", len(k), err)
		}
	}
	if _, err := l.ReplaceCode("nobody", old, "home", pin("608231")); !errors.Is(err, ledger.ErrUnknown) {
		t.Error(err)
	}
	s.fail = errBad
	if _, err := l.ReplaceCode(old.ID, old, "home", pin("608231")); !errors.Is(err, errBad) || opens(l, "739154") != old.ID || opens(l, "608231") != "" {
		t.Errorf("on a full disk: %v", err)
	}
	s.fail = nil
	for _, k := range []device.Keys{"608231", "60823", "60823194", "60823194"} { // longer, shorter and the same are no others
		fresh, err := l.ReplaceCode(old.ID, old, "home", pin(k))
		if err != nil {
			t.Fatalf("%d digits: %v", len(k), err)
		}
		for name, l := range map[string]*ledger.Ledger{"at once": l, "after a restart": open(t, s)} {
			c, ok := l.Code(fresh.ID)
			if _, there := l.Code(old.ID); !ok || there || opens(l, k) != fresh.ID || opens(l, "402871") != other.ID || c.Person != "gus" || len(c.Windows) != 1 ||
				c.Windows[0] != old.Windows[0] || c.Length != len(k) || len(l.Codes()) != 2 || len(l.Damaged()) > 0 {
				t.Errorf("%s, %d digits: %+v, %v", name, len(k), c, l.Damaged())
			}
		}
		old = fresh
	}
	if opens(l, "739154") != "" {
		t.Error("the first one opens")
	}
}

// Whoever watches is told of a change when it can be seen.
func TestWatch(t *testing.T) {
	l := open(t, newSpace())
	seen := 0
	l.Watch(func() { seen = len(l.Codes()) })
	save(t, l, "gus", access.Guest)
	c := add(t, l, "gus", "739154")
	if seen != 1 {
		t.Error("a code was told of before it was there")
	}
	if _, err := l.ReplaceCode(c.ID, c, "home", pin("608231")); err != nil || seen != 1 {
		t.Error(seen, err)
	}
	if err := l.RemovePerson("gus"); err != nil || seen != 0 {
		t.Error(seen, err)
	}
}
