package board

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// Every relay that is lent is brought to rest before anybody may use one, also one that is lent in the middle of that.
func TestBroughtToRestFirst(t *testing.T) {
	for _, middle := range []string{"rest", "ask"} {
		bubble(t, func(t *testing.T, b *Board, f *far) {
			first := relay(t, b, "relay-1")
			f.cut()
			pass(0)
			begun, release := f.hold(middle)
			f.do(func() { f.rested, f.high = nil, map[int]bool{1: true, 2: true} })
			f.heal()
			<-begun
			second := relay(t, b, "relay-2")
			if here(first) || here(second) {
				t.Error("a relay is there before all of them are at rest")
			}
			release()
			if !here(first) || !here(second) || !slices.Equal(f.atRest(), []int{1, 2}) || f.level(1) || f.level(2) || len(f.tried()) != 2 {
				t.Errorf("there: %v, %v; brought to rest: %v, %d connections", here(first), here(second), f.atRest(), len(f.tried()))
			}
		})
	}
}

// An order that is under way when the connection is made anew comes before its relay is brought to rest.
func TestAnOrderOnItsWay(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		out := relay(t, b, "relay-1")
		begun, release := f.hold("set")
		go func() { _ = out.Set(t.Context(), true, time.Second) }()
		<-begun
		f.cut()
		f.heal()
		pass(300 * time.Millisecond)
		if len(f.atRest()) != 1 || here(out) {
			t.Errorf("brought to rest %v, there %v, with an order on its way", f.atRest(), here(out))
		}
		release()
		if pass(0); f.level(1) || !here(out) || f.heard() != 1 {
			t.Errorf("high %v, there %v", f.level(1), here(out))
		}
	})
}

// The board may end a pulse by itself: that is nobody else.
func TestThePulseEnds(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		out, err := b.Output(t.Context(), "relay-1", hw.OutputOptions{Cap: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		if err := out.Set(t.Context(), true, 10*time.Second); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Second)
		f.do(func() { f.high[1] = false })
		pass(3 * time.Second)
		if !here(out) || len(f.tried()) != 1 {
			t.Errorf("the pulse of the board was taken for somebody else's: %v", b.Why())
		}
	})
}

// An order goes through while the board is there, and not else. One that is lost is unsure, and begins all anew.
func TestOrders(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		out := relay(t, b, "relay-1")
		if err := out.Set(t.Context(), true, time.Second); err != nil || !f.level(1) {
			t.Errorf("an order: %v", err)
		}
		f.cut()
		pass(0)
		if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) || f.heard() != 1 || !f.level(1) {
			t.Errorf("an order to nobody: %v", err)
		}
		f.heal()
		pass(time.Second)
		if !here(out) || f.level(1) || !f.hurried() {
			t.Errorf("there %v, high %v, urgent %v", here(out), f.level(1), f.hurried())
		}
		f.do(func() { f.lose = true })
		if err := out.Set(t.Context(), true, time.Second); !errors.Is(err, device.ErrUnsure) || f.heard() != 2 {
			t.Errorf("an order whose answer is lost: %v, heard %d times", err, f.heard()-1)
		}
		f.do(func() { f.lose = false })
		pass(300 * time.Millisecond) // and not only when the pulse is over
		if !here(out) || f.level(1) || f.heard() != 2 {
			t.Errorf("there %v, high %v, %d orders", here(out), f.level(1), f.heard())
		}
	})
}

// Who does not get his turn before the pulse would be over has ordered nothing.
func TestBusy(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		one, two := relay(t, b, "relay-1"), relay(t, b, "relay-2")
		begun, release := f.hold("set")
		go func() { _ = one.Set(t.Context(), true, time.Second) }()
		<-begun
		began := time.Now()
		err := two.Set(t.Context(), true, 300*time.Millisecond)
		if took := time.Since(began); !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) || took != 300*time.Millisecond {
			t.Errorf("%v after %v", err, took)
		}
		release()
		if f.level(2) || f.heard() != 1 {
			t.Error("the order that came too late was carried out")
		}
	})
}

// A relay that somebody else switches, and one of a board that has started again, is brought to rest.
func TestSomebodyElse(t *testing.T) {
	for _, rest := range []bool{false, true} {
		bubble(t, func(t *testing.T, b *Board, f *far) {
			out, err := b.Output(t.Context(), "relay-3", hw.OutputOptions{Rest: rest})
			if err != nil {
				t.Fatal(err)
			}
			watch := out.Watch(t.Context())
			<-watch
			f.do(func() { f.high[3] = !rest })
			pass(time.Second)
			if _, ok := <-watch; ok || f.level(3) == rest {
				t.Error("nobody is told that the relay moved")
			}
			pass(time.Second)
			if level, ok := out.Last(); !ok || level.Active != rest || f.level(3) != rest || f.heard() != 0 {
				t.Errorf("%v, %v; high %v", level, ok, f.level(3))
			}
		})
	}
}

// Trying again takes ever longer, begins anew after each success, and does not wait when somebody says that the board is
// back.
func TestTriesAgain(t *testing.T) {
	synctest.Test(t, triesAgain)
}

