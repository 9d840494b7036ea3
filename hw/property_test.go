package hw

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
)

// timeless is a test without a deadline, which may not be asked for in a bubble.
type timeless struct{ rapid.TB }

// Whatever is ordered, and however answers get lost: a momentary output is never away from rest for longer
// than its cap, every edge is an order of its own, and left alone it is at rest.
func TestNeverLongerThanTheCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			o := OutputOptions{Rest: rapid.Bool().Draw(t, "rest"), Cap: time.Duration(rapid.IntRange(1, 1000).Draw(t, "cap")) * time.Millisecond}
			w := &wire{}
			b := bounded(w, o)
			defer b.Close()
			accepted := 0
			for range rapid.IntRange(1, 50).Draw(t, "steps") {
				switch rapid.IntRange(0, 5).Draw(t, "step") {
				case 0, 1:
					limit := time.Duration(rapid.IntRange(-10, 3000).Draw(t, "max")) * time.Millisecond
					if b.Set(t.Context(), !o.Rest, limit) == nil {
						accepted++
					}
				case 2:
					_ = b.Set(t.Context(), o.Rest, 0)
				case 3:
					w.set(nil, func(active bool) error {
						if active != o.Rest {
							return device.ErrUnsure
						}
						return nil
					})
					_, before := w.state()
					err := b.Set(t.Context(), !o.Rest, time.Second)
					if _, after := w.state(); after > before {
						accepted++
					} else if err == nil {
						t.Fatal("an order that made no edge is accepted")
					}
					w.set(nil, nil)
				default:
					pass(time.Duration(rapid.IntRange(0, 1500).Draw(t, "time")) * time.Millisecond)
				}
				level, _ := w.state()
				if told, _ := b.Last(); told.Active != level {
					t.Fatalf("it is told to be %v and is %v", told.Active, level)
				}
			}
			pass(o.Cap)
			level, rises := w.state()
			if level != o.Rest || rises != accepted || w.worst > o.Cap {
				t.Fatalf("at rest %v after %d edges for %d orders, at most %v away from rest with a cap of %v", level == o.Rest, rises, accepted, w.worst, o.Cap)
			}
		})
	})
}
