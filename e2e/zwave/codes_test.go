package zwave

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/loquet/loquet/device"
	"github.com/loquet/loquet/e2e"
	"github.com/loquet/loquet/hw"
	"github.com/loquet/loquet/hw/zwave"
)

// Codes in real slots, as zwave-js sees them: on a lock with User Code CC (node 2), and through access control on one
// with User Credential CC (node 3).
func TestCodes(t *testing.T) {
	lab.NeedNetworks(t)
	stick := startStick(t, nil, port(t))
	server := startServer(t, stick, port(t), e2e.TempDir(t))
	env := hw.NewEnv(zerolog.Nop())
	t.Cleanup(func() { _ = env.Close() })
	for name, node := range map[string]int{"user code": 2, "user credential": 3} {
		t.Run(name, func(t *testing.T) {
			id := "lock-" + strings.ReplaceAll(name, " ", "-")
			lock, err := zwave.Open(t.Context(), env.For(id), zwave.Config{URL: "ws://127.0.0.1:" + server.port, Node: node})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			for there := false; !there; {
				if ctx.Err() != nil {
					t.Fatal("the lock does not answer")
				}
				_, there = <-lock.Readings(ctx)
			}
			traits, err := lock.SlotTraits(ctx)
			if err != nil || traits.First != 1 || traits.Last < 10 || traits.MinDigits != 4 || traits.MaxDigits < 8 {
				t.Fatalf("traits %+v, %v", traits, err)
			}
			codes(t, ctx, lock)
		})
	}
	if stick.told(2)+stick.told(3) != "" {
		t.Errorf("a bolt moved: %s, %s", stick.told(2), stick.told(3))
	}
}

func codes(t *testing.T, ctx context.Context, lock *zwave.Lock) {
	holds := func(n int, use device.SlotUse, keys device.Keys) {
		t.Helper()
		began := time.Now()
		if s, err := lock.ReadSlot(ctx, n); err != nil || s.Use != use || s.Keys != keys || s.Taken.Before(began) {
			t.Errorf("slot %d holds %v, %d digits, %v", n, s.Use, len(s.Keys), err)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	holds(3, device.SlotEmpty, "")
	must(lock.ClearSlot(ctx, 3))
	must(lock.WriteSlot(ctx, 3, "0427"))
	holds(3, device.SlotUsed, "0427")
	must(lock.WriteSlot(ctx, 3, "9731"))
	holds(3, device.SlotUsed, "9731")
	must(lock.WriteSlot(ctx, 4, "20260905"))
	holds(4, device.SlotUsed, "20260905")
	must(lock.ClearSlot(ctx, 3))
	holds(3, device.SlotEmpty, "")
	holds(4, device.SlotUsed, "20260905")
	must(lock.WriteSlot(ctx, 3, "5555"))
	holds(3, device.SlotUsed, "5555")
	for _, bad := range []device.Keys{"12", "12345678901", "12a4"} {
		if err := lock.WriteSlot(ctx, 5, bad); !errors.Is(err, device.ErrCodeRefused) || strings.Contains(err.Error(), string(bad)) {
			t.Errorf("a bad code of %d keys: %v", len(bad), err)
		}
	}
	holds(5, device.SlotEmpty, "")
	if err := lock.ClearSlot(ctx, 0); err == nil {
		t.Error("slot 0 is all of them, and was taken")
	}
	holds(3, device.SlotUsed, "5555")
	if err := lock.WriteSlot(ctx, 40000, "1234"); err == nil {
		t.Error("a slot that is not there takes a code")
	} else if errors.Is(err, device.ErrUnsure) {
		t.Errorf("a slot that is not there: %v", err)
	}
}
