package hwtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

// KeypadRig is a keypad with the device behind it.
type KeypadRig struct {
	Keypad device.Keypad
	Type   func(keys string) // somebody types
	Shown  func() int        // how often the device was told to show or sound something

	Close func() error
	Cut   func() // the connection breaks; nil where there is none
	Heal  func()
}

// TestKeypad runs the suite on a keypad. rig makes a new one that is there, and at which nobody stands.
func TestKeypad(t *testing.T, rig func(t *testing.T) KeypadRig) {
	run := func(name string, f func(t *testing.T, r KeypadRig)) {
		t.Run(name, func(t *testing.T) {
			r := rig(t)
			closed := false
			r.Close = once(&closed, r.Close)
			t.Cleanup(func() {
				if err := r.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			f(t, r)
		})
	}
	run("nothing is shown at open and close", func(t *testing.T, r KeypadRig) {
		ctx, cancel := context.WithCancel(t.Context())
		entries := r.Keypad.Entries(ctx)
		r.Type("1")
		keys(t, entries, "1") // by now it has been spoken with
		cancel()
		for range entries { // ends
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n := r.Shown(); n != 0 {
			t.Errorf("it showed something %d times", n)
		}
	})
	run("each key comes once, in order, to whoever listens", func(t *testing.T, r KeypadRig) {
		first := r.Keypad.Entries(t.Context())
		r.Type("0042#")
		keys(t, first, "0042#")
		second := r.Keypad.Entries(t.Context()) // hears nothing of before
		r.Type("7")
		keys(t, first, "7")
		keys(t, second, "7")
	})
	run("a verdict is shown, and waits for nobody", func(t *testing.T, r KeypadRig) {
		entries := r.Keypad.Entries(t.Context())
		for kind := device.VerdictNone; kind <= device.VerdictFailed; kind++ {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if err := r.Keypad.Feedback(ctx, device.Verdict{Kind: kind}); err != nil {
				t.Errorf("%v: %v", kind, err)
			}
			cancel()
		}
		r.Type("9")
		keys(t, entries, "9")
	})
	r := rig(t)
	t.Cleanup(func() { _ = r.Close() })
	if r.Cut != nil {
		run("it goes and comes back", keypadComesBack)
	}
}

// keypadComesBack breaks the connection, twice.
func keypadComesBack(t *testing.T, r KeypadRig) {
	for range 2 {
		entries := r.Keypad.Entries(t.Context())
		r.Type("1")
		keys(t, entries, "1")
		r.Cut()
		for range entries { // ends
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := r.Keypad.Feedback(ctx, device.Verdict{Kind: device.VerdictWrong}); !errors.Is(err, device.ErrUnavailable) {
			t.Errorf("feedback without a connection: %v, want unavailable", err)
		}
		cancel()
		r.Heal()
		deadline := time.Now().Add(patience)
		for back := false; !back; { // closed at once while it is away
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			ended := false
			for range r.Keypad.Entries(ctx) {
				t.Error("a key that nobody pressed")
			}
			ended = ctx.Err() == nil
			cancel()
			if back = !ended; !back && time.Now().After(deadline) {
				t.Fatal("it does not come back")
			}
		}
	}
	if n := r.Shown(); n != 0 {
		t.Errorf("it showed something %d times", n)
	}
}

// once lets close be called again.
func once(closed *bool, f func() error) func() error {
	return func() error {
		if *closed {
			return nil
		}
		*closed = true
		return f()
	}
}

// keys waits for keys, however they are cut into entries.
func keys(t *testing.T, entries <-chan device.KeypadEntry, want string) {
	t.Helper()
	deadline := time.After(patience)
	got := ""
	for got != want {
		select {
		case e, ok := <-entries:
			if !ok {
				t.Fatal("the keypad became unavailable")
			}
			if e.Card != nil || e.Arrived.IsZero() || e.Arrived.After(time.Now()) {
				t.Errorf("%v", e)
			}
			got += string(e.Keys)
			if len(got) > len(want) || want[:len(got)] != got {
				t.Fatalf("keys %q, want %q", got, want)
			}
		case <-deadline:
			t.Fatalf("keys %q, want %q", got, want)
		}
	}
}

// SensorRig is a contact with what it is mounted on.
type SensorRig struct {
	Sensor device.Sensor
	Move   func(open bool)
	Close  func() error
}

// TestSensor runs the suite on a contact. rig makes a new one, closed.
func TestSensor(t *testing.T, rig func(t *testing.T) SensorRig) {
	r := rig(t)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	for _, open := range []device.Tri{device.No, device.Yes, device.No} {
		began := time.Now()
		r.Move(open == device.Yes)
		seen(t, r.Sensor.Readings, func(x device.ContactReading) bool { return x.Open == open })
		if took := time.Since(began); took > patience {
			t.Errorf("seen after %v", took)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	readings := r.Sensor.Readings(ctx)
	if first := <-readings; first.Open != device.No || first.Taken.IsZero() {
		t.Errorf("the first reading is %+v", first)
	}
	cancel()
	for range readings { // ends
	}
}
