// Package copies keeps codes on locks that have slots of their own, and tells the truth about each copy: that
// it was read back and when, that it was written and nobody knows, that it waits, that it cannot be and why.
//
//	             write            read back: it is there
//	pending ------------> unconfirmed ------------------> confirmed --+
//	   ^                     |  ^                             |       | a day later: read again
//	   |  refused, not kept  |  +-----------------------------+<------+
//	   +--- failed <---------+      (read back: it is not)
//	removing: it may still open; it is gone when the slot was read back empty
//
// Each lock has a goroutine of its own, so that a dead one harms no other. A slot that holds what somebody
// else put there is never written or cleared: it is found, and the owner decides about it. A lock knows no windows: a code is written when its window
// begins and cleared when it ends.
package copies

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// State is what is known of a copy.
type State string

// States.
const (
	Pending     State = "pending"     // not on the lock: its window has not begun, or the lock was not reached
	Unconfirmed State = "unconfirmed" // written; nobody has seen it
	Confirmed   State = "confirmed"   // read back
	Failed      State = "failed"      // not on the lock, and why
	Removing    State = "removing"    // to be cleared; it may still open
)

// Copy is a code on a lock.
type Copy struct {
	Code      string    `json:"code"`
	Lock      string    `json:"lock"`
	Slot      int       `json:"slot"`
	State     State     `json:"state"`
	Confirmed time.Time `json:"confirmed,omitzero"` // when it was read back last
	Tries     int       `json:"tries,omitempty"`    // writes
	Why       string    `json:"why,omitempty"`
	Written   bool      `json:"written,omitempty"` // the slot may hold it
	Mark      string    `json:"mark,omitempty"`    // of its digits, to know them again when the code is gone
	due       time.Time // not touched before
	wrote     time.Time // last, by this process
}

// Source are the codes that there are.
type Source interface {
	// Codes are all codes. While not all are known it fails, and the locks stay as they are.
	Codes() ([]access.Code, error)
	// Opens decides about a code at a lock at a moment, without counting uses.
	Opens(code access.Code, lock string, at access.Moment) access.Decision
	// Keys is what is typed.
	Keys(codeID string) (device.Keys, error)
	// Mark is a word that these digits make and no others, and that tells nobody which they are; empty: there is
	// none.
	Mark(keys device.Keys) string
}

// Space is the durable storage of what is known.
type Space interface {
	List(prefix string) (map[string][]byte, error)
	Apply(changes map[string][]byte) error
}

// Returner is a lock that tells when it can be reached again: it is asked at once, and not when the waits between
// tries are over.
type Returner interface {
	Back() <-chan struct{}
}

// Options are what a Keeper works with.
type Options struct {
	Space  Space
	Source Source
	Clock  access.Clock
	Failed func(err error) // what was learned could not be kept; may be nil
}

// Keeper keeps the copies on all locks. Its methods may be called from any goroutine.
type Keeper struct {
	o Options

	mu    sync.Mutex
	locks map[string]*lock
	kept  map[string]map[string]Copy // by lock and code, of locks that are not there as well
	found map[string]map[int]Found   // by lock and slot
	lost  error
}

// New reads what was known. Where that cannot be read, the slots are: nothing is written before.
func New(o Options) *Keeper {
	k := &Keeper{o: o, locks: map[string]*lock{}, kept: map[string]map[string]Copy{}, found: map[string]map[int]Found{}}
	if k.o.Failed == nil {
		k.o.Failed = func(error) {}
	}
	all, err := o.Space.List("")
	if err != nil {
		k.lost = err
		k.o.Failed(err)
		return k
	}
	for key, value := range all {
		if k.recall(value) {
			continue
		}
		var c Copy
		id, _, _ := strings.Cut(key, "/")
		if json.Unmarshal(value, &c) != nil || c.Lock != id || c.Code == "" {
			k.o.Failed(fmt.Errorf("copy %s: %w", key, access.ErrDamaged))
			continue
		}
		k.put(c)
	}
	return k
}

func (k *Keeper) put(c Copy) {
	if k.kept[c.Lock] == nil {
		k.kept[c.Lock] = map[string]Copy{}
	}
	k.kept[c.Lock][c.Code] = c
}

// SetLocks says which locks there are now. Those that are new or another begin, those that are gone end; their
// copies are remembered.
func (k *Keeper) SetLocks(locks map[string]device.CodeSlots) {
	k.mu.Lock()
	var ended []*lock
	for id, l := range k.locks {
		if locks[id] != l.slots {
			ended = append(ended, l)
			delete(k.locks, id)
		}
	}
	k.mu.Unlock()
	for _, l := range ended {
		l.end()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, slots := range locks {
		if k.locks[id] == nil && slots != nil {
			k.locks[id] = begin(k, id, slots)
		}
	}
}

// Stop ends all locks and waits for them.
func (k *Keeper) Stop() { k.SetLocks(nil) }

// Wake says that codes changed.
func (k *Keeper) Wake() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.locks {
		l.wake()
	}
}

