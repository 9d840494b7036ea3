package copies

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

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
