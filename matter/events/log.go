// Package events keeps what happened on a node until controllers have read it (Matter 1.4 section 7.14.2). The events
// themselves live in memory; their numbers never come twice, also after a power cut, because a mark ahead of them is
// stored.
package events

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loquet/loquet/matter/model"
)

// Storage keeps octets under keys. Apply is all or nothing and durable when it returns; a nil value deletes.
type Storage interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// ErrDamaged is returned when the stored mark cannot be read. Starting over would give numbers twice.
var ErrDamaged = errors.New("matter/events: the stored event number is damaged")

const (
	// block is how far ahead numbers are reserved.
	block = 4096
	// refill is when the next block is reserved, in the background.
	refill = block / 2
	key    = "events/next"
)

// Record is an event with its number and time.
type Record struct {
	model.Event
	Number uint64
	At     time.Time
}

// Log keeps the newest events of each priority. It is safe for use by several goroutines.
type Log struct {
	storage Storage

	mu       sync.Mutex
	next     uint64 // the number of the next event
	reserved uint64 // numbers below this one may be used
	ahead    bool   // a block is being reserved
	rings    [model.Critical + 1]ring
	reserve  sync.WaitGroup

	watchers atomic.Pointer[[]*watcher]
}

type watcher struct{ tell func(Record) }

// ring holds the newest events of one priority, oldest first.
type ring struct {
	records []Record
	most    int
}

// Open continues the numbering where the last block reserved ended. A disk that takes nothing is no reason not to open.
func Open(s Storage) (*Log, error) {
	l := &Log{storage: s}
	l.watchers.Store(&[]*watcher{})
	for i, most := range [...]int{model.Debug: 64, model.Info: 512, model.Critical: 512} {
		l.rings[i].most = most
	}
	b, ok, err := s.Get(key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	case ok && len(b) != 8:
		return nil, ErrDamaged
	case ok:
		l.next = binary.LittleEndian.Uint64(b)
	}
	l.reserved = l.next
	_ = l.extend(l.next + block) // tried again with each event, which is dropped until then
	return l, nil
}

func (l *Log) extend(to uint64) error {
	if err := l.storage.Apply(map[string][]byte{key: binary.LittleEndian.AppendUint64(nil, to)}); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reserved = max(l.reserved, to)
	return nil
}

// Emit gives an event the next number. An event is dropped rather than numbered when no number can be reserved: its disk
// is full, and a number given twice would hide events from a controller for ever.
func (l *Log) Emit(e model.Event) {
	l.mu.Lock()
	l.refill()
	if l.next >= l.reserved {
		l.mu.Unlock()
		return
	}
	r := Record{Event: e, Number: l.next, At: time.Now()}
	l.next++
	if int(e.Priority) < len(l.rings) {
		l.rings[e.Priority].push(r)
	}
	l.mu.Unlock()
	for _, w := range *l.watchers.Load() {
		w.tell(r)
	}
}

// refill reserves the next block in the background when few numbers are left; l.mu is held.
func (l *Log) refill() {
	if l.reserved-l.next > refill || l.ahead {
		return
	}
	l.ahead = true
	to := l.reserved + block
	l.reserve.Go(func() {
		_ = l.extend(to) // tried again with the next event
		l.mu.Lock()
		l.ahead = false
		l.mu.Unlock()
	})
}

func (r *ring) push(e Record) {
	if len(r.records) >= r.most {
		r.records = append(r.records[:0], r.records[1:]...)
	}
	r.records = append(r.records, e)
}

// Since returns the events with at least this number, in order.
func (l *Log) Since(number uint64) []Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Record
	for _, r := range l.rings {
		for _, e := range r.records {
			if e.Number >= number {
				out = append(out, e)
			}
		}
	}
	slices.SortFunc(out, func(a, b Record) int {
		if a.Number < b.Number {
			return -1
		}
		return 1
	})
	return out
}

// Next returns the number the next event will have.
func (l *Log) Next() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next
}

// Forget drops the events that belong to a fabric, which has left.
func (l *Log) Forget(fabric uint8) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.rings {
		l.rings[i].records = slices.DeleteFunc(l.rings[i].records, func(r Record) bool { return r.Fabric == fabric && fabric != 0 })
	}
}

// Watch calls tell with every event from now on, in the goroutine that emits it: tell must not wait.
func (l *Log) Watch(tell func(Record)) (stop func()) {
	w := &watcher{tell}
	change := func(f func([]*watcher) []*watcher) {
		l.mu.Lock()
		defer l.mu.Unlock()
		next := f(slices.Clone(*l.watchers.Load()))
		l.watchers.Store(&next)
	}
	change(func(ws []*watcher) []*watcher { return append(ws, w) })
	return func() {
		change(func(ws []*watcher) []*watcher {
			return slices.DeleteFunc(ws, func(o *watcher) bool { return o == w })
		})
	}
}

// Close waits until a reservation under way has ended.
func (l *Log) Close() { l.reserve.Wait() }

var _ model.Events = (*Log)(nil)
