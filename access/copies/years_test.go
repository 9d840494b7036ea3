package copies

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// hands are what people put into slots at the lock itself. Nothing of it is ever ours to write or to clear.
type hands map[int]device.Keys

// untouched requires that the slots hold what hands put there.
func (h hands) untouched(r *rig) {
	r.t.Helper()
	r.lock.mu.Lock()
	defer r.lock.mu.Unlock()
	for n, keys := range h {
		if r.lock.slots[n] != keys {
			r.t.Errorf("slot %d was %s by hand, and is %q", n, keys, r.lock.slots[n])
		}
	}
}

// accounted requires that no digits of a removed code are on the lock without a copy that says so.
func (r *rig) accounted(by hands, pins map[string]device.Keys) {
	r.t.Helper()
	shown := map[string]Copy{}
	for _, c := range r.k.Copies("") {
		if c.Lock == "front" {
			shown[c.Code] = c
		}
	}
	r.lock.mu.Lock()
	defer r.lock.mu.Unlock()
	for id, pin := range pins {
		for n, keys := range r.lock.slots {
			if keys == pin && by[n] == "" && !shown[id].Written {
				r.t.Errorf("%s is in slot %d, and shown is %+v", id, n, shown[id])
			}
		}
	}
}

// TestALockThatNothingGoesRightFor lives through weeks with a lock that is away, loses calls, drops duplicates, is
// changed by hand, while codes come and go and the program is restarted: what is shown is never better than the
// truth, what hands put there stays, the other lock never waits, and all is well soon after the lock is.
func TestALockThatNothingGoesRightFor(t *testing.T) {
	weeks := uint64(2)
	if os.Getenv("LOQUET_LONG") != "" {
		weeks = 100
	}
	for seed := range weeks {
		synctest.Test(t, func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 11))
			r := newRig(t, 8)
			other := newLockbox(12)
			r.b.forgets = true
			r.lock.set(func() { r.lock.dice, r.lock.refuses = rand.New(rand.NewPCG(seed, 12)), dice.IntN(2) == 0 })
			locks := map[string]device.CodeSlots{"front": r.lock, "back": other}
			r.k.SetLocks(locks)
			by, pins, live, next := hands{}, map[string]device.Keys{}, map[string]device.Keys{}, 0
			for range 30 {
				switch dice.IntN(9) {
				case 0, 1: // a code, for ever or from some hours on
					id, pin := fmt.Sprint("c", next), device.Keys(fmt.Sprint(731000+next*7))
					if next++; len(live) > 5 {
						break
					}
					if from := time.Now().Add(time.Duration(dice.IntN(40)) * time.Hour); dice.IntN(2) == 0 {
						r.b.add(id, pin, dates(from, from.Add(30*time.Hour)))
					} else {
						r.b.add(id, pin)
					}
					live[id], pins[id] = pin, pin
					r.k.Wake()
				case 2:
					for id := range live {
						r.b.remove(id)
						delete(live, id)
						break
					}
					r.k.Wake()
				case 3:
					r.lock.set(func() { r.lock.offline = !r.lock.offline })
				case 4:
					r.lock.set(func() { r.lock.lossy = []float64{0, 0.49}[dice.IntN(2)] })
				case 5: // somebody at the lock's own keys takes a slot, whoever's it was
					if n := 1 + dice.IntN(8); len(by) < 2 {
						by[n] = device.Keys(fmt.Sprint(908100 + n))
						r.lock.set(func() { r.lock.slots[n] = by[n] })
					}
				case 6: // or empties one
					n := 1 + dice.IntN(8)
					delete(by, n)
					r.lock.set(func() { delete(r.lock.slots, n) })
				case 7:
					r.k.Stop()
					r.start()
					r.k.SetLocks(locks)
				case 8:
					time.Sleep(time.Duration(dice.IntN(14)) * time.Hour)
				}
				time.Sleep(time.Duration(dice.IntN(40)) * time.Second)
				synctest.Wait()
				r.honest()
				by.untouched(r)
				r.accounted(by, pins)
			}
			time.Sleep(time.Minute)
			for id, pin := range live { // what is true at the lock that is well, whatever the other one is at
				open := r.b.Opens(r.b.code(id), "back", r.k.o.Clock.Moment()).Allowed
				if n := other.holds(pin); n == 1 != open {
					t.Errorf("seed %d: the other lock holds %s %d times, it opens: %v", seed, id, n, open)
				}
			}
			r.lock.set(func() { r.lock.offline, r.lock.lossy = false, 0 })
			time.Sleep(26 * time.Hour) // what was changed by hand is seen within a day
			synctest.Wait()
			for id, pin := range pins {
				code, there := live[id]
				want := 0
				if there && r.b.Opens(r.b.code(id), "front", r.k.o.Clock.Moment()).Allowed {
					want = 1
				}
				if n := r.lock.holds(pin); n != want {
					t.Errorf("seed %d: %s %s is on the lock %d times, want %d: %+v", seed, id, code, n, want, r.front(id))
				}
				if c := r.front(id); want == 1 && c.State != Confirmed || !there && c.Code != "" {
					t.Errorf("seed %d: %+v, want on the lock %d times", seed, c, want)
				}
			}
			r.honest()
			by.untouched(r)
			r.k.Stop()
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		})
	}
}

