package zigbee2mqtt

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/loquet/loquet/device"
)

// SlotTraits implements device.CodeSlots. Zigbee2MQTT does not tell what a lock takes: it is what the
// configuration says.
func (l *Lock) SlotTraits(ctx context.Context) (device.SlotTraits, error) {
	if err := ctx.Err(); err != nil {
		return device.SlotTraits{}, l.Fail("ask for its codes", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	t := device.SlotTraits{First: l.first, Last: l.last, MinDigits: leastDigits, MaxDigits: mostDigits, ReadsBack: l.shows, SleepsBetweenCalls: false}
	if l.digits > 0 {
		t.MinDigits, t.MaxDigits, t.OneLength = l.digits, l.digits, true
	}
	return t, nil
}

// WriteSlot implements device.CodeSlots. The code is a string: a number would lose its leading zeros.
// Zigbee2MQTT tells when a lock took a code, and nothing when it did not.
func (l *Lock) WriteSlot(ctx context.Context, n int, keys device.Keys) error {
	least, most := leastDigits, mostDigits
	if l.digits > 0 {
		least, most = l.digits, l.digits
	}
	var err error
	switch {
	case strings.Trim(string(keys), "0123456789") != "":
		err = fmt.Errorf("%w: a code on this lock is digits alone", device.ErrCodeRefused)
	case len(keys) < least || len(keys) > most:
		err = fmt.Errorf("%w: it has %d digits, and the lock takes %d to %d", device.ErrCodeRefused, len(keys), least, most)
	default:
		err = l.write(ctx, n, map[string]any{"user": n, "user_type": "unrestricted", "user_enabled": true, "pin_code": string(keys)},
			func(m *message) (int, bool) { return number(m.Saved) })
	}
	return l.Fail("write a code", err)
}

// ClearSlot implements device.CodeSlots.
func (l *Lock) ClearSlot(ctx context.Context, n int) error {
	return l.Fail("clear a code", l.write(ctx, n, map[string]any{"user": n, "pin_code": nil},
		func(m *message) (int, bool) { return number(m.Cleared) }))
}

// write changes a slot and waits until Zigbee2MQTT says that the lock did so. When it last did is in every
// message: only another time than the one that is known counts, and where none is, one after the order.
func (l *Lock) write(ctx context.Context, n int, pin map[string]any, when func(*message) (int, bool)) error {
	if err := l.slot(ctx, n); err != nil {
		return err
	}
	began := int(time.Now().Add(-clockSlack).UnixMilli())
	l.mu.Lock()
	last := l.newest
	l.mu.Unlock()
	known, some := when(&last)
	return l.send(ctx, "set", map[string]any{"pin_code": pin}, func(m *message) bool {
		at, ok := when(m)
		return ok && (some && at != known || !some && at >= began)
	})
}

// clockSlack is how far the clock of Zigbee2MQTT may be behind.
const clockSlack = 2 * time.Second

// ReadSlot implements device.CodeSlots. It shows the digits where Zigbee2MQTT is told to (expose_pin).
func (l *Lock) ReadSlot(ctx context.Context, n int) (device.Slot, error) {
	if err := l.slot(ctx, n); err != nil {
		return device.Slot{}, l.Fail("read a code", err)
	}
	var s device.Slot
	taken := time.Now()
	err := l.send(ctx, "get", map[string]any{"pin_code": map[string]any{"user": n}}, func(m *message) bool {
		got, ok := m.slot(n, taken)
		if ok {
			s = got
		}
		return ok
	})
	if err != nil {
		return device.Slot{}, l.Fail("read a code", question(err))
	}
	if s.Keys != "" {
		l.mu.Lock()
		l.shows = true
		l.mu.Unlock()
	}
	return s, nil
}

// slot refuses slots that are not the configuration's: others may be the owner's own.
func (l *Lock) slot(ctx context.Context, n int) error {
	if n < l.first || n > l.last {
		return fmt.Errorf("there is no slot %d for codes, only %d to %d", n, l.first, l.last)
	}
	return l.Ready(ctx)
}
