package copies

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/access"
	"github.com/loquet/loquet/device"
)

// codelessBox is a lock that says that it holds no codes.
type codelessBox struct{ *lockbox }

func (codelessBox) SlotTraits(context.Context) (device.SlotTraits, error) {
	return device.SlotTraits{}, errors.ErrUnsupported
}

// A code that is given while a lock is away is shown there at once, and only where it will be tried.
func TestACodeForALockThatIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer r.k.Stop()
		dumb := codelessBox{newLockbox(5)}
		r.k.SetLocks(map[string]device.CodeSlots{"front": r.lock, "dumb": dumb})
		r.b.add("known", "739154")
		r.k.Wake()
		time.Sleep(time.Minute)
		r.want("known", Confirmed, 1)
		r.lock.set(func() { r.lock.offline = true })
		time.Sleep(3 * time.Hour) // far between two tries: nobody hurries it
		synctest.Wait()
		calls := func() (n int) { r.lock.set(func() { n = r.lock.calls }); return n }
		before := calls()
		now := time.Now()
		over := dates(now.Add(-48*time.Hour), now.Add(-24*time.Hour))
		later := dates(now.Add(48*time.Hour), now.Add(72*time.Hour))
		week := access.Window{Kind: access.Weekly, Days: 1 << ((now.Weekday() + 3) % 7), Begin: 9 * 60, End: 10 * 60, Zone: "UTC"}
		r.b.add("always", "739155")
		r.b.add("here", "739156", dates(now.Add(-time.Hour), now.Add(time.Hour)))
		r.b.add("later", "739157", later)
		r.b.add("weekly", "739158", week)
		r.b.add("over", "739159", over)
		r.b.add("twice", "739160", access.Window{Kind: access.Count, Uses: 2})
		r.b.add("elsewhere", "739161")
		r.b.add("revoked", "739162")
		r.b.add("card", "739163")
		r.b.change("elsewhere", func(c *access.Code) { c.Doors = []string{"back"} })
		r.b.change("revoked", func(c *access.Code) { c.Revoked = true })
		r.b.change("card", func(c *access.Code) { c.Kind = access.CardCode })
		r.k.Wake()
		synctest.Wait()
		if n := calls(); n != before {
			t.Fatalf("the lock was tried %d times meanwhile", n-before)
		}
		shown := func(id string) []Copy {
			t.Helper()
			return r.k.Shown(r.b.code(id))
		}
		for id, waits := range map[string]bool{"always": true, "here": true, "later": true, "weekly": true,
			"over": false, "twice": false, "elsewhere": false, "revoked": false, "card": false} {
			all := shown(id)
			if len(all) != map[bool]int{true: 1}[waits] {
				t.Errorf("%s: %+v", id, all)
				continue
			}
			if want := (Copy{Code: id, Lock: "front", State: Pending, Why: silentLock}); waits && all[0] != want {
				t.Errorf("%s: %+v", id, all[0])
			}
		}
		if all := shown("known"); len(all) != 1 || all[0].State != Confirmed && all[0].State != Unconfirmed {
			t.Errorf("one that it holds: %+v", all)
		}
		r.b.change("known", func(c *access.Code) { c.Revoked = true })
		if all := shown("known"); len(all) != 1 || all[0].State != Removing || all[0].Why != silentLock || all[0].Slot == 0 || all[0].Confirmed.IsZero() {
			t.Errorf("one that it is to lose: %+v", all)
		}
		if why := r.k.Ready(r.b.code("always"), "dumb"); why != "the lock holds no codes" {
			t.Errorf("a lock without codes: %s", why)
		}
		r.b.mu.Lock()
		r.b.bad = errors.New("damaged")
		r.b.mu.Unlock()
		if all := append(shown("always"), shown("known")...); len(all) != 1 || all[0].State == Removing {
			t.Errorf("while not all codes are known: %+v", all)
		}
		r.b.mu.Lock()
		r.b.bad = nil
		r.b.mu.Unlock()
		if all := r.k.Copies("always"); len(all) != 0 {
			t.Errorf("it was stored before it was tried: %+v", all)
		}
		r.lock.set(func() { r.lock.offline = false })
		time.Sleep(time.Hour - time.Minute)
		synctest.Wait()
		for id, want := range map[string]State{"always": Confirmed, "here": Confirmed, "later": Pending, "weekly": Pending} {
			if all := shown(id); len(all) != 1 || all[0].State != want || all[0].Why != "" {
				t.Errorf("%s, back again: %+v", id, all)
			}
		}
		if all := shown("known"); len(all) != 0 {
			t.Errorf("taken back, and the lock is there: %+v", all)
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if all := shown("here"); len(all) != 0 {
			t.Errorf("its time is over: %+v", all)
		}
	})
}

// A lock that never answered since the start is not said to have been asked in vain.
func TestACodeForALockThatWasNotReachedYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		r.k.Stop()
		defer func() { r.k.Stop() }()
		r.b.add("anna", "739154")
		wait := make(chan struct{})
		r.k.SetLocks(map[string]device.CodeSlots{"front": slowTraits{r.lock, wait}})
		synctest.Wait()
		if all := r.k.Shown(r.b.code("anna")); len(all) != 1 || all[0].State != Pending || all[0].Why != "the lock has not answered yet" {
			t.Errorf("%+v", all)
		}
		close(wait)
		time.Sleep(time.Minute)
		r.want("anna", Confirmed, 1)
	})
}

// slowTraits answers when it is let.
type slowTraits struct {
	*lockbox
	wait chan struct{}
}

func (s slowTraits) SlotTraits(ctx context.Context) (device.SlotTraits, error) {
	select {
	case <-s.wait:
	case <-ctx.Done():
		return device.SlotTraits{}, ctx.Err()
	}
	return s.lockbox.SlotTraits(ctx)
}
