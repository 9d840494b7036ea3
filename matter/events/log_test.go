package events

import (
	"errors"
	"maps"
	"sync"
	"testing"

	"github.com/loquet/loquet/matter/model"
)

type memory struct {
	mu   sync.Mutex
	kept map[string][]byte
	fail error
	gone bool
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.kept[key]
	return b, ok, m.fail
}

func (m *memory) Apply(changes map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return errors.New("disk full")
	}
	if m.kept == nil {
		m.kept = map[string][]byte{}
	}
	maps.Copy(m.kept, changes)
	return nil
}

func open(t *testing.T, m *memory) *Log {
	t.Helper()
	l, err := Open(m)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func TestNumbersNeverComeTwice(t *testing.T) {
	m := &memory{}
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
	m := &memory{}
	l := open(t, m)
	m.mu.Lock()
	m.gone = true
	m.mu.Unlock()
	for range 2 * block {
		l.Emit(model.Event{Priority: model.Critical})
		l.reserve.Wait()
	}
	if l.Next() != block {
		t.Errorf("%d numbers were used of %d reserved", l.Next(), block)
	}
	m.mu.Lock()
	m.gone = false
	m.mu.Unlock()
	if again := open(t, m); again.Next() < l.Next() {
		t.Errorf("after a restart %d comes again", again.Next())
	}
}

func TestDamageIsNoNewBeginning(t *testing.T) {
	for name, m := range map[string]*memory{"short": {kept: map[string][]byte{key: {1, 2}}}, "unreadable": {fail: errors.New("damaged")}} {
		if _, err := Open(m); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEachPriorityKeepsItsNewest(t *testing.T) {
	l := open(t, &memory{})
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
