package years

import (
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const year = 365 * 24 * time.Hour

func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number above 0", name, text)
	}
	return n
}

// TestYears lives with doors. A house has one door, or two that are a mantrap.
func TestYears(t *testing.T) {
	want, seed := number(t, "LOQUET_YEARS", 4), number(t, "LOQUET_SEED", 1)
	span := year
	if testing.Short() {
		span = 30 * 24 * time.Hour
	}
	var lived, orders, commands atomic.Int64
	began := time.Now()
	t.Run("houses", func(t *testing.T) {
		for n := 0; n < want; seed++ {
			h := draw(uint64(seed))
			n += len(h.specs)
			t.Run(strconv.Itoa(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					h.t = t
					h.liveFor(span)
				})
				lived.Add(int64(len(h.specs)))
				orders.Add(int64(h.book.orders))
				commands.Add(int64(h.book.commands))
			})
		}
	})
	t.Logf("%d door-years (seeds up to %d), %d commands, %d orders to relays, in %v",
		lived.Load(), seed-1, commands.Load(), orders.Load(), time.Since(began).Round(time.Second))
	if o := orders.Load(); !t.Failed() && o < 50*lived.Load() {
		t.Errorf("%d orders: this test has tested little", o)
	}
}