// front is the copy of a code at the lock that this is about.
func (r *rig) front(id string) Copy {
	for _, c := range r.k.Copies(id) {
		if c.Lock == "front" {
			return c
		}
	}
	return Copy{}
}

func (b *book) code(id string) access.Code {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.codes {
		if c.ID == id {
			return c
		}
	}
	return access.Code{Doors: []string{}}
}

// Who took the slot of a code at the lock keeps it when the code is removed: nobody knows its digits any more then,
// but that these are others.
func TestASlotThatWasTakenByHandBeforeItsCodeWent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		r.b.forgets = true
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(time.Minute)
		r.lock.set(func() { r.lock.slots[1] = "111222" })
		r.b.remove("anna")
		r.k.Wake()
		time.Sleep(time.Hour)
		if r.lock.holds("111222") != 1 || len(r.k.Copies("")) != 0 {
			t.Errorf("it was cleared: %+v", r.k.Copies(""))
		}
		for key, row := range r.s.rows {
			if strings.Contains(string(row), "739154") {
				t.Errorf("%s holds the digits", key)
			}
		}
	})
}

// A code that is on the lock and cannot be any more is taken off it: nobody forgets where it was.
func TestACodeThatCannotBeOnTheLockAnyMore(t *testing.T) {
	for name, change := range map[string]func(r *rig){
		"it is removed while the lock is seen to": func(r *rig) {
			r.b.mu.Lock()
			delete(r.b.keys, "anna")
			r.b.mu.Unlock()
			r.k.Wake()
			time.Sleep(time.Minute)
			r.b.remove("anna")
		},
		"its uses are counted from now on": func(r *rig) {
			r.b.mu.Lock()
			r.b.codes[0].Windows = []access.Window{{Kind: access.Count, Uses: 3}}
			r.b.mu.Unlock()
		},
		"the lock takes other digits now": func(r *rig) {
			r.k.Stop()
			r.lock.set(func() { r.lock.traits.MinDigits = 8 })
			r.start()
			time.Sleep(25 * time.Hour) // it is read again then
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, 5)
				r.b.add("anna", "739154")
				r.k.Wake()
				time.Sleep(time.Minute)
				r.want("anna", Confirmed, 1)
				change(r)
				r.k.Wake()
				time.Sleep(time.Hour)
				if c := r.copy("anna"); r.lock.holds("739154") != 0 || c.Written {
					t.Errorf("it is on the lock %d times: %+v", r.lock.holds("739154"), c)
				}
				r.k.Stop()
			})
		})
	}
}