// Has reports whether a lock keeps copies.
func (k *Keeper) Has(lock string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.locks[lock] != nil
}

// Traits are what a lock says of its slots; zero while it has said nothing.
func (k *Keeper) Traits(lock string) device.SlotTraits {
	k.mu.Lock()
	l := k.locks[lock]
	k.mu.Unlock()
	if l == nil {
		return device.SlotTraits{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.said
}

// Copies are those of a code, or all of them for an empty id, in the order of the locks.
func (k *Keeper) Copies(codeID string) []Copy {
	k.mu.Lock()
	defer k.mu.Unlock()
	return inOrder(k.copies(codeID))
}

func (k *Keeper) copies(codeID string) (out []Copy) {
	for _, copies := range k.kept {
		for id, c := range copies {
			if codeID == "" || id == codeID {
				out = append(out, c)
			}
		}
	}
	return out
}

func inOrder(all []Copy) []Copy {
	slices.SortFunc(all, func(a, b Copy) int { return strings.Compare(a.Lock+"/"+a.Code, b.Lock+"/"+b.Code) })
	return all
}

// reachable is how long ago a lock may have answered to be counted on.
const reachable = 26 * time.Hour

// Ready says why a code does not open a lock, or would not when its window begins; empty: it does.
func (k *Keeper) Ready(code access.Code, lock string) string {
	k.mu.Lock()
	l, c := k.locks[lock], k.kept[lock][code.ID]
	k.mu.Unlock()
	if l == nil {
		return "the lock is not there"
	}
	answered := l.last()
	on := k.o.Source.Opens(code, lock, k.o.Clock.Moment()).Allowed
	switch {
	case c.State == Confirmed && on:
		return ""
	case c.State == Failed:
		return c.Why
	case l.codeless():
		return "the lock holds no codes"
	case answered.IsZero() || time.Since(answered) > reachable || l.silent():
		return silentLock
	case on:
		return "the lock has not shown it yet"
	case c.Slot == 0 && begins(code, k.o.Clock.Moment(), ahead):
		return "no place on the lock is kept for it yet"
	}
	return "" // its window has not begun, and the lock answers
}

// Holds reports whether a lock held a code when it was last read, and was not written to since: it need not answer now.
func (k *Keeper) Holds(codeID, lock string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.kept[lock][codeID]
	return c.Written && !c.Confirmed.IsZero() && c.Tries == 0 && (c.State == Confirmed || c.State == Unconfirmed)
}

// keep remembers a copy, on the disk before anything is done that depends on it.
func (k *Keeper) keep(c Copy) error {
	value, err := json.Marshal(c)
	if err == nil {
		err = k.o.Space.Apply(map[string][]byte{c.Lock + "/" + c.Code: value})
	}
	if err != nil {
		k.o.Failed(err)
		return errors.Join(errKept, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(c)
	return nil
}

func (k *Keeper) forget(c Copy) error {
	if err := k.o.Space.Apply(map[string][]byte{c.Lock + "/" + c.Code: nil}); err != nil {
		k.o.Failed(err)
		return errors.Join(errKept, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.kept[c.Lock], c.Code)
	return nil
}

var errKept = errors.New("what the lock holds cannot be kept")

// of are the copies of a lock.
func (k *Keeper) of(lock string) map[string]Copy {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := map[string]Copy{}
	for id, c := range k.kept[lock] {
		out[id] = c
	}
	return out
}

// Plan is what a person does at a lock that is not reached; empty where nothing is to be done.
func Plan(c Copy, from, to time.Time) string {
	if c.State != Pending && c.State != Failed && c.State != Removing {
		return ""
	}
	slot := "a free place"
	if c.Slot > 0 {
		slot = fmt.Sprintf("place %d", c.Slot)
	}
	day := func(t time.Time) string { return t.Format("2006-01-02 15:04") }
	switch {
	case c.State == Removing:
		return fmt.Sprintf("at the lock itself, take the code out of %s", slot)
	case to.IsZero():
		return fmt.Sprintf("at the lock itself, put the code into %s", slot)
	}
	return fmt.Sprintf("at the lock itself, put the code into %s from %s on, and take it out at %s", slot, day(from), day(to))
}

// begin lets a lock work.
func begin(k *Keeper, id string, slots device.CodeSlots) *lock {
	ctx, cancel := context.WithCancel(context.Background())
	l := &lock{k: k, id: id, slots: slots, nudge: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
		foreign: map[int]time.Time{}, visited: map[int]time.Time{}, orders: make(chan order)}
	go l.run(ctx)
	return l
}
