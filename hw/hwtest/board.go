package hwtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/hw"
)

// BoardRig is a board with probes on one output and one input.
type BoardRig struct {
	Board hw.Board
	Out   string // an output that may be energised for a moment
	In    string // an input; empty where the board has none

	High   func() bool // the voltage of Out
	Clicks func() int  // how often Out went from rest by an order, counted by the device
	Drive  func(bool)  // sets the voltage of In

	// Networked boards lend no output that may stay away from rest for ever: nobody could take it back.
	Networked bool

	Close func() error // the suite calls it at the end
	Wire  *Wire        // nil where there is no connection
}

// lasting asks for an output that stays for longer than any test takes.
func (r BoardRig) lasting() hw.OutputOptions {
	if r.Networked {
		return hw.OutputOptions{Cap: time.Hour}
	}
	return hw.OutputOptions{}
}

// TestBoard runs the suite on a board. rig makes a new one, with In low.
func TestBoard(t *testing.T, rig func(t *testing.T) BoardRig) {
	run := func(name string, f func(t *testing.T, r BoardRig)) {
		t.Run(name, func(t *testing.T) {
			r := rig(t)
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f(t, r)
		})
	}
	run("a request brings the rest level", requestAtRest)
	run("an output comes back by itself", capped)
	run("an output is at rest after close", outputClosed)
	run("an output is lent once", lentOnce)
	run("lines that are not there", noLines)
	run("an output that may stay is refused on a network", staying)
	run("cancelled is not sent", cancelledSet)
	r := rig(t)
	t.Cleanup(func() { _ = r.Close() })
	if r.In != "" {
		run("an input is read and watched", inputs)
	}
	if r.Wire != nil {
		run("lines go and come back", linesComeBack)
	}
}

// levels are the four ways to request an output.
var levels = []hw.OutputOptions{
	{Cap: time.Second}, {Cap: time.Second, ActiveLow: true},
	{Cap: time.Second, Rest: true}, {Cap: time.Second, Rest: true, ActiveLow: true},
}

