package board

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// What an input is said to be was asked for, and a newer answer is not undone by an older one.
func TestInputs(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		in, err := b.Input(t.Context(), "input-1", hw.InputOptions{ActiveLow: true})
		if err != nil {
			t.Fatal(err)
		}
		watch := in.Watch(t.Context())
		if level := <-watch; !level.Active {
			t.Error("an input that is low and active-low is not active")
		}
		f.do(func() { f.inputs[1] = true; f.link.changed <- struct{}{} })
		synctest.Wait()
		if level := <-watch; level.Active || time.Since(level.At) != 0 {
			t.Errorf("%+v", level)
		}
		b.mu.Lock()
		in.(*input).seen(false, time.Now().Add(-time.Minute))
		b.mu.Unlock()
		if level, err := in.Read(t.Context()); err != nil || level.Active {
			t.Errorf("%+v, %v", level, err)
		}
		f.do(func() { delete(f.inputs, 1) }) // a button: it has no level
		pass(time.Second)
		if _, ok := <-watch; ok {
			t.Error("a level that nobody tells")
		}
		var op *hw.OpError
		if _, err := in.Read(t.Context()); !errors.As(err, &op) || op.Hint != "make it a switch" || b.Why() != nil {
			t.Errorf("%v", err)
		}
		f.do(func() { f.inputs[1] = false })
		watch = in.Watch(t.Context())
		f.cut()
		pass(0)
		if _, err := in.Read(t.Context()); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("a board that is away: %v", err)
		}
		f.heal()
		pass(time.Second)
		if level := <-watch; !level.Active {
			t.Errorf("%+v", level)
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if _, err := in.Read(t.Context()); !errors.Is(err, hw.ErrClosed) {
			t.Errorf("a closed input: %v", err)
		}
	})
}

// A question over the connection before says nothing of the one that is.
func TestAnOldQuestion(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		in, err := b.Input(t.Context(), "input-1", hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		pass(0)
		begun, release := f.hold("ask")
		failed := make(chan error, 1)
		go func() { _, err := in.Read(t.Context()); failed <- err }()
		<-begun
		f.do(func() { f.held = "" }) // but that one question
		f.cut()
		f.heal()
		pass(300 * time.Millisecond)
		release()
		if err := <-failed; err == nil || b.Why() != nil || len(f.tried()) != 2 {
			t.Errorf("%v; the board: %v, %d connections", err, b.Why(), len(f.tried()))
		}
	})
}

// A relay that the board does not have is not used, and the owner is told.
func TestMissing(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		out := relay(t, b, "relay-4")
		var op *hw.OpError
		pass(time.Second)
		if here(out) || !errors.As(b.Why(), &op) || op.Hint != "buy one with more" {
			t.Errorf("%v", b.Why())
		}
	}, func(p *Plan) { p.Relays.Count = 4 })
}

// A board that cannot be asked is not.
func TestNotAsked(t *testing.T) {
	bubble(t, func(t *testing.T, b *Board, f *far) {
		out := relay(t, b, "relay-1")
		f.do(func() { f.high[1] = true })
		pass(time.Hour)
		if !here(out) || b.Why() != nil {
			t.Error("it was asked")
		}
	}, func(p *Plan) { p.Poll = 0 })
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := plan(newFar())
		p.Inputs.Count, p.Falls = 0, true
		b := New(zerolog.Nop(), p)
		for _, line := range []string{"relay-0", "relay-4", "relay-01", "relay-", "1", "input-1", "relay-1 ", "relay-+1"} {
			if _, err := b.Output(t.Context(), line, hw.OutputOptions{Cap: 1}); !errors.Is(err, hw.ErrNoLine) {
				t.Errorf("%q: %v", line, err)
			}
		}
		if _, err := b.Input(t.Context(), "input-1", hw.InputOptions{}); !errors.Is(err, hw.ErrNoLine) {
			t.Errorf("an input of a board without: %v", err)
		}
		if _, err := b.Output(t.Context(), "relay-1", hw.OutputOptions{}); err == nil {
			t.Error("a relay that shall stay is lent")
		}
		all, err := b.Lines()
		if err != nil || len(all) != 3 || all[2] != (hw.LineInfo{Name: "relay-3", Output: true}) {
			t.Errorf("%v, %v", all, err)
		}
		relay(t, b, "relay-1")
		if _, err := b.Output(t.Context(), "relay-1", hw.OutputOptions{Cap: 1}); !errors.Is(err, hw.ErrInUse) {
			t.Errorf("a second time: %v", err)
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		if _, err := b.Output(t.Context(), "relay-2", hw.OutputOptions{Cap: 1}); !errors.Is(err, hw.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}
