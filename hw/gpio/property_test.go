package gpio

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/hw"
)

// timeless is a test without a deadline, which may not be asked for in a bubble.
type timeless struct{ rapid.TB }

// Whatever is ordered, and whenever the chip goes and comes back: no click without an order, none for
// longer than the cap, and left alone the line is at rest and works.
func TestNothingMovesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			o := hw.OutputOptions{Rest: rapid.Bool().Draw(t, "rest"), ActiveLow: rapid.Bool().Draw(t, "low"), Cap: time.Second}
			k := machine()
			c := k.plug("/dev/gpiochip0", "relays", 4, nil)
			b := newBoard(k, defaults(), zerolog.Nop())
			defer b.Close()
			out, err := b.Output(t.Context(), "relays/2", o)
			if err != nil {
				t.Fatal(err)
			}
			there, accepted := true, 0
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				switch rapid.IntRange(0, 4).Draw(t, "step") {
				case 0:
					if out.Set(t.Context(), !o.Rest, time.Duration(rapid.IntRange(0, 3000).Draw(t, "max"))*time.Millisecond) == nil {
						accepted++
					}
				case 1:
					_ = out.Set(t.Context(), o.Rest, 0)
				case 2:
					if there = !there; there {
						k.replug(c)
					} else {
						k.unplug(c)
					}
				default:
					time.Sleep(time.Duration(rapid.IntRange(0, 2500).Draw(t, "time")) * time.Millisecond)
					synctest.Wait()
				}
			}
			if !there {
				k.replug(c)
			}
			time.Sleep(3 * probe)
			synctest.Wait()
			level, ok := out.Last()
			if _, rises := c.tally(); rises != accepted || c.worst > o.Cap {
				t.Fatalf("%d clicks for %d orders, the longest %v", rises, accepted, c.worst)
			}
			if c.level(2) != (o.Rest != o.ActiveLow) || !ok || level.Active != o.Rest {
				t.Fatalf("left alone it is high %v, and says %+v, %v", c.level(2), level, ok)
			}
			if err := out.Set(t.Context(), !o.Rest, time.Second); err != nil {
				t.Fatalf("it does not work any more: %v", err)
			}
		})
	})
}
