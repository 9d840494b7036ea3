package homekit

import "testing"

func TestTold(t *testing.T) {
	table := newTable()
	a := &attribute{ID: ID{2, 9}, perms: permRead | permWrite | permNotify, value: []byte("1")}
	table.st.attrs[a.ID] = a
	one := &session{controller: "A", table: table, subs: map[ID]*subscription{}, wake: make(chan struct{}, 1)}
	other := &session{controller: "A", table: table, subs: map[ID]*subscription{}, wake: make(chan struct{}, 1)}
	table.attach(one)
	table.attach(other)
	told := func(want bool, when string) {
		t.Helper()
		if table.told("A", a) != want {
			t.Errorf("%s: told is %v", when, !want)
		}
		if table.told("B", a) {
			t.Errorf("%s: a stranger counts as told", when)
		}
	}
	change := func(value string) { table.version++; a.value, a.version = []byte(value), table.version }

	told(false, "at first")
	other.saw(a)
	told(true, "after a read in another session")
	change("0")
	told(false, "after a change")
	one.sawAll(table.version)
	told(true, "after the list of accessories")
	change("1")
	one.subs[a.ID] = &subscription{pending: true}
	one.pending = []ID{a.ID}
	told(false, "while the event waits")
	one.collect(nil, false)
	told(true, "after the event")
	table.forget(one)
	told(false, "after the session ended")
}