func triesAgain(t *testing.T) {
	f := newFar()
	f.there = false
	var log bytes.Buffer
	p := plan(f)
	come := make(chan struct{}, 1)
	p.Come = come
	b := New(zerolog.New(&log), p)
	began := time.Now()
	pass(6 * time.Second)
	var waits []time.Duration
	for _, try := range f.tried() {
		waits = append(waits, try.Sub(began))
	}
	if want := []time.Duration{0, 250, 750, 1750, 3750, 5750}; !slices.EqualFunc(waits, want, func(a, b time.Duration) bool { return a == b*time.Millisecond }) {
		t.Errorf("tried after %v", waits)
	}
	f.heal()
	come <- struct{}{}
	pass(0)
	if b.Why() != nil {
		t.Error("nobody tries when somebody says that the board is back")
	}
	for range 2 {
		f.cut()
		pass(0)
		f.heal()
		pass(250 * time.Millisecond)
		if b.Why() != nil {
			t.Error("the first try takes long")
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if got := strings.Count(log.String(), "cannot be used"); got != 3 {
		t.Errorf("the log has %d times that the board is away, not 3:\n%s", got, log.String())
	}
}

// Why says what is wrong and what to do, and never that something is unsure: whoever asks has sent nothing.
func TestWhy(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		hint string
	}{
		"away":     {errors.New("no answer"), "see that it is there"},
		"strange":  {Unusable("the far board", "switch that off", "it moves %s", "by itself"), "switch that off"},
		"unsure":   {device.ErrUnsure, "see that it is there"},
		"both":     {fmt.Errorf("%w: %w", device.ErrUnavailable, device.ErrUnsure), "see that it is there"},
		"explains": {&hw.OpError{Op: "ask", Err: errors.New("an echo"), Hint: "switch the echo off"}, "switch the echo off"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, b *Board, f *far) {
				err := b.Why()
				var op *hw.OpError
				if !errors.Is(err, device.ErrUnavailable) || errors.Is(err, device.ErrUnsure) || !errors.As(err, &op) || !strings.Contains(op.Hint, c.hint) {
					t.Errorf("%v, %+v", err, op)
				}
				if got := hw.Why(relay(t, b, "relay-1")); got == nil || got.Error() != err.Error() {
					t.Errorf("a relay says %v", got)
				}
				in, _ := b.Input(t.Context(), "input-1", hw.InputOptions{})
				if _, got := in.Read(t.Context()); got == nil || got.Error() != err.Error() {
					t.Errorf("an input says %v", got)
				}
			}, func(p *Plan) { p.Connect = func(context.Context, bool) (Link, error) { return nil, c.err } })
		})
	}
}

// A relay that is refused while the board is there: the board is looked at from the start, and not used until it lets the
// relay rest.
func TestRefused(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		first := relay(t, b, "relay-1")
		f.do(func() { f.refuse = Unusable("the far board", "switch that off", "it moves by itself") })
		second := relay(t, b, "relay-2")
		pass(time.Second)
		var op *hw.OpError
		if here(first) || here(second) || !errors.As(b.Why(), &op) || op.Hint != "switch that off" {
			t.Errorf("%v, %v: %v", here(first), here(second), b.Why())
		}
		f.do(func() { f.refuse = nil })
		pass(2 * time.Second)
		if !here(first) || !here(second) {
			t.Error("it is not used again")
		}
		f.do(func() { f.refuse = errors.New("not that") })
		if err := first.Set(t.Context(), true, time.Second); errors.Is(err, device.ErrUnsure) || err == nil || b.Why() != nil {
			t.Errorf("an order that is refused: %v; the board: %v", err, b.Why())
		}
		f.do(func() { f.refuse, f.high[1] = nil, true })
		pass(time.Second + 300*time.Millisecond)
		if !here(first) || f.level(1) {
			t.Error("after an order that was refused nobody sees that somebody else switches the relay")
		}
	})
}

// timeless is a test without a deadline, which may not be asked for in a bubble.
type timeless struct{ rapid.TB }

// Whatever the network does, and whoever lends and orders when: nothing is energised without an order, an order is heard
// once at most, none before its relay was brought to rest over that connection, and in the end all are at rest.
func TestWhateverTheNetworkDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(timeless{t}, func(t *rapid.T) {
			f := newFar()
			b := New(zerolog.Nop(), plan(f))
			lent, ordered := map[int]hw.Output{}, 0
			for range rapid.IntRange(1, 40).Draw(t, "steps") {
				n := rapid.IntRange(1, 3).Draw(t, "relay")
				switch rapid.IntRange(0, 8).Draw(t, "step") {
				case 0:
					f.cut()
				case 1:
					f.heal()
				case 2:
					lose := rapid.Bool().Draw(t, "lose")
					f.do(func() { f.lose = lose })
				case 3:
					f.do(func() { f.high[n] = true }) // somebody else
				case 4:
					if out := lent[n]; out != nil {
						_ = out.Close()
						delete(lent, n)
					}
				case 5, 6:
					if lent[n] == nil {
						out, err := b.Output(t.Context(), []string{"", "relay-1", "relay-2", "relay-3"}[n], hw.OutputOptions{Cap: time.Second})
						if err != nil {
							t.Fatal(err)
						}
						lent[n] = out
						break
					}
					before := f.heard()
					err := lent[n].Set(t.Context(), true, 500*time.Millisecond)
					ordered++
					if heard := f.heard() - before; heard > 1 || heard == 1 != (err == nil || errors.Is(err, device.ErrUnsure)) {
						t.Fatalf("an order was heard %d times: %v", heard, err)
					}
				default:
					pass(time.Duration(rapid.IntRange(0, 3000).Draw(t, "time")) * time.Millisecond)
				}
				synctest.Wait()
				if f.tooEarly() {
					t.Fatal("an order went to a relay that was not brought to rest")
				}
			}
			f.do(func() { f.lose = false })
			f.heal()
			pass(10 * time.Second)
			for n, out := range lent {
				if level, ok := out.Last(); !ok || level.Active || f.level(n) {
					t.Fatalf("relay-%d: %v, there %v, high %v; %v", n, level.Active, ok, f.level(n), b.Why())
				}
			}
			if f.heard() > ordered {
				t.Fatalf("%d orders were heard of %d", f.heard(), ordered)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}
