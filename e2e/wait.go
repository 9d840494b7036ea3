package e2e

import (
	"testing"
	"time"
)

// Until asks again and again until ask returns an empty string, and fails the test with its last
// answer (what is still missing) when that has not come true in time. It returns how long it took.
func Until(t testing.TB, limit time.Duration, ask func() (missing string)) time.Duration {
	t.Helper()
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		missing := ask()
		if missing == "" {
			return time.Since(began)
		}
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, missing)
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test ended while waiting: " + missing)
		}
	}
}

// Always asks again and again for the whole time, and fails the test as soon as ask returns what is wrong.
func Always(t testing.TB, span time.Duration, ask func() (wrong string)) {
	t.Helper()
	end := time.NewTimer(span)
	defer end.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if wrong := ask(); wrong != "" {
			t.Fatalf("must hold for %v: %s", span, wrong)
		}
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-t.Context().Done():
			t.Fatal("the test ended while watching")
		}
	}
}

// Apart lets time pass that belongs to the case itself ("the same write again after 13 s"). It is not
// for waiting until something has happened: that is Until.
func Apart(t testing.TB, span time.Duration) {
	t.Helper()
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.Context().Done():
		t.Fatal("the test ended between two steps")
	}
}
