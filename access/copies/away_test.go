package copies

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

func TestALockThatIsOfflineForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		r.k.Stop()
		r.lock.set(func() { r.lock.offline = true }) // before it was ever reached
		r.start()
		other := newLockbox(5)
		r.k.SetLocks(map[string]device.CodeSlots{"front": r.lock, "back": other})
		defer r.k.Stop()
		r.b.add("anna", "739154")
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
