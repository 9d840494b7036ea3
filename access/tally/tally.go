// Package tally counts how often a code was used: from the rows of history that say that a relay is about to
// move, so that nothing is written twice on the way to a door. What it counted is kept from time to time, and
// the rest is read from history again after a restart. While that is not known, a code that may be used so
// many times only is not used.
package tally

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// Space is the durable storage of the counts.
type Space interface {
	Get(key string) (value []byte, ok bool, err error)
	Apply(changes map[string][]byte) error
}

// Intent is a row of history: a code is about to move a door.
type Intent struct {
	Seq   int64
	Code  string // its id
	Place string // the keypad
	Door  string
	At    time.Time
}

// Page returns intents of codes after a row, oldest first, and the last row that was looked at; the same row
// if there is none after it.
type Page func(ctx context.Context, after int64) (rows []Intent, through int64, err error)

// together is how long the doors of one keypad may take to be opened by one entry. Nobody types a code twice
// in that time and opens a door with it that the first one did not.
const together = 5 * time.Second

const key = "counts"

type count struct {
	Uses  int       `json:"uses"`
	Place string    `json:"place"` // of the last use
	Doors []string  `json:"doors"`
	At    time.Time `json:"at"`
}

type record struct {
	Version int              `json:"version"`
	Through int64            `json:"through"` // the rows up to this one are counted
	Counts  map[string]count `json:"counts"`
}

// Tally counts. It is safe for use by several goroutines.
type Tally struct {
	space Space

	mu      sync.Mutex
	counts  map[string]count
	through int64
	known   bool
	waiting []Intent // rows that came while history was still being read
	taken   map[string]int
}

// New returns a tally that knows nothing before Load.
func New(space Space) *Tally {
	return &Tally{space: space, counts: map[string]count{}, taken: map[string]int{}}
}

// Load takes up the counts that were kept and all rows since. Counts that cannot be read are counted anew
// from what history there is; the error says so.
func (t *Tally) Load(ctx context.Context, page Page) error {
	r := record{Counts: map[string]count{}}
	text, ok, err := t.space.Get(key)
	if err == nil && ok {
		if err = json.Unmarshal(text, &r); err == nil && (r.Version != 1 || r.Counts == nil) {
			err = errors.New("of another version")
		}
	}
	if err != nil {
		err = fmt.Errorf("how often codes were used is counted anew: %w", err)
		r = record{Counts: map[string]count{}}
	}
	for {
		rows, through, bad := page(ctx, r.Through)
		if bad != nil {
			return errors.Join(err, bad)
		}
		for _, i := range rows {
			add(r.Counts, i)
		}
		if through <= r.Through {
			break
		}
		r.Through = through
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range t.waiting {
		if i.Seq > r.Through {
			add(r.Counts, i)
			r.Through = i.Seq
		}
	}
	t.counts, t.through, t.known, t.waiting = r.Counts, r.Through, true, nil
	return err
}

func add(counts map[string]count, i Intent) {
	c := counts[i.Code]
	since := i.At.Sub(c.At)
	if c.Place == i.Place && since >= 0 && since < together && !slices.Contains(c.Doors, i.Door) {
		c.Doors = append(slices.Clone(c.Doors), i.Door)
		counts[i.Code] = c
		return
	}
	counts[i.Code] = count{Uses: c.Uses + 1, Place: i.Place, Doors: []string{i.Door}, At: i.At}
}

// Uses is how often a code was used.
func (t *Tally) Uses(codeID string) access.Uses {
	t.mu.Lock()
	defer t.mu.Unlock()
	return access.Uses{Count: t.counts[codeID].Uses + t.taken[codeID], Known: t.known}
}

// Last is when and where a code was used last; ok is false if it never was.
func (t *Tally) Last(codeID string) (at time.Time, keypad string, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c, ok := t.counts[codeID]
	return c.At, c.Place, ok
}

// Take is Uses, and counts one more for everybody else until done is called.
func (t *Tally) Take(codeID string) (uses access.Uses, done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	uses = access.Uses{Count: t.counts[codeID].Uses + t.taken[codeID], Known: t.known}
	t.taken[codeID]++
	return uses, sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.taken[codeID]--; t.taken[codeID] == 0 {
			delete(t.taken, codeID)
		}
	})
}

// Keep writes down what was counted. Codes that are gone are left out.
func (t *Tally) Keep(there func(codeID string) bool) error {
	t.mu.Lock()
	if !t.known {
		t.mu.Unlock()
		return nil
	}
	r := record{Version: 1, Through: t.through, Counts: map[string]count{}}
	for id, c := range t.counts {
		if there(id) {
			r.Counts[id] = c
		}
	}
	t.mu.Unlock()
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return t.space.Apply(map[string][]byte{key: text})
}

// Journal is a history whose rows are counted on their way.
func (t *Tally) Journal(j device.Journal) device.Journal { return journal{j, t} }

type journal struct {
	device.Journal
	t *Tally
}

// Record implements device.Journal.
func (j journal) Record(ctx context.Context, e device.Entry) (int64, error) {
	seq, err := j.Journal.Record(ctx, e)
	if err == nil && e.Kind == device.EntryIntent && e.Cause.Kind == device.CauseCode {
		j.t.intent(Intent{Seq: seq, Code: e.Cause.Actor, Place: e.Cause.Place, Door: e.Device, At: time.Now()})
	}
	return seq, err
}

func (t *Tally) intent(i Intent) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.known {
		t.waiting = append(t.waiting, i)
		return
	}
	add(t.counts, i)
	t.through = max(t.through, i.Seq)
}