// A restart at any moment of a removal leaves nothing on the lock and nothing in the list.
func TestARestartInTheMiddleOfARemoval(t *testing.T) {
	for cut := 1; cut < 5; cut++ {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, 5)
			r.b.forgets = true
			r.b.add("anna", "739154")
			r.k.Wake()
			time.Sleep(time.Minute)
			r.want("anna", Confirmed, 1)
			calls, stop := 0, make(chan struct{})
			r.k.SetLocks(map[string]device.CodeSlots{"front": dyingbox{slowbox{r.lock, func() {
				if calls++; calls == cut {
					close(stop)
					<-time.After(time.Hour)
				}
			}}}})
			r.b.remove("anna")
			r.k.Wake()
			select {
			case <-stop:
			case <-time.After(time.Hour):
			}
			r.k.Stop()
			r.start()
			time.Sleep(time.Hour)
			if r.lock.holds("739154") != 0 || len(r.k.Copies("")) != 0 {
				t.Errorf("cut %d: %+v", cut, r.k.Copies(""))
			}
			r.k.Stop()
		})
	}
}

// dyingbox is a slowbox whose clears are slow, too.
type dyingbox struct{ slowbox }

func (d dyingbox) ClearSlot(ctx context.Context, n int) error {
	d.before()
	err := d.slowbox.ClearSlot(ctx, n)
	d.before()
	return err
}

// wordbox is a lock that tells when it can be reached again.
type wordbox struct {
	*lockbox
	back chan struct{}
}

func (w wordbox) Back() <-chan struct{} { return w.back }

// A lock that was away for a day is asked as soon as it is back.
func TestALockThatSaysItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		w := wordbox{r.lock, make(chan struct{}, 1)}
		r.lock.set(func() { r.lock.offline = true })
		r.k.SetLocks(map[string]device.CodeSlots{"front": w})
		r.b.add("anna", "739154")
		time.Sleep(24 * time.Hour)
		r.want("anna", "", 0)
		r.lock.set(func() { r.lock.offline = false })
		w.back <- struct{}{}
		time.Sleep(time.Second)
		r.want("anna", Confirmed, 1)
	})
}

// Guests who leave in the hour in which they came are off the lock when they leave: what was written does not keep
// anything from being cleared, and is bounded.
func TestWritesAreBoundedAndKeepNothingOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 60)
		defer r.k.Stop()
		now := time.Now()
		for i := range 40 {
			r.b.add(fmt.Sprintf("c%02d", i), device.Keys(fmt.Sprint(731000+i)), dates(now, now.Add(30*time.Minute)))
		}
		r.k.Wake()
		held := func() (n int) { r.lock.set(func() { n = len(r.lock.slots) }); return n }
		time.Sleep(29 * time.Minute)
		if n := held(); n != mostWrites || r.lock.writes != mostWrites {
			t.Errorf("%d codes after %d writes in half an hour, want %d", n, r.lock.writes, mostWrites)
		}
		time.Sleep(2 * time.Minute)
		if n := held(); n != 0 {
			t.Errorf("%d codes still open", n)
		}
	})
}

// A lock that hangs in every call, and one whose calls fail, keep no other waiting.
func TestADeadLockHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		locks := map[string]device.CodeSlots{"front": r.lock}
		var well []*lockbox
		for i := range 6 {
			box := newLockbox(5)
			locks[fmt.Sprint("w", i)], locks[fmt.Sprint("h", i)] = box, hanging{box}
			well = append(well, box)
		}
		r.lock.set(func() { r.lock.offline = true })
		r.k.SetLocks(locks)
		began := time.Now()
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(time.Second)
		for i, box := range well {
			if box.holds("739154") != 1 {
				t.Errorf("lock %d waits, %v after", i, time.Since(began))
			}
		}
		r.b.remove("anna")
		r.k.Wake()
		time.Sleep(time.Second)
		for i, box := range well {
			if box.holds("739154") != 0 {
				t.Errorf("lock %d still opens", i)
			}
		}
		r.k.Stop()
	})
}

// hanging answers nothing before it is given up.
type hanging struct{ *lockbox }

func (hanging) SlotTraits(ctx context.Context) (device.SlotTraits, error) {
	<-ctx.Done()
	return device.SlotTraits{}, ctx.Err()
}
