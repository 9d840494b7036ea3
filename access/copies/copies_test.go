package copies

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
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
		did = did && (!b.refuses || have != keys)
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
	if !b.traits.ReadsBack {
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

func TestACopyFollowsItsWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		now := time.Now()
		r.b.add("anna", "739154")
		r.b.add("gus", "518370", dates(now.Add(36*time.Hour), now.Add(60*time.Hour)))
		r.k.Wake()
		time.Sleep(time.Minute)
		r.want("anna", Confirmed, 1)
		r.want("gus", Pending, 0)
		if c := r.copy("gus"); c.Slot != 0 {
			t.Errorf("a slot is kept 36 hours ahead: %+v", c)
		}
		time.Sleep(13 * time.Hour)
		r.want("gus", Pending, 0)
		if c := r.copy("gus"); c.Slot == 0 {
			t.Errorf("no slot is kept a day ahead: %+v", c)
		}
		time.Sleep(24 * time.Hour)
		r.want("gus", Confirmed, 1)
		time.Sleep(24 * time.Hour)
		r.want("gus", "", 0)
		r.want("anna", Confirmed, 1)
		if time.Since(r.copy("anna").Confirmed) > again+time.Hour {
			t.Errorf("not read again for %s", time.Since(r.copy("anna").Confirmed))
		}
		if r.lock.writes != 2 {
			t.Errorf("%d writes", r.lock.writes)
		}
	})
}

func TestALockThatIsOfflineForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		other := newLockbox(5)
		r.k.SetLocks(map[string]device.CodeSlots{"front": r.lock, "back": other})
		defer r.k.Stop()
		r.b.add("anna", "739154")
		r.lock.set(func() { r.lock.offline = true })
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if r.copy("anna").State == Confirmed && r.copy("anna").Lock == "front" || other.holds("739154") != 1 {
			t.Errorf("%+v, the other lock holds it %d times", r.k.Copies("anna"), other.holds("739154"))
		}
		if why := r.k.Ready(r.b.codes[0], "front"); why != "the lock does not answer" {
			t.Error(why)
		}
		if n := r.lock.calls; n > 200 {
			t.Errorf("a lock that is away was called %d times a day", n)
		}
		r.lock.set(func() { r.lock.offline = false })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if why := r.k.Ready(r.b.codes[0], "front"); why != "" || r.lock.holds("739154") != 1 {
			t.Errorf("back again: %s", why)
		}
		// Away again while a code is taken back: it is said that it may still open.
		r.lock.set(func() { r.lock.offline = true })
		r.b.remove("anna")
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		var front Copy
		for _, c := range r.k.Copies("anna") {
			if c.Lock == "front" {
				front = c
			}
		}
		if front.State != Removing || r.lock.holds("739154") != 1 || other.holds("739154") != 0 {
			t.Errorf("%+v", front)
		}
		r.lock.set(func() { r.lock.offline = false })
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		if len(r.k.Copies("anna")) != 0 || r.lock.holds("739154") != 0 {
			t.Errorf("%+v", r.k.Copies("anna"))
		}
	})
}

func TestReadBackThatDisagrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.b.add("anna", "739154")
		r.lock.set(func() { r.lock.lies[1] = "000000" }) // a slot that shows something else whatever is written
		time.Sleep(5 * time.Minute)
		r.want("anna", Confirmed, 1)
		if c := r.copy("anna"); c.Slot != 2 {
			t.Errorf("%+v", c)
		}
		r.lock.set(func() { r.lock.slots[2] = "111222" }) // at the lock, by hand
		time.Sleep(25 * time.Hour)
		r.want("anna", Confirmed, 1)
		if c := r.copy("anna"); c.Slot == 2 || r.lock.holds("111222") != 1 {
			t.Errorf("what somebody put there is gone: %+v", c)
		}
	})
}

func TestNoSlotIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 3)
		defer r.k.Stop()
		r.lock.set(func() {
			for n := 1; n <= 3; n++ {
				r.lock.slots[n] = device.Keys(fmt.Sprintf("90817%d", n))
			}
		})
		r.b.add("anna", "739154")
		time.Sleep(time.Hour)
		r.want("anna", Failed, 0)
		if c := r.copy("anna"); c.Why != "the lock has no free slot" || r.lock.writes != 0 || r.k.Ready(r.b.codes[0], "front") != c.Why {
			t.Errorf("%+v", c)
		}
		if plan := Plan(r.copy("anna"), time.Time{}, time.Time{}); plan == "" || strings.Contains(plan, "739154") {
			t.Error(plan)
		}
		r.lock.set(func() { delete(r.lock.slots, 2) })
		time.Sleep(25 * time.Hour)
		r.want("anna", Confirmed, 1)
	})
}

func TestADuplicateThatTheLockDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.lock.set(func() { r.lock.refuses, r.lock.traits.ReadsBack = true, false })
		r.lock.set(func() { r.lock.slots[1] = "739154" }) // somebody put it there
		r.b.add("anna", "739154")
		time.Sleep(24 * time.Hour)
		r.want("anna", Failed, 1)
		if c := r.copy("anna"); !strings.Contains(c.Why, "did not keep it") || r.lock.writes > 12 {
			t.Errorf("%+v after %d writes", c, r.lock.writes)
		}
	})
}

func TestPINsThatTheLockDoesNotTake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.b.add("long", "7391548260")
		r.b.add("once", "518370", access.Window{Kind: access.Count, Uses: 1})
		time.Sleep(time.Hour)
		r.want("long", Failed, 0)
		r.want("once", Failed, 0)
		if r.copy("long").Why != "the lock takes 4 to 8 digits" || !strings.Contains(r.copy("once").Why, "cannot count") {
			t.Errorf("%+v", r.k.Copies(""))
		}
		r.b.remove("long")
		time.Sleep(time.Minute)
		r.want("long", "", 0)
	})
}

// A restart at any moment writes nothing twice and forgets nothing that the lock holds.
func TestARestartInTheMiddle(t *testing.T) {
	for cut := range 14 {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 5)
			r.lock.set(func() { r.lock.slots[1] = "111222" })
			r.b.add("anna", "739154")
			stop := make(chan struct{})
			calls := 0
			slow := slowbox{r.lock, func() {
				if calls++; calls == cut {
					close(stop)
					<-time.After(time.Hour) // the process dies in this call
				}
			}}
			r.k.SetLocks(map[string]device.CodeSlots{"front": slow})
			select {
			case <-stop:
			case <-time.After(time.Hour):
			}
			rows := maps.Clone(r.s.rows) // what the disk holds at that moment
			r.k.Stop()
			r.s = &space{rows: rows}
			r.start()
			time.Sleep(2 * time.Hour)
			r.want("anna", Confirmed, 1)
			r.b.remove("anna")
			time.Sleep(2 * time.Hour)
			r.want("anna", "", 0)
			if r.lock.holds("111222") != 1 {
				t.Error("what somebody put there is gone")
			}
			r.k.Stop()
		})
	}
}

type slowbox struct {
	*lockbox
	before func()
}

func (s slowbox) WriteSlot(ctx context.Context, n int, keys device.Keys) error {
	s.before()
	err := s.lockbox.WriteSlot(ctx, n, keys)
	s.before()
	return err
}

func (s slowbox) ReadSlot(ctx context.Context, n int) (device.Slot, error) {
	s.before()
	return s.lockbox.ReadSlot(ctx, n)
}

// Half of all calls time out, and half of those were done all the same.
func TestHalfOfAllCallsTimeOut(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 12)
			defer r.k.Stop()
			r.lock.set(func() { r.lock.dice, r.lock.lossy = rand.New(rand.NewPCG(seed, 7)), 0.49 })
			for i := range 8 {
				r.b.add(fmt.Sprint("c", i), device.Keys(fmt.Sprintf("73915%d", i)))
			}
			for range 48 {
				time.Sleep(15 * time.Minute)
				synctest.Wait()
				r.honest()
			}
			for i := range 8 {
				r.want(fmt.Sprint("c", i), Confirmed, 1)
			}
			for i := range 4 {
				r.b.remove(fmt.Sprint("c", i))
			}
			time.Sleep(12 * time.Hour)
			for i := range 8 {
				if want := min(i/4, 1); r.lock.holds(device.Keys(fmt.Sprintf("73915%d", i))) != want {
					t.Errorf("c%d is there %d times, want %d", i, r.lock.holds(device.Keys(fmt.Sprintf("73915%d", i))), want)
				}
			}
			if r.lock.writes > 60 {
				t.Errorf("%d writes for eight codes", r.lock.writes)
			}
		})
	}
}

// While not all codes are known, or nothing can be kept, no lock is touched.
func TestNothingIsClearedOnAGuess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.b.add("anna", "739154")
		time.Sleep(time.Minute)
		r.want("anna", Confirmed, 1)
		r.b.mu.Lock()
		r.b.codes, r.b.bad = nil, errors.New("damaged")
		r.b.mu.Unlock()
		time.Sleep(48 * time.Hour)
		r.want("anna", Confirmed, 1)
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.s.mu.Lock()
		r.s.bad = errors.New("full")
		r.s.mu.Unlock()
		r.b.add("anna", "739154")
		time.Sleep(time.Hour)
		if r.lock.writes != 0 {
			t.Errorf("%d writes that nothing remembers", r.lock.writes)
		}
	})
}
