package copies

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

type space struct {
	mu   sync.Mutex
	rows map[string][]byte
	bad  error
}

func (s *space) List(string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.rows), nil
}

func (s *space) Apply(changes map[string][]byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bad != nil {
		return s.bad
	}
	maps.Copy(s.rows, changes)
	maps.DeleteFunc(s.rows, func(_ string, v []byte) bool { return v == nil })
	return nil
}

// book are the codes of a house. Every code is of a guest, and its digits are made of its id.
type book struct {
	mu      sync.Mutex
	codes   []access.Code
	keys    map[string]device.Keys
	bad     error
	ever    map[string]device.Keys // and what was typed for those that are gone
	forgets bool                   // the digits go with the code, as they do in a house
}

func (b *book) Codes() ([]access.Code, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]access.Code(nil), b.codes...), b.bad
}

func (b *book) Opens(c access.Code, lock string, at access.Moment) access.Decision {
	return access.Allowed(access.Person{ID: "p", Name: "p", Kind: access.Guest}, c, lock, at)
}

func (b *book) Keys(id string) (device.Keys, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.keys[id]
	if !ok {
		return "", access.ErrUnknownCode
	}
	return k, nil
}

func (*book) Mark(keys device.Keys) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(keys))) }

func (b *book) add(id string, keys device.Keys, windows ...access.Window) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if windows == nil {
		windows = []access.Window{{Kind: access.Always}}
	}
	b.codes = append(b.codes, access.Code{ID: id, Person: "p", Kind: access.PIN, Length: len(keys), Windows: windows})
	b.keys[id], b.ever[id] = keys, keys
}

// change changes a code.
func (b *book) change(id string, how func(c *access.Code)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.codes {
		if b.codes[i].ID == id {
			how(&b.codes[i])
		}
	}
}

func (b *book) remove(id string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, c := range b.codes {
		if c.ID == id {
			b.codes = append(b.codes[:i:i], b.codes[i+1:]...)
			if b.forgets {
				delete(b.keys, id)
			}
			break
		}
	}
}

// lockbox is a lock with slots.
type lockbox struct {
	mu      sync.Mutex
	traits  device.SlotTraits
	slots   map[int]device.Keys
	offline bool
	lossy   float64 // calls that time out; a write may have been done
	refuses bool    // duplicates are dropped in silence
	says    bool    // or are refused in words
	hides   bool    // it does not show digits, whatever it said
	lies    map[int]device.Keys
	writes  int
	calls   int
	dice    *rand.Rand
	held    map[int64]map[int]device.Keys // what it held at each read, by its time
}

func newLockbox(last int) *lockbox {
	return &lockbox{traits: device.SlotTraits{First: 1, Last: last, MinDigits: 4, MaxDigits: 8, ReadsBack: true}, slots: map[int]device.Keys{}, lies: map[int]device.Keys{}, held: map[int64]map[int]device.Keys{},
		dice: rand.New(rand.NewPCG(1, 2))}
}

// answers is the luck of a call: done says whether the lock did it, err what is heard.
func (b *lockbox) answers() (did bool, err error) {
	b.calls++
	switch {
	case b.offline:
		return false, device.ErrUnavailable
	case b.dice.Float64() < b.lossy:
		return b.dice.IntN(2) == 0, device.ErrUnsure
	}
	return true, nil
}

func (b *lockbox) SlotTraits(context.Context) (device.SlotTraits, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, err := b.answers()
	return b.traits, err
}

func (b *lockbox) WriteSlot(_ context.Context, n int, keys device.Keys) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	did, err := b.answers()
	b.writes++
	for _, have := range b.slots {
		if b.says && have == keys && err == nil {
			return device.ErrCodeRefused
		}
		did = did && (!b.refuses && !b.says || have != keys)
	}
	if did {
		b.slots[n] = keys
	}
	return err
}

func (b *lockbox) ClearSlot(_ context.Context, n int) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	did, err := b.answers()
	if did {
		delete(b.slots, n)
	}
	return err
}

func (b *lockbox) ReadSlot(_ context.Context, n int) (device.Slot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, err := b.answers(); err != nil {
		return device.Slot{}, err
	}
	b.held[time.Now().UnixNano()] = maps.Clone(b.slots)
	keys, ok := b.slots[n]
	if lie, lies := b.lies[n]; lies {
		keys, ok = lie, true
	}
	if !ok {
		return device.Slot{Use: device.SlotEmpty, Taken: time.Now()}, nil
	}
	if !b.traits.ReadsBack || b.hides {
		keys = ""
	}
	return device.Slot{Use: device.SlotUsed, Keys: keys, Taken: time.Now()}, nil
}

func (b *lockbox) set(do func()) { b.mu.Lock(); defer b.mu.Unlock(); do() }

func (b *lockbox) holds(keys device.Keys) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.slots {
		if k == keys {
			n++
		}
	}
	return n
}

type clockFunc func() access.Moment

func (f clockFunc) Moment() access.Moment { return f() }

type rig struct {
	t    *testing.T
	s    *space
	b    *book
	k    *Keeper
	lock *lockbox
}

func newRig(t *testing.T, last int) *rig {
	r := &rig{t: t, s: &space{rows: map[string][]byte{}}, b: &book{keys: map[string]device.Keys{}, ever: map[string]device.Keys{}}, lock: newLockbox(last)}
	r.start()
	return r
}

// start is a start of the program.
func (r *rig) start() {
	r.k = New(Options{Space: r.s, Source: r.b, Clock: clockFunc(func() access.Moment {
		return access.Moment{Now: time.Now(), Trust: access.Trusted, Floor: time.Now()}
	})})
	r.k.SetLocks(map[string]device.CodeSlots{"front": r.lock})
}

func (r *rig) copy(id string) Copy {
	for _, c := range r.k.Copies(id) {
		return c
	}
	return Copy{}
}

func (r *rig) want(id string, state State, held int) {
	r.t.Helper()
	synctest.Wait()
	c := r.copy(id)
	if n := r.lock.holds(r.b.keys[id]); c.State != state || n != held {
		r.t.Errorf("%s: %+v on the lock %d times, want %s and %d", id, c, n, state, held)
	}
	r.honest()
}

// honest holds what is shown against what the lock held: a copy is confirmed only if the lock was read at that
// moment and held it.
func (r *rig) honest() {
	r.t.Helper()
	r.lock.mu.Lock()
	defer r.lock.mu.Unlock()
	for _, c := range r.k.Copies("") {
		if c.State != Confirmed || c.Lock != "front" {
			continue
		}
		if r.lock.held[c.Confirmed.UnixNano()][c.Slot] != r.b.ever[c.Code] {
			r.t.Errorf("%+v is shown as confirmed, but was not there", c)
		}
	}
}

func dates(from, to time.Time) access.Window {
	return access.Window{Kind: access.Dates, From: access.WallOf(from.UTC()), To: access.WallOf(to.UTC()), Zone: "UTC"}
}
