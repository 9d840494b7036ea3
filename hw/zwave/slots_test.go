package zwave

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/loquet/loquet/device"
)

// What a lock does with codes, whichever way they are reached.
func TestSlots(t *testing.T) {
	for name, newer := range map[string]bool{"user code": false, "user credential": true} {
		t.Run(name, func(t *testing.T) {
			p := newPeer(t)
			p.newer = newer
			r := open(t, p)
			r.at(t, device.BoltSecured)
			ctx := t.Context()
			want := device.SlotTraits{First: 1, Last: 10, MinDigits: 4, MaxDigits: 10, ReadsBack: true}
			if newer {
				want.Last, want.MaxDigits = 20, 8
			}
			if got, err := r.lock.SlotTraits(ctx); err != nil || got != want {
				t.Errorf("traits %+v, %v, want %+v", got, err, want)
			}
			if s, err := r.lock.ReadSlot(ctx, 3); err != nil || s.Use != device.SlotEmpty || s.Taken.IsZero() {
				t.Errorf("an empty slot: %+v, %v", s, err)
			}
			if err := r.lock.ClearSlot(ctx, 3); err != nil {
				t.Errorf("to clear an empty slot: %v", err)
			}
			if err := r.lock.WriteSlot(ctx, 3, "0427"); err != nil {
				t.Fatal(err)
			}
			if s, err := r.lock.ReadSlot(ctx, 3); err != nil || s.Use != device.SlotUsed || string(s.Keys) != "0427" {
				t.Errorf("a slot that was written: %+v, %q, %v", s, string(s.Keys), err)
			}
			if err := r.lock.WriteSlot(ctx, 4, "0427"); !errors.Is(err, device.ErrCodeRefused) {
				t.Errorf("the same code twice: %v", err)
			}
			if err := r.lock.WriteSlot(ctx, 3, "9731"); err != nil {
				t.Errorf("another code in the slot: %v", err)
			}
			r.change(func() { r.disabled[3] = true })
			if s, err := r.lock.ReadSlot(ctx, 3); err != nil || s.Use != device.SlotDisabled {
				t.Errorf("a code that opens nothing: %+v, %v", s, err)
			}
			if err := r.lock.ClearSlot(ctx, 3); err != nil {
				t.Error(err)
			}
			if s, err := r.lock.ReadSlot(ctx, 3); err != nil || s.Use != device.SlotEmpty {
				t.Errorf("a slot that was cleared: %+v, %v", s, err)
			}
		})
	}
}

// Slot 0 is all slots at once (User Code CC): nothing of it may ever go out.
func TestSlotZeroIsNobodys(t *testing.T) {
	r := open(t, newPeer(t))
	r.at(t, device.BoltSecured)
	for _, n := range []int{0, -1, 70000} {
		_, read := r.lock.ReadSlot(t.Context(), n)
		if clear, write := r.lock.ClearSlot(t.Context(), n), r.lock.WriteSlot(t.Context(), n, "1234"); clear == nil || write == nil || read == nil {
			t.Errorf("slot %d: %v, %v, %v", n, clear, write, read)
		}
	}
	r.change(func() {
		for _, command := range r.heard {
			if strings.HasPrefix(command, "endpoint.") {
				t.Errorf("%s went out", command)
			}
		}
	})
}

// A bad code is refused in words, and no error ever shows it.
func TestBadCodes(t *testing.T) {
	p := newPeer(t)
	r := open(t, p)
	r.at(t, device.BoltSecured)
	for _, code := range []device.Keys{"", "123", "12345678901", "12a4", "12 4", "#123", "１２３４"} {
		err := r.lock.WriteSlot(t.Context(), 3, code)
		if !errors.Is(err, device.ErrCodeRefused) || code != "" && strings.Contains(err.Error(), string(code)) {
			t.Errorf("%q: %v", string(code), err)
		}
	}
	for _, c := range []struct {
		answer map[string]any
		want   error
	}{
		{zwaveError(322, "4711 is no code"), device.ErrCodeRefused},
		{zwaveError(204, "4711 was not acknowledged"), device.ErrUnsure},
		{zwaveError(109, "4711 cannot be sent securely"), nil},
		{good(map[string]any{"response": map[string]any{"status": 2}}), device.ErrCodeRefused},
		{good(map[string]any{"response": map[string]any{"status": "4711"}}), device.ErrUnsure},
		{good("4711"), device.ErrUnsure},
	} {
		r.change(func() {
			r.refuse = func(command string) map[string]any {
				if command == "endpoint.invoke_cc_api" {
					return c.answer
				}
				return nil
			}
		})
		err := r.lock.WriteSlot(t.Context(), 3, "4711")
		if err == nil || strings.Contains(fmt.Sprintf("%+v %v", err, err), "4711") || c.want != nil && !errors.Is(err, c.want) ||
			c.want == nil && (errors.Is(err, device.ErrUnsure) || errors.Is(err, device.ErrCodeRefused)) {
			t.Errorf("%v: %v", c.answer, err)
		}
	}
}

// A lock that answers with stars holds a code that cannot be compared, and says so.
func TestHiddenCodes(t *testing.T) {
	p := newPeer(t)
	p.slots[5], p.stars = "1234", true
	r := open(t, p)
	r.at(t, device.BoltSecured)
	if s, err := r.lock.ReadSlot(t.Context(), 5); err != nil || s.Use != device.SlotUsed || s.Keys != "" {
		t.Errorf("%+v, %q, %v", s, string(s.Keys), err)
	}
	if traits, err := r.lock.SlotTraits(t.Context()); err != nil || traits.ReadsBack {
		t.Errorf("%+v, %v", traits, err)
	}
}

func TestALockWithoutCodes(t *testing.T) {
	p := newPeer(t)
	p.refuse = func(command string) map[string]any {
		if command == "endpoint.supports_cc" {
			return good(map[string]any{"supported": false})
		}
		return nil
	}
	r := open(t, p)
	r.at(t, device.BoltSecured)
	if _, err := r.lock.SlotTraits(t.Context()); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
