package netlocktest

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loquet/loquet/device"
)

const (
	patience = 30 * time.Second
	pause    = time.Millisecond
)

// Lock is what is waited for: a driver's.
type Lock interface {
	Readings(ctx context.Context) <-chan device.LockReading
	Ready(ctx context.Context) error
}

// Upon waits for something that happens soon.
func Upon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick, end := time.NewTicker(pause), time.After(patience)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("waited for %s", what)
		}
	}
}

// Until waits for a reading, over ends of the connection.
func Until(t *testing.T, l Lock, what string, ok func(device.LockReading) bool) device.LockReading {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var last device.LockReading
	for ctx.Err() == nil {
		for last = range l.Readings(ctx) {
			if ok(last) {
				return last
			}
		}
		time.Sleep(pause)
	}
	t.Fatalf("%s does not come; the last reading is %+v", what, last)
	return last
}

// At waits until the bolt is there.
func At(t *testing.T, l Lock, at device.BoltPosition) device.LockReading {
	t.Helper()
	return Until(t, l, fmt.Sprint(at), func(x device.LockReading) bool { return x.Bolt == at })
}

// Refuses waits until orders are refused for a reason.
func Refuses(t *testing.T, l Lock, why string) {
	t.Helper()
	Upon(t, "orders to be refused: "+why, func() bool {
		err := l.Ready(t.Context())
		return err != nil && strings.Contains(err.Error(), why)
	})
}
