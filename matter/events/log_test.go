package events

import (
	"errors"
	"testing"

	"github.com/loquet/loquet/matter/mattertest/memory"
	"github.com/loquet/loquet/matter/model"
)

func open(t *testing.T, m *memory.Store) *Log {
	t.Helper()
	l, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestNumbersNeverComeTwice(t *testing.T) {
	m := memory.New()
	var last uint64
	for boot := range 4 {
		l := open(t, m)
		if l.Next() <= last && boot > 0 {
			t.Fatalf("boot %d begins with %d, %d was used", boot, l.Next(), last)
		}
		for range 3*block + boot {
			l.Emit(model.Event{Priority: model.Info})
			l.reserve.Wait()
		}
		last = l.Next() - 1
	}
}

func TestAFullDiskDropsEventsBeforeNumbersComeTwice(t *testing.T) {
	m := memory.New()
	l := open(t, m)
	m.Fault(memory.Full)
	for range 2 * block {
		l.Emit(model.Event{Priority: model.Critical})
		l.reserve.Wait()
	}
	if l.Next() != block {
		t.Errorf("%d numbers were used of %d reserved", l.Next(), block)
	}
	blocked := open(t, m) // a restart on the same disk
	blocked.Emit(model.Event{Priority: model.Critical})
	if blocked.Next() < l.Next() || len(blocked.Since(0)) != 0 {
		t.Errorf("%d comes again", blocked.Next())
	}
	m.Fault(nil)
	for range 3 { // the first ones find room for those after them
		blocked.reserve.Wait()
		blocked.Emit(model.Event{Priority: model.Critical})
	}
	if len(blocked.Since(0)) == 0 {
		t.Error("events are dropped although there is room again")
	}
	blocked.reserve.Wait()
	if again := open(t, m); again.Next() < blocked.Next() {
		t.Errorf("after a restart %d comes again", again.Next())
	}
}

func TestDamageIsNoNewBeginning(t *testing.T) {
	short, unreadable := memory.New(), memory.New()
	short.Put(key, []byte{1, 2})
	unreadable.Unreadable(errors.New("damaged"))
	for name, m := range map[string]*memory.Store{"short": short, "unreadable": unreadable} {
		if _, err := Open(m); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachPriorityKeepsItsNewest(t *testing.T) {
	l := open(t, memory.New())
	var told []uint64
	stop := l.Watch(func(r Record) { told = append(told, r.Number) })
	l.Emit(model.Event{Priority: model.Critical, ID: 7})
	for range 2000 {
		l.Emit(model.Event{Priority: model.Debug, ID: 8})
	}
	stop()
	l.Emit(model.Event{Priority: model.Info, ID: 9, Fabric: 2})
	all := l.Since(0)
	if len(all) != 1+64+1 || all[0].ID != 7 || all[len(all)-1].ID != 9 {
		t.Fatalf("%d events, first %d, last %d", len(all), all[0].ID, all[len(all)-1].ID)
	}
	for i := 1; i < len(all); i++ {
		if all[i].Number <= all[i-1].Number {
			t.Fatal("not in order")
		}
	}
	if got := l.Since(all[3].Number); len(got) != len(all)-3 {
		t.Errorf("%d events since the fourth", len(got))
	}
	if len(told) != 2001 {
		t.Errorf("told of %d", len(told))
	}
	if l.Forget(2); len(l.Since(0)) != 65 {
		t.Error("an event of a fabric that left is still there")
	}
}