// output requests Out and gives it back at the end.
func (r BoardRig) output(t *testing.T, o hw.OutputOptions) hw.Output {
	t.Helper()
	out, err := r.Board.Output(t.Context(), r.Out, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
	return out
}

func requestAtRest(t *testing.T, r BoardRig) {
	for _, o := range levels {
		out := r.output(t, o)
		if r.High() != (o.Rest != o.ActiveLow) {
			t.Errorf("%+v: the line is high %v", o, r.High())
		}
		if level, ok := out.Last(); !ok || level.Active != o.Rest {
			t.Errorf("%+v: it says %+v, %v", o, level, ok)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
	if got := r.Clicks(); got != 0 {
		t.Errorf("%d clicks by requests", got)
	}
}

func capped(t *testing.T, r BoardRig) {
	for i, o := range levels {
		o.Cap = 300 * time.Millisecond // a serial board is ordered and asked in that time, on a busy machine too
		out := r.output(t, o)
		watch := out.Watch(t.Context())
		if first := <-watch; first.Active != o.Rest {
			t.Errorf("%+v: first level %+v", o, first)
		}
		began := time.Now()
		if err := out.Set(t.Context(), !o.Rest, time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := out.Set(t.Context(), !o.Rest, time.Hour); err != nil && !errors.Is(err, hw.ErrStillOn) {
			t.Errorf("%+v: again: %v", o, err) // a busy machine may be at rest by now, hence also nil
		}
		waitLevel(t, watch, o.Rest)
		if took := time.Since(began); took < o.Cap {
			t.Errorf("%+v: at rest after %v", o, took)
		}
		if r.High() != (o.Rest != o.ActiveLow) {
			t.Errorf("%+v: it says rest and is not", o)
		}
		if got := r.Clicks(); got < i+1 {
			t.Errorf("%+v: %d clicks", o, got)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	}
}

func outputClosed(t *testing.T, r BoardRig) {
	out := r.output(t, r.lasting())
	watch := out.Watch(t.Context())
	if err := out.Set(t.Context(), true, 0); err != nil {
		t.Fatal(err)
	}
	if !r.High() {
		t.Fatal("it is not energised")
	}
	if err := errors.Join(out.Close(), out.Close()); err != nil {
		t.Error(err)
	}
	if r.High() {
		t.Error("it is energised after Close")
	}
	for range watch { // ends
	}
	if err := out.Set(t.Context(), true, 0); err == nil || r.High() {
		t.Errorf("an order after Close: %v", err)
	}
}

func lentOnce(t *testing.T, r BoardRig) {
	out := r.output(t, r.lasting())
	if _, err := r.Board.Output(t.Context(), r.Out, r.lasting()); !errors.Is(err, hw.ErrInUse) {
		t.Errorf("error %v, want in use", err)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	r.output(t, r.lasting())
}

func staying(t *testing.T, r BoardRig) {
	out, err := r.Board.Output(t.Context(), r.Out, hw.OutputOptions{})
	if err == nil {
		err = out.Close()
	} else if !r.Networked {
		t.Error(err)
	}
	if r.Networked && err == nil {
		t.Error("an output without a limit is lent")
	}
}

func noLines(t *testing.T, r BoardRig) {
	if _, err := r.Board.Output(t.Context(), "no/such-line", r.lasting()); !errors.Is(err, hw.ErrNoLine) {
		t.Errorf("output: error %v, want no such line", err)
	}
	if _, err := r.Board.Input(t.Context(), "no/such-line", hw.InputOptions{}); !errors.Is(err, hw.ErrNoLine) {
		t.Errorf("input: error %v, want no such line", err)
	}
}

func inputs(t *testing.T, r BoardRig) {
	for _, low := range []bool{false, true} {
		in, err := r.Board.Input(t.Context(), r.In, hw.InputOptions{ActiveLow: low})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		watch := in.Watch(ctx)
		for _, high := range []bool{false, true, false} {
			r.Drive(high)
			waitLevel(t, watch, high != low)
			before := time.Now()
			level, err := in.Read(ctx)
			if err != nil || level.Active != (high != low) || level.At.Before(before) {
				t.Errorf("active-low %v: read %+v, %v at %v", low, level, err, before)
			}
		}
		cancel()
		for range watch { // ends
		}
		if err := in.Close(); err != nil {
			t.Error(err)
		}
		if _, err := in.Read(t.Context()); err == nil {
			t.Error("a closed input is read")
		}
	}
}

func cancelledSet(t *testing.T, r BoardRig) {
	out := r.output(t, r.lasting())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := out.Set(ctx, true, 0); !errors.Is(err, context.Canceled) || r.High() || r.Clicks() != 0 {
		t.Errorf("error %v, energised %v", err, r.High())
	}
}

func linesComeBack(t *testing.T, r BoardRig) {
	out := r.output(t, r.lasting())
	watchIn := func() <-chan hw.Level { return nil }
	if r.In != "" {
		in, err := r.Board.Input(t.Context(), r.In, hw.InputOptions{})
		if err != nil {
			t.Fatal(err)
		}
		watchIn = func() <-chan hw.Level { return in.Watch(t.Context()) }
	}
	if err := out.Set(t.Context(), true, 0); err != nil {
		t.Fatal(err)
	}
	outs, ins := out.Watch(t.Context()), watchIn()
	r.Wire.Cut()
	for range outs { // ends
	}
	if ins != nil {
		for range ins { // ends
		}
	}
	if err := out.Set(t.Context(), true, 0); !errors.Is(err, device.ErrUnavailable) {
		t.Errorf("error %v, want unavailable", err)
	}
	if _, ok := out.Last(); ok {
		t.Error("it says a level that nobody knows")
	}
	outs, ins = out.Watch(t.Context()), watchIn()
	if ins != nil {
		r.Drive(true)
	}
	r.Wire.Heal()
	waitLevel(t, outs, false)
	if r.High() {
		t.Error("the output was not brought to rest when it was requested again")
	}
	if ins != nil {
		waitLevel(t, ins, true)
	}
	if got := r.Clicks(); got != 1 {
		t.Errorf("%d clicks, want only the first", got)
	}
}

func waitLevel(t *testing.T, ch <-chan hw.Level, want bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		select {
		case level, ok := <-ch:
			if !ok {
				t.Fatal("the line became unavailable")
			}
			if level.Active == want {
				return
			}
		case <-deadline:
			t.Fatalf("the level never becomes %v", want)
		}
	}
}
