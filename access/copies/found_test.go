package copies

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loquet/loquet/device"
)

// found are the slots in which something was found, as a word each.
func (r *rig) found() string {
	var words []string
	for _, f := range r.k.Found() {
		word := device.SlotActor(f.Slot)
		if f.Left {
			word += " left"
		}
		words = append(words, word)
	}
	return strings.Join(words, ", ")
}

// What somebody typed at the lock itself is found by reading, also where no slot is looked for, remembered over a
// restart, and forgotten when it is gone. Nothing of it is written or cleared.
func TestWhatIsFoundOnALock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 12)
		r.lock.set(func() { r.lock.slots[1], r.lock.slots[11] = "111222", "908171" })
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(5 * time.Minute)
		r.want("anna", Confirmed, 1)
		if got := r.found(); got != "slot:1, slot:11" {
			t.Fatalf("found %s", got)
		}
		if c := r.copy("anna"); c.Slot != 2 {
			t.Errorf("%+v", c)
		}
		for key, row := range r.s.rows {
			if strings.Contains(string(row), "111222") || strings.Contains(string(row), "908171") {
				t.Errorf("%s holds the digits", key)
			}
		}
		if err := r.k.Leave("front", 11); err != nil {
			t.Fatal(err)
		}
		if err := r.k.Leave("front", 5); !errors.Is(err, ErrNothingFound) {
			t.Errorf("slot 5: %v", err)
		}
		first := r.k.Found()[0].First
		r.lock.set(func() { r.lock.offline = true })
		r.k.Stop()
		r.start()
		defer func() { r.k.Stop() }()
		time.Sleep(time.Hour)
		if got := r.found(); got != "slot:1, slot:11 left" || !r.k.Found()[0].First.Equal(first) {
			t.Errorf("after a restart, the lock is away: %s", got)
		}
		r.lock.set(func() { r.lock.offline, r.lock.slots[11] = false, "335577"; delete(r.lock.slots, 1) })
		time.Sleep(8 * 24 * time.Hour)
		if got := r.found(); got != "slot:11" { // another one than the owner knows of
			t.Errorf("a week later: %s", got)
		}
		if r.lock.writes != 1 || r.lock.holds("335577") != 1 {
			t.Errorf("%d writes", r.lock.writes)
		}
		synctest.Wait()
		r.honest()
	})
}

// An owner clears what was found, and nothing else.
func TestWhatWasFoundIsCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer func() { r.k.Stop() }()
		r.lock.set(func() { r.lock.slots[1], r.lock.slots[4] = "111222", "908171" })
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(5 * time.Minute)
		if got := r.found(); got != "slot:1, slot:4" {
			t.Fatalf("found %s", got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for what, c := range map[string]struct {
			lock string
			slot int
			want error
		}{
			"a code of the house": {"front", 2, ErrNothingFound},
			"an empty slot":       {"front", 3, ErrNothingFound},
			"no slot":             {"front", 77, ErrNothingFound},
			"no lock":             {"attic", 1, ErrNoAnswer},
		} {
			if err := r.k.Clear(ctx, c.lock, c.slot); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
		r.want("anna", Confirmed, 1)
		r.lock.set(func() { r.lock.slots[1] = "335577" }) // the owner means another one
		if err := r.k.Clear(ctx, "front", 1); !errors.Is(err, ErrOtherNow) || r.lock.holds("335577") != 1 {
			t.Errorf("it is another one: %v", err)
		}
		if err := r.k.Clear(ctx, "front", 1); err != nil || r.lock.holds("335577") != 0 {
			t.Errorf("the one that was told: %v", err)
		}
		r.lock.set(func() { delete(r.lock.slots, 4) })
		if err := r.k.Clear(ctx, "front", 4); err != nil {
			t.Errorf("it is gone already: %v", err)
		}
		if got := r.found(); got != "" {
			t.Errorf("still %s", got)
		}
		r.lock.set(func() { r.lock.slots[4] = "908171" })
		time.Sleep(8 * 24 * time.Hour)
		r.lock.set(func() { r.lock.offline = true })
		if err := r.k.Clear(ctx, "front", 4); !errors.Is(err, ErrNoAnswer) || r.found() != "slot:4" {
			t.Errorf("the lock is away: %v, found %q", err, r.found())
		}
	})
}

// What was found becomes a code of somebody's: it is taken to be where it is, and not written a second time.
func TestWhatWasFoundIsGivenToSomebody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer func() { r.k.Stop() }()
		r.lock.set(func() { r.lock.slots[4], r.lock.refuses = "908171", true })
		time.Sleep(5 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		keys, err := r.k.Digits(ctx, "front", 4)
		if err != nil || keys != "908171" {
			t.Fatalf("%d digits, %v", len(keys), err)
		}
		r.b.add("anna", keys)
		r.k.Wake()
		time.Sleep(time.Minute)
		r.want("anna", Confirmed, 1)
		if c := r.copy("anna"); c.Slot != 4 || r.lock.writes != 0 || r.found() != "" {
			t.Errorf("%+v after %d writes, found %q", c, r.lock.writes, r.found())
		}
		r.b.remove("anna")
		r.k.Wake()
		time.Sleep(time.Minute)
		r.want("anna", "", 0)
		if _, err := r.k.Digits(t.Context(), "front", 4); !errors.Is(err, ErrNothingFound) {
			t.Error(err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer func() { r.k.Stop() }()
		r.lock.set(func() { r.lock.slots[4], r.lock.traits.ReadsBack = "908171", false })
		time.Sleep(5 * time.Minute)
		if _, err := r.k.Digits(t.Context(), "front", 4); !errors.Is(err, ErrNotShown) || r.found() != "slot:4" {
			t.Errorf("digits that nobody sees: %v, found %q", err, r.found())
		}
	})
}

// A lock that answers with stars says so only when somebody has seen it: a code of ours is not taken for a stranger's.
func TestALockThatTurnsOutToHideItsDigits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer func() { r.k.Stop() }()
		r.lock.set(func() { r.lock.hides = true })
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(time.Hour)
		r.want("anna", Confirmed, 1)
		if r.lock.writes != 1 || r.found() != "" {
			t.Errorf("%d writes, found %q", r.lock.writes, r.found())
		}
		r.b.remove("anna")
		r.k.Wake()
		time.Sleep(time.Hour)
		r.want("anna", "", 0)
	})
}

// A duplicate that the lock refuses in words is not on it, is not tried without end, and comes when the other is gone.
func TestADuplicateThatTheLockRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 5)
		defer func() { r.k.Stop() }()
		r.lock.set(func() { r.lock.says, r.lock.hides, r.lock.slots[5] = true, true, "739154" })
		r.b.add("anna", "739154")
		r.k.Wake()
		time.Sleep(24 * time.Hour)
		r.want("anna", Failed, 1)
		if c := r.copy("anna"); c.Why != "the lock refused it" || c.Written || r.lock.writes > 12 {
			t.Errorf("%+v after %d writes", c, r.lock.writes)
		}
		if err := r.k.Clear(t.Context(), "front", 5); err != nil {
			t.Fatal(err)
		}
		time.Sleep(lastRetry + time.Minute)
		r.want("anna", Confirmed, 1)
	})
}
