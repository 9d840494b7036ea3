package access_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/access"
)

func TestLockoutWaits(t *testing.T) {
	var l access.Lockout
	now := time.Now()
	var waits []time.Duration
	for range 13 {
		wait := l.Miss(now)
		waits = append(waits, wait/time.Minute)
		now = now.Add(wait)
		if l.Wait(now) != 0 || wait > 0 && l.Wait(now.Add(-1)) != 1 {
			t.Errorf("it listens %s and %s from the end", l.Wait(now), l.Wait(now.Add(-1)))
		}
	}
	if want := []time.Duration{0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60}; !slices.Equal(waits, want) {
		t.Errorf("%d min", waits)
	}
	l.Hit()
	if wait := l.Miss(now); wait != 0 {
		t.Errorf("%s after a right code", wait)
	}
}

func TestARightCodeBuysNoGuesses(t *testing.T) {
	var l access.Lockout
	now := time.Now()
	for i := range access.MaxGuesses {
		if wait := l.Miss(now); i < access.MaxGuesses-1 && wait != 0 || i == access.MaxGuesses-1 && wait < 23*time.Hour {
			t.Errorf("try %d: %s", i, wait)
		}
		l.Hit()
		now = now.Add(time.Second)
	}
}

func TestADayWithoutAny(t *testing.T) {
	var l access.Lockout
	now := time.Now()
	for range 8 {
		now = now.Add(l.Miss(now))
	}
	now = now.Add(access.GuessSpan)
	if !l.Quiet(now) || l.Miss(now) != 0 {
		t.Error("it does not begin anew")
	}
}

func TestDamagedLockouts(t *testing.T) {
	now := time.Now()
	for _, text := range []string{"", "null", "{}", `{"version":2}`, `{"version":1,"row":-1}`, `{"version":1,"row":1,"wait":-5}`, `{"version":1,"wait":99999999999999}`,
		`{"version":1,"ages":[-1]}`, `{"version":1,"ages":[1,2]}`, `{"version":1,"ages":[86400000000001]}`, `{"version":1,"row":1e30}`} {
		l, err := access.RestoreLockout([]byte(text), now)
		if !errors.Is(err, access.ErrLockout) || l.Wait(now) != access.MaxWait {
			t.Errorf("%s: waits %s, %v", text, l.Wait(now), err)
		}
	}
}

// However misses, hits, restarts, power cuts and pauses follow each other, 24 hours hold 35 wrong tries at
// most, and nobody waits longer than a day; without a right code in between, no longer than an hour.
func TestLockoutProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Now()
		now, l := start, &access.Lockout{}
		var disk []byte
		var tries []time.Time
		hits := false
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(30*time.Hour)).Draw(t, "pause")))
			case 1:
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "short pause")))
			case 2: // restart: the wait that is left does not get shorter
				wait := l.Wait(now)
				r, err := access.RestoreLockout(l.Record(now), now.Add(time.Hour))
				if err != nil {
					t.Fatal(err)
				}
				if now = now.Add(time.Hour); r.Wait(now) < wait {
					t.Fatalf("waits %s after a restart, %s before", r.Wait(now), wait)
				}
				l = r
			case 3: // power cut while somebody types: the guess was seen by nobody but counts
				if l.Wait(now) > 0 {
					continue
				}
				l.Begin()
				disk = l.Record(now)
				tries = append(tries, now)
				var err error
				if l, err = access.RestoreLockout(disk, now); err != nil {
					t.Fatal(err)
				}
			case 4:
				if l.Wait(now) == 0 {
					l.Hit()
					hits = true
				}
			default:
				wait := l.Wait(now)
				if wait > access.GuessSpan || wait > access.MaxWait && !hits {
					t.Fatalf("closed for %s", wait)
				}
				now = now.Add(wait)
				l.Miss(now)
				tries = append(tries, now)
			}
		}
		for i := range tries {
			if j := i + access.MaxGuesses; j < len(tries) && tries[j].Sub(tries[i]) < access.GuessSpan {
				t.Fatalf("%d tries in %s", access.MaxGuesses+1, tries[j].Sub(tries[i]))
			}
		}
	})
}
