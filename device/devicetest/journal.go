package devicetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/device"
)

// Row is an entry with its number and its time.
type Row struct {
	device.Entry
	Seq int64
	At  time.Time
}

// Journal is a journal in memory. The zero value is ready.
type Journal struct {
	mu    sync.Mutex
	rows  []Row
	used  map[int64]bool
	fail  error
	stall chan struct{}
}

var _ device.Journal = (*Journal)(nil)

// ErrNoIntent is what an opener or a bolt that was given a journal says of a trigger that no unused
// INTENT row precedes.
var ErrNoIntent = errors.New("nothing in the journal allows this trigger")

// Record implements device.Journal. Numbers begin at 1.
func (j *Journal) Record(ctx context.Context, e device.Entry) (int64, error) {
	j.mu.Lock()
	stall := j.stall
	j.mu.Unlock()
	if stall != nil {
		<-stall // as a disk that hangs: it does not know of contexts
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.fail != nil {
		return 0, j.fail
	}
	seq := int64(len(j.rows) + 1)
	j.rows = append(j.rows, Row{Entry: e, Seq: seq, At: time.Now()})
	return seq, nil
}

// Fail lets every Record fail until it is called with nil.
func (j *Journal) Fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fail = err
}

// Stall lets every Record hang until the function that it returns is called.
func (j *Journal) Stall() (end func()) {
	j.mu.Lock()
	defer j.mu.Unlock()
	stall := make(chan struct{})
	j.stall = stall
	return sync.OnceFunc(func() {
		j.mu.Lock()
		j.stall = nil
		j.mu.Unlock()
		close(stall)
	})
}

// Rows returns all rows, oldest first; only those of the kinds given, if any are.
func (j *Journal) Rows(kinds ...device.EntryKind) []Row {
	j.mu.Lock()
	defer j.mu.Unlock()
	var rows []Row
	for _, r := range j.rows {
		if len(kinds) == 0 || slices.Contains(kinds, r.Kind) {
			rows = append(rows, r)
		}
	}
	return rows
}

// Use marks the newest unused INTENT of a device as triggered; ErrNoIntent if there is none.
func (j *Journal) Use(id string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.used == nil {
		j.used = make(map[int64]bool)
	}
	for i := len(j.rows) - 1; i >= 0; i-- {
		r := j.rows[i]
		if r.Device != id || r.Kind != device.EntryIntent {
			continue
		}
		if j.used[r.Seq] {
			return ErrNoIntent
		}
		j.used[r.Seq] = true
		return nil
	}
	return ErrNoIntent
}

// Memory is a memory that does not outlive the test. The zero value is ready.
type Memory struct {
	mu   sync.Mutex
	kept map[string]device.Remembered
	fail error
}

var _ device.Memory = (*Memory)(nil)

// Recall implements device.Memory.
func (m *Memory) Recall(_ context.Context, id string) (device.Remembered, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept[id], m.fail
}

// Remember implements device.Memory.
func (m *Memory) Remember(_ context.Context, id string, r device.Remembered) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if m.kept == nil {
		m.kept = make(map[string]device.Remembered)
	}
	m.kept[id] = r
	return nil
}

// Fail lets every call fail until it is called with nil.
func (m *Memory) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}
